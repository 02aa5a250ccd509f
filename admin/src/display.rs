//! The one way by which a text that people did not write reaches a page.
//!
//! What an approver reads must be what is there. So whatever is invisible, reorders, or imitates is
//! shown as a visible escape and named in a warning; long runs of white space are collapsed to a
//! counter; raw tokens of numbers stay, with grouped digits beside them. HTML is escaped here as well:
//! [`Shown`] is the only type of this crate that templates take as safe.
//!
//! INVARIANT: nothing is left out silently. Every character is shown, escaped, or counted.

pub mod json;

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

/// A text made fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    pieces: Vec<Piece>,
    warnings: BTreeSet<Warning>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    /// A character (or byte) that would not be seen for what it is, by name.
    Escape(String),
    /// So much white space.
    Run(String),
    /// The gate's own remark beside a token.
    Hint(String),
    /// Start and end of a token's colour in JSON.
    Open(&'static str),
    Close,
}

/// What a reader should know before believing a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    Direction,
    Invisible,
    Control,
    Undefined,
    NotUtf8,
    Spaces,
    Padding,
    Digits,
    Alphabets,
    Marks,
}

impl Warning {
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Warning::Direction => "characters that reverse the direction of text",
            Warning::Invisible => "invisible characters",
            Warning::Control => "control characters",
            Warning::Undefined => "characters without a defined look",
            Warning::NotUtf8 => "bytes that are no text",
            Warning::Spaces => "unusual spaces",
            Warning::Padding => "long runs of white space",
            Warning::Digits => "digits other than 0 to 9",
            Warning::Alphabets => "letters of several alphabets in one word",
            Warning::Marks => "stacked accents",
        }
    }
}

/// Longest run of spaces, and most line breaks in a run, that are shown as they are.
const MOST_SPACES: usize = 40;
const MOST_BREAKS: usize = 3;

static SUSPECT: LazyLock<Regex> = LazyLock::new(|| {
    // White space that is a run; a single character that is not what it seems; digits and marks.
    let pattern = concat!(
        r"(?P<run>[ \t\n]{4,})",
        r"|(?P<mark>\p{M}{4,})",
        r"|(?P<digit>[\p{Nd}--0-9])",
        r"|(?P<odd>[[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\x{2800}\x{1D159}]--[ \n\t]])",
    );
    #[expect(clippy::expect_used, reason = "a constant, compiled by every test of this file")]
    Regex::new(pattern).expect("the pattern is valid")
});

static TWO_ALPHABETS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"\p{Latin}[\p{M}\p{N}_]*[\p{Cyrillic}\p{Greek}]|[\p{Cyrillic}\p{Greek}][\p{M}\p{N}_]*\p{Latin}";
    #[expect(clippy::expect_used, reason = "a constant, compiled by every test of this file")]
    Regex::new(pattern).expect("the pattern is valid")
});

/// Makes a text fit to be shown.
pub fn show(text: impl AsRef<str>) -> Shown {
    let mut shown = Shown::default();
    shown.add(text.as_ref());
    shown
}

/// Makes bytes fit to be shown: text where they are UTF-8, escapes for the rest.
pub fn show_bytes(bytes: &[u8]) -> Shown {
    let mut shown = Shown::default();
    for chunk in bytes.utf8_chunks() {
        shown.add(chunk.valid());
        for byte in chunk.invalid() {
            shown.escape(format!("\\x{byte:02X}"), Warning::NotUtf8);
        }
    }
    shown
}

impl Shown {
    fn add(&mut self, text: &str) {
        if TWO_ALPHABETS.is_match(text) {
            self.warn(Warning::Alphabets);
        }
        let mut from = 0;
        for found in SUSPECT.captures_iter(text) {
            let Some(whole) = found.get(0) else { continue };
            self.plain(text.get(from..whole.start()).unwrap_or_default());
            from = whole.end();
            if found.name("run").is_some() {
                self.run(whole.as_str());
            } else if found.name("mark").is_some() {
                for c in whole.as_str().chars() {
                    self.escape(code_point(c), Warning::Marks);
                }
            } else {
                let digit = found.name("digit").is_some();
                for c in whole.as_str().chars() {
                    self.escape(name(c), if digit { Warning::Digits } else { warning(c) });
                }
            }
        }
        self.plain(text.get(from..).unwrap_or_default());
    }

    fn plain(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Plain(text.to_owned()));
        }
    }

    fn escape(&mut self, text: String, warning: Warning) {
        self.pieces.push(Piece::Escape(text));
        self.warn(warning);
    }

    fn warn(&mut self, warning: Warning) {
        self.warnings.insert(warning);
    }

    fn run(&mut self, run: &str) {
        let count = |wanted: char| run.chars().filter(|c| *c == wanted).count();
        let (spaces, tabs, breaks) = (count(' '), count('\t'), count('\n'));
        let widest = run.split('\n').map(str::len).max().unwrap_or(0);
        if breaks <= MOST_BREAKS && widest <= MOST_SPACES {
            self.plain(run);
            return;
        }
        let parts = [(spaces, "spaces"), (tabs, "tabs"), (breaks, "line breaks")];
        let said: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", group(&n.to_string()))).collect();
        self.pieces.push(Piece::Run(said.join(", ")));
        if breaks > 0 {
            self.plain("\n");
        }
        self.warn(Warning::Padding);
    }

    /// What to warn of, each once.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings.iter().copied().collect()
    }

    /// As plain text, for titles of windows and tests: escapes in brackets.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            let _ = match piece {
                Piece::Plain(plain) => write!(text, "{plain}"),
                Piece::Escape(escape) => write!(text, "[{escape}]"),
                Piece::Run(run) => write!(text, "[+{run}]"),
                Piece::Hint(hint) => write!(text, " ({hint})"),
                Piece::Open(_) | Piece::Close => Ok(()),
            };
        }
        text
    }
}

/// HTML, escaped.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Plain(text) => html(f, text)?,
                Piece::Escape(text) => tagged(f, "esc", text)?,
                Piece::Run(text) => {
                    f.write_str("<span class=\"esc\">+")?;
                    html(f, text)?;
                    f.write_str("</span>")?;
                }
                Piece::Hint(text) => tagged(f, "hint", text)?,
                Piece::Open(class) => write!(f, "<span class=\"{class}\">")?,
                Piece::Close => f.write_str("</span>")?,
            }
        }
        Ok(())
    }
}

impl askama::filters::HtmlSafe for Shown {}
impl askama::FastWritable for Shown {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        write!(dest, "{self}")?;
        Ok(())
    }
}

fn tagged(f: &mut fmt::Formatter<'_>, class: &str, text: &str) -> fmt::Result {
    write!(f, "<span class=\"{class}\">")?;
    html(f, text)?;
    f.write_str("</span>")
}

fn html(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        match c {
            '&' => f.write_str("&amp;")?,
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '"' => f.write_str("&quot;")?,
            '\'' => f.write_str("&#39;")?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

fn warning(c: char) -> Warning {
    match c {
        '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Warning::Direction,
        c if c.is_control() => Warning::Control,
        '\u{2028}' | '\u{2029}' => Warning::Control,
        c if c.is_whitespace() => Warning::Spaces,
        '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}' => Warning::Undefined,
        _ => Warning::Invisible,
    }
}

fn name(c: char) -> String {
    let named = match c {
        '\0' => "NUL",
        '\r' => "\\r",
        '\u{1B}' => "ESC",
        '\u{7F}' => "DEL",
        '\u{A0}' => "no-break space",
        '\u{AD}' => "soft hyphen",
        '\u{200B}' => "zero-width space",
        '\u{200E}' => "left-to-right mark",
        '\u{200F}' => "right-to-left mark",
        '\u{202A}' => "left-to-right embedding",
        '\u{202B}' => "right-to-left embedding",
        '\u{202D}' => "left-to-right override",
        '\u{202E}' => "right-to-left override",
        '\u{FEFF}' => "byte order mark",
        c if c.is_numeric() => return format!("{c} {}", code_point(c)),
        c => return code_point(c),
    };
    if c < ' ' || c == '\u{7F}' { named.to_owned() } else { format!("{} {named}", code_point(c)) }
}

fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// Digits in groups of three, apart by narrow spaces: `1250000` -> `1 250 000`.
pub(crate) fn group(digits: &str) -> String {
    let count = digits.chars().count();
    let mut grouped = String::with_capacity(count + count / 3);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (count - at).is_multiple_of(3) {
            grouped.push('\u{202F}');
        }
        grouped.push(c);
    }
    grouped
}

#[cfg(test)]
mod tests;
