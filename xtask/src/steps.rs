//! Steps that are named, timed and summed up.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// The steps of one command, in the order in which they were run.
#[derive(Debug)]
pub(crate) struct Steps {
    started_at: Instant,
    rows: Vec<String>,
}

impl Steps {
    pub(crate) fn start() -> Self {
        Self { started_at: Instant::now(), rows: Vec::new() }
    }

    /// Runs one step and ends it with a line of its own: `name ... ok (12.3 s)`. What the step returns stands beside it
    /// in the summary.
    pub(crate) fn run(
        &mut self,
        name: &str,
        step: impl FnOnce() -> Result<Option<String>, Failure>,
    ) -> Result<(), Failure> {
        println!("\n== {name}");
        let began_at = Instant::now();
        let result = step();
        let (word, note) = match &result {
            Ok(note) => ("ok", note.clone()),
            Err(failure) => ("FAILED", Some(failure.what.clone())),
        };
        let took = seconds(began_at.elapsed());
        println!("{name} ... {word} ({took})");
        let note = note.map(|note| format!("  {note}")).unwrap_or_default();
        self.rows.push(format!("  {name:<8} {word:<8} {took:>10}{note}"));
        result.map(drop)
    }

    /// All steps, one line each.
    pub(crate) fn summary(&self) -> String {
        format!("\nsummary\n{}\n  in all {:>20}", self.rows.join("\n"), seconds(self.started_at.elapsed()))
    }
}

fn seconds(span: Duration) -> String {
    match span.as_secs() {
        0..120 => format!("{:.1} s", span.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_to_read() {
        assert_eq!(seconds(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn the_summary_tells_how_each_step_ended() {
        let mut steps = Steps::start();
        steps.run("fmt", || Ok(None)).unwrap();
        steps.run("tools", || Ok(Some("no list".into()))).unwrap();
        steps.run("test", || Err(Failure::finding("a test failed", "read it"))).unwrap_err();
        let summary = steps.summary();
        let words: Vec<Vec<&str>> = summary.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(words.contains(&vec!["fmt", "ok", "0.0", "s"]), "{summary}");
        assert!(words.contains(&vec!["tools", "ok", "0.0", "s", "no", "list"]), "{summary}");
        assert!(words.contains(&vec!["test", "FAILED", "0.0", "s", "a", "test", "failed"]), "{summary}");
    }
}
