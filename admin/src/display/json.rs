//! JSON laid out for reading, token by token: every token is the raw one, in its order, so that `1e3`,
//! `0.10` and `\u202e` stand as they were sent. Only the space between tokens is ours.

use super::{Piece, Shown, Warning, group, show};

/// Deepest nesting that is indented further; deeper is still shown.
const DEEPEST_INDENT: usize = 24;

/// JSON as laid out, with what stands at its top.
#[derive(Debug, Clone)]
pub struct ShownJson {
    pub shown: Shown,
    /// Keys of the outermost object, in order.
    pub top: Vec<String>,
    /// Keys of all objects.
    pub keys: usize,
}

/// Lays JSON out; `None` where the bytes are not JSON.
#[must_use]
pub fn lay_out(bytes: &[u8]) -> Option<ShownJson> {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).ok()?;
    let text = std::str::from_utf8(bytes).ok()?;
    let mut layout = Layout { shown: Shown::default(), stack: Vec::new(), top: Vec::new(), keys: 0 };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | '\t' | '\n' | '\r' => {
                rest = rest.get(1..)?;
                continue;
            }
            '"' => string_end(rest)?,
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            _ => rest.find([',', '}', ']', ' ', '\t', '\n', '\r', ':']).unwrap_or(rest.len()),
        };
        let token = rest.get(..length)?;
        rest = rest.get(length..)?;
        layout.token(token, rest);
    }
    Some(ShownJson { shown: layout.shown, top: layout.top, keys: layout.keys })
}

/// Where the string that starts the text ends, quotes included.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Layout {
    shown: Shown,
    /// The open brackets; whether each is an object.
    stack: Vec<bool>,
    top: Vec<String>,
    keys: usize,
}

impl Layout {
    fn token(&mut self, token: &str, rest: &str) {
        match token {
            "{" | "[" => {
                self.shown.plain(token);
                self.stack.push(token == "{");
                let close = if token == "{" { '}' } else { ']' };
                if !rest.trim_start().starts_with(close) {
                    self.line();
                }
            }
            "}" | "]" => {
                self.stack.pop();
                let empty = matches!(self.shown.pieces.last(), Some(Piece::Plain(last)) if last == "{" || last == "[");
                if !empty {
                    self.line();
                }
                self.shown.plain(token);
            }
            "," => {
                self.shown.plain(",");
                self.line();
            }
            ":" => self.shown.plain(": "),
            token if token.starts_with('"') => {
                let key = self.stack.last() == Some(&true) && rest.trim_start().starts_with(':');
                if key {
                    self.keys += 1;
                    if self.stack.len() == 1 {
                        self.top.push(token.trim_matches('"').to_owned());
                    }
                }
                self.coloured(if key { "j-key" } else { "j-str" }, token);
            }
            token if token.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                self.coloured("j-num", token);
                if let Some(hint) = grouped(token) {
                    self.shown.pieces.push(Piece::Hint(hint));
                }
            }
            token => self.coloured("j-lit", token),
        }
    }

    /// A raw token. An escape like `\u202e` is visible as it stands, but not to everybody what it does.
    fn coloured(&mut self, class: &'static str, token: &str) {
        if token.contains("\\u")
            && let Ok(meant) = serde_json::from_str::<String>(token)
        {
            for warning in show(meant).warnings() {
                if !matches!(warning, Warning::Control | Warning::Padding) {
                    self.shown.warn(warning);
                }
            }
        }
        self.shown.pieces.push(Piece::Open(class));
        let Shown { pieces, warnings } = show(token);
        self.shown.pieces.extend(pieces);
        self.shown.warnings.extend(warnings);
        self.shown.pieces.push(Piece::Close);
    }

    /// A new line, indented. Ours, so it is not counted as white space of the text.
    fn line(&mut self) {
        let depth = self.stack.len().min(DEEPEST_INDENT);
        self.shown.plain(&format!("\n{}", "  ".repeat(depth)));
    }
}

/// A number with its digits in groups, where that helps: four or more before the point, or an exponent.
pub(crate) fn grouped(token: &str) -> Option<String> {
    let (sign, digits) = token.strip_prefix('-').map_or(("", token), |digits| ("-", digits));
    if digits.contains(['e', 'E']) {
        let value: f64 = token.parse().ok()?;
        return (value.abs() < 1e15 && value.fract() == 0.0).then(|| {
            let whole = format!("{:.0}", value.abs());
            format!("{sign}{}", group(&whole))
        });
    }
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    if whole.len() < 4 || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
    Some(format!("{sign}{}{fraction}", group(whole)))
}
