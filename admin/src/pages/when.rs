//! Times as people read them: how long ago, how long still.

use gate::Timestamp;

fn micros(iso: &str) -> Option<i64> {
    iso.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

/// A span in its two largest units that matter: `45 s`, `4 min`, `2 h 10 min`, `3 d`.
pub(crate) fn span(seconds: i64) -> String {
    match seconds {
        ..=59 => format!("{} s", seconds.max(0)),
        60..=3599 => format!("{} min", seconds / 60),
        3600..=86_399 if seconds % 3600 < 60 => format!("{} h", seconds / 3600),
        3600..=86_399 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

pub(crate) fn ago(now: &Timestamp, iso: &str) -> String {
    match micros(iso) {
        Some(at) if now.0 - at < 5_000_000 => "just now".to_owned(),
        Some(at) => format!("{} ago", span((now.0 - at) / 1_000_000)),
        None => iso.to_owned(),
    }
}

pub(crate) fn left(now: &Timestamp, iso: &str) -> String {
    match micros(iso) {
        Some(at) if at <= now.0 => "now".to_owned(),
        Some(at) => format!("in {}", span((at - now.0) / 1_000_000)),
        None => iso.to_owned(),
    }
}

/// `2026-03-14 09:26:53 UTC`
pub(crate) fn clock(iso: &str) -> String {
    match iso.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.get(..8).unwrap_or(time)),
        None => iso.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ago, clock, left, span};
    use gate::Timestamp;

    #[test]
    fn spans_are_short() {
        let table = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (7800, "2 h 10 min"),
            (90_000, "1 d"),
            (-5, "0 s"),
        ];
        for (seconds, wanted) in table {
            assert_eq!(span(seconds), wanted);
        }
    }

    #[test]
    fn times_are_said_from_now() {
        let now = Timestamp(1_000_000_000_000_000);
        assert_eq!(ago(&now, "2001-09-09T01:45:40.000Z"), "1 min ago");
        assert_eq!(ago(&now, "2001-09-09T01:46:38.000Z"), "just now");
        assert_eq!(left(&now, "2001-09-09T01:56:40.000Z"), "in 10 min");
        assert_eq!(left(&now, "2001-09-09T01:46:40.000Z"), "now");
        assert_eq!(clock("2001-09-09T01:46:40.000Z"), "2001-09-09 01:46:40 UTC");
        assert_eq!(left(&now, "nonsense"), "nonsense");
    }
}
