//! What is wrong with a configuration, and how it is shown: for people with a snippet, for GitHub in one
//! line each, for programs as JSON.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use super::Place;
pub(crate) use super::node::shortened;

use super::load::{Finding, Findings, Severity, Source};

pub(super) fn error(code: &'static str, place: Place, message: String, help: Option<String>) -> Finding {
    Finding { severity: Severity::Error, code, message, place, help, notes: Vec::new() }
}

pub(super) fn warning(code: &'static str, place: Place, message: String, help: Option<String>) -> Finding {
    Finding { severity: Severity::Warning, code, message, place, help, notes: Vec::new() }
}

/// The line that this finding is about is not shown: what is printed ends in logs.
pub(crate) const SECRET: &str = "secret-in-file";

/// More than this nobody reads, and each one searches its line.
const SHOWN: usize = 100;

/// The word that was probably meant.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word: String = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let far = match word.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= far && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

impl Severity {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl Findings {
    #[must_use]
    pub fn new(list: Vec<Finding>, sources: Arc<Vec<Source>>) -> Findings {
        Findings { list, sources }
    }

    /// In the order in which one reads the files, each once.
    #[must_use]
    pub fn sorted(mut list: Vec<Finding>, sources: Arc<Vec<Source>>) -> Findings {
        let files: HashMap<&str, usize> =
            sources.iter().enumerate().map(|(at, source)| (source.name.as_str(), at)).collect();
        list.sort_by_key(|Finding { place, .. }| {
            (files.get(place.file.as_str()).copied().unwrap_or(usize::MAX), place.line, place.column)
        });
        list.dedup();
        Findings { list, sources }
    }

    /// The same findings, shown with these texts.
    #[must_use]
    pub fn with_sources(self, sources: Arc<Vec<Source>>) -> Findings {
        Findings { sources, ..self }
    }

    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|finding| finding.severity == severity).count()
    }

    /// One line each, as GitHub Actions turns them into annotations.
    #[must_use]
    pub fn github(&self) -> String {
        let mut out = String::new();
        for finding in &self.list {
            let Finding { severity, code, message, place, help, notes } = finding;
            let mut text = message.clone();
            for note in notes {
                text.push_str(&format!("\nnote: {note}"));
            }
            if let Some(help) = help {
                text.push_str(&format!("\nhelp: {help}"));
            }
            let line = format!(
                "::{} file={},line={},col={},title={code}::{}\n",
                severity.as_str(),
                property(&place.file),
                place.line,
                place.column,
                data(&text)
            );
            out.push_str(&line);
        }
        out
    }

    /// `[{severity, code, message, file, line, column, help, notes}]`.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let list = self.list.iter().map(|finding| {
            serde_json::json!({
                "severity": finding.severity.as_str(),
                "code": finding.code,
                "message": finding.message,
                "file": finding.place.file,
                "line": finding.place.line,
                "column": finding.place.column,
                "help": finding.help,
                "notes": finding.notes,
            })
        });
        list.collect()
    }

    fn snippet(&self, place: &Place) -> Option<Snippet<'_>> {
        let source = self.sources.iter().find(|source| source.name == place.file)?;
        let index = usize::try_from(place.line).ok()?.checked_sub(1)?;
        let line = source.text.lines().nth(index)?;
        let before = usize::try_from(place.column).ok()?.checked_sub(1)?;
        Some(Snippet { line, before })
    }
}

struct Snippet<'t> {
    line: &'t str,
    /// Characters before the caret.
    before: usize,
}

impl Snippet<'_> {
    /// At most 100 characters of the line, so that the caret stays in sight, and without control characters.
    fn window(&self) -> (String, usize) {
        let start = if self.before > 80 { self.before - 40 } else { 0 };
        let line: String =
            self.line.chars().skip(start).take(100).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before = (self.before - start).min(line.chars().count());
        (line, before)
    }

    /// The word under the caret.
    fn width(&self) -> usize {
        let rest: Vec<char> = self.line.chars().skip(self.before).take(60).collect();
        let end = match rest.first() {
            Some(quote @ ('"' | '\'')) => rest.iter().skip(1).position(|c| c == quote).map_or(1, |at| at + 2),
            _ => {
                let ends = |at: usize, c: char| match c {
                    ',' | '}' | ']' | ' ' | '\t' => true,
                    ':' => rest.get(at + 1).is_none_or(|next| next.is_whitespace()),
                    _ => false,
                };
                rest.iter().enumerate().position(|(at, c)| ends(at, *c)).unwrap_or(rest.len())
            }
        };
        end.max(1)
    }
}

impl Display for Findings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.list.iter().take(SHOWN).enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            let Finding { severity, code, message, place, help, notes } = finding;
            writeln!(f, "{}[{code}]: {message}", severity.as_str())?;
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            if !place.file.is_empty() {
                writeln!(f, "{margin}--> {}:{}:{}", place.file, place.line, place.column)?;
            }
            if let Some(snippet) = self.snippet(place).filter(|_| *code != SECRET) {
                let (line, before) = snippet.window();
                writeln!(f, "{margin} |")?;
                writeln!(f, "{number} | {}", line.trim_end())?;
                writeln!(f, "{margin} | {}{}", " ".repeat(before), "^".repeat(snippet.width()))?;
            }
            for note in notes {
                writeln!(f, "{margin} = note: {note}")?;
            }
            if let Some(help) = help {
                writeln!(f, "{margin} = help: {help}")?;
            }
        }
        if self.list.len() > SHOWN {
            writeln!(f, "\nand {} more", self.list.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// Escapes as the workflow commands of GitHub Actions want it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
