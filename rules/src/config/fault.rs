//! Why one value cannot be read: the error type of [`super::reader`].

use std::fmt::Display;

use serde::de;

use super::findings::nearest;
use super::node::{Mark, Node};

/// Algorithms of JSON Web Tokens (RFC 7518 section 3.1) that need no key, or a shared one.
fn is_weak(algorithm: &str) -> bool {
    algorithm.eq_ignore_ascii_case("none") || algorithm.to_ascii_uppercase().starts_with("HS")
}

/// Why a value cannot be read.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) mark: Option<Mark>,
    /// The message says what is wanted; what was found is added where the node is known.
    pub(super) add_found: bool,
}

impl Fault {
    pub(super) fn expected(what: &str) -> Fault {
        de::Error::custom(what)
    }

    pub(super) fn at(mut self, node: &Node) -> Fault {
        if self.mark.is_none() {
            self.mark = Some(node.mark);
            if self.add_found {
                self.message = format!("{}, found {}", self.message, node.what());
            }
            if node.substituted {
                self.help = None;
            }
        }
        self
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    /// `expected something` in the message makes the finding end in what was found; help follows a newline.
    fn custom<T: Display>(message: T) -> Fault {
        let text = message.to_string();
        let (message, help) = match text.split_once('\n') {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (text, None),
        };
        let add_found = message.starts_with("expected ");
        Fault { code: "bad-value", message, help, mark: None, add_found }
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Fault {
        let mut fault = Fault::custom(format_args!("expected {expected}"));
        fault.code = "wrong-type";
        fault
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Fault {
        Fault::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Fault {
        let help = nearest(variant, expected.iter().copied()).map(|word| format!("did you mean `{word}`?"));
        let words: Vec<String> = expected.iter().map(|word| format!("`{word}`")).collect();
        let message = match words.as_slice() {
            [one] => format!("expected {one}"),
            [first @ .., last] => format!("expected {} or {last}", first.join(", ")),
            [] => "expected nothing".to_owned(),
        };
        let weak = expected.contains(&"ES256") && is_weak(variant);
        if weak {
            let help = Some("with it whoever can check a permit can make one: `ES256` is the default".to_owned());
            return Fault { code: "weak-algorithm", message, help, mark: None, add_found: true };
        }
        Fault { code: "unknown-word", message, help, mark: None, add_found: true }
    }

    fn missing_field(field: &'static str) -> Fault {
        Fault {
            code: "missing-key",
            message: format!("the key `{field}` is missing here"),
            help: None,
            mark: None,
            add_found: false,
        }
    }
}
