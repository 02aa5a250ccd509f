//! What commands print: aligned columns for people, JSON for machines.
//!
//! INVARIANT: all of it goes through [`say!`](crate::say) and [`note!`](crate::note). Whoever reads may stop
//! early (`holdshort schema | head`): then the rest is dropped, and the command still ends with what it came to.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use serde_json::Value;

/// Prints a line of the result.
#[macro_export]
macro_rules! say {
    () => { $crate::output::line(format_args!("")) };
    ($($said:tt)*) => { $crate::output::line(format_args!($($said)*)) };
}

/// Prints a line beside the result, to standard error.
#[macro_export]
macro_rules! note {
    ($($said:tt)*) => { $crate::output::aside(format_args!($($said)*)) };
}

/// Why the result could not be printed to its end.
static LOST: OnceLock<ErrorKind> = OnceLock::new();

pub(crate) fn line(said: Arguments<'_>) {
    if LOST.get().is_none()
        && let Err(error) = writeln!(std::io::stdout().lock(), "{said}")
    {
        let _ = LOST.set(error.kind());
    }
}

/// A text that ends its own lines.
pub(crate) fn text(text: &str) {
    text.lines().for_each(|one| line(format_args!("{one}")));
}

/// There is nobody left to tell when this fails.
pub(crate) fn aside(said: Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{said}");
}

/// Whether nobody reads the result any more.
pub(crate) fn is_unread() -> bool {
    LOST.get() == Some(&ErrorKind::BrokenPipe)
}

/// What kept the result from being written, a reader who has gone left aside.
pub(crate) fn lost() -> Option<ErrorKind> {
    let flushed = std::io::stdout().lock().flush();
    let kind = LOST.get().copied().or(flushed.err().map(|error| error.kind()));
    kind.filter(|kind| *kind != ErrorKind::BrokenPipe)
}

/// Prints rows under headings, columns aligned.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say!("{}", padded.join("  ").trim_end());
    };
    line(&headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>());
    for row in rows {
        line(row);
    }
    if rows.is_empty() {
        say!("(none)");
    }
}

/// Prints one JSON document.
pub(crate) fn json(value: &Value) {
    say!("{value:#}");
}

/// What came from elsewhere, with everything that a terminal would act on shown as an escape.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let harmless = !c.is_control() && !matches!(u32::from(c), 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe0000..=0xe0fff | 0x061c);
            if harmless { vec![c] } else { c.escape_unicode().collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_a_terminal_would_act_on_is_shown_as_an_escape() {
        assert_eq!(plain("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(plain("a\u{202e}b\n"), "a\\u{202e}b\\u{a}");
        assert_eq!(plain("Grüße, 5 €"), "Grüße, 5 €");
    }
}
