use super::*;
use crate::config::AllowedTime;

fn schedule(timezone: &str, weekends: bool, hours: Option<(u8, u8)>, allow: &[(&[u8], u16, u16)]) -> Schedule {
    let allow = allow
        .iter()
        .map(|(days, from, to)| AllowedTime { days: days.to_vec(), from_minute: from * 60, to_minute: to * 60 })
        .collect();
    let rules = config::Schedule {
        timezone: timezone.to_owned(),
        block_weekends: weekends,
        block_hours: hours,
        allow,
        outside: Outside::Deny,
    };
    Schedule::compile(&rules).unwrap()
}

/// At an instant: whether it is blocked, and from when on it is.
fn check(schedule: &Schedule, table: &str) {
    for row in table.lines().filter(|row| row.contains('|')) {
        let [at, blocked, next] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{row}") };
        let at: Timestamp = at.parse().unwrap();
        assert_eq!(if schedule.blocks(at) { "blocked" } else { "open" }, blocked, "{row}");
        let got = schedule.next_blocked(at).map_or("never".to_owned(), |next| next.to_string());
        assert_eq!(got, next, "{row}");
    }
}

#[test]
fn nights_and_weekends_in_berlin() {
    check(
        &schedule("Europe/Berlin", true, Some((0, 6)), &[]),
        "
        2026-11-18T10:00:00Z | open    | 2026-11-18T23:00:00Z
        2026-11-18T23:00:00Z | blocked | 2026-11-18T23:00:00Z
        2026-11-19T04:59:59Z | blocked | 2026-11-19T04:59:59Z
        2026-11-19T05:00:00Z | open    | 2026-11-19T23:00:00Z
        2026-11-20T22:59:59Z | open    | 2026-11-20T23:00:00Z
        2026-11-21T12:00:00Z | blocked | 2026-11-21T12:00:00Z
        2026-07-01T21:59:59Z | open    | 2026-07-01T22:00:00Z
        2026-07-01T22:00:00Z | blocked | 2026-07-01T22:00:00Z
        ",
    );
}

#[test]
fn hours_wrap_midnight_and_empty_hours_block_nothing() {
    check(
        &schedule("UTC", false, Some((22, 6)), &[]),
        "
        2026-11-18T21:59:59Z | open    | 2026-11-18T22:00:00Z
        2026-11-18T23:00:00Z | blocked | 2026-11-18T23:00:00Z
        2026-11-19T05:59:00Z | blocked | 2026-11-19T05:59:00Z
        2026-11-19T06:00:00Z | open    | 2026-11-19T22:00:00Z
        ",
    );
    check(&schedule("UTC", false, Some((6, 6)), &[]), "2026-11-18T06:00:00Z | open | never");
    check(&schedule("UTC", false, None, &[]), "2026-11-21T06:00:00Z | open | never");
}

#[test]
fn allowed_times_block_all_others() {
    check(
        &schedule("Europe/Berlin", false, None, &[(&[0, 1, 2, 3, 4], 8, 18)]),
        "
        2026-11-20T06:59:59Z | blocked | 2026-11-20T06:59:59Z
        2026-11-20T07:00:00Z | open    | 2026-11-20T17:00:00Z
        2026-11-20T17:00:00Z | blocked | 2026-11-20T17:00:00Z
        2026-11-22T12:00:00Z | blocked | 2026-11-22T12:00:00Z
        ",
    );
    // Friday night belongs to Friday.
    check(
        &schedule("UTC", false, None, &[(&[4], 22, 2)]),
        "
        2026-11-20T23:00:00Z | open    | 2026-11-21T02:00:00Z
        2026-11-21T01:59:59Z | open    | 2026-11-21T02:00:00Z
        2026-11-21T23:00:00Z | blocked | 2026-11-21T23:00:00Z
        2026-11-20T01:00:00Z | blocked | 2026-11-20T01:00:00Z
        ",
    );
}

#[test]
fn clocks_that_change_are_followed() {
    // Berlin, 29 March 2026: 02:00 becomes 03:00. What begins at two o'clock begins with the change.
    check(
        &schedule("Europe/Berlin", false, Some((2, 4)), &[]),
        "
        2026-03-29T00:59:59Z | open    | 2026-03-29T01:00:00Z
        2026-03-29T01:00:00Z | blocked | 2026-03-29T01:00:00Z
        2026-03-29T02:00:00Z | open    | 2026-03-30T00:00:00Z
        ",
    );
    // 25 October 2026: two o'clock comes twice, and both are blocked.
    check(
        &schedule("Europe/Berlin", false, Some((2, 3)), &[]),
        "
        2026-10-24T23:59:59Z | open    | 2026-10-25T00:00:00Z
        2026-10-25T00:30:00Z | blocked | 2026-10-25T00:30:00Z
        2026-10-25T01:59:59Z | blocked | 2026-10-25T01:59:59Z
        2026-10-25T02:00:00Z | open    | 2026-10-26T01:00:00Z
        ",
    );
}

#[test]
fn an_unknown_zone_is_refused() {
    let rules = config::Schedule {
        timezone: "Mars/Base".to_owned(),
        block_weekends: true,
        block_hours: None,
        allow: Vec::new(),
        outside: Outside::Deny,
    };
    assert!(Schedule::compile(&rules).unwrap_err().contains("Mars/Base"));
}
