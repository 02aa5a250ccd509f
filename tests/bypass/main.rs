//! Ways past the gate, one row each: what an agent that was taken over could send, what must happen, and how
//! that is held. Rows that are requests are sent here: over real sockets, to the built binary, before a
//! recording service, once where what no route names is rejected (P1) and once where it passes (P2). A
//! mismatch between gate and service hides as a rejection under P1; only P2 shows it. Around each row stand
//! generated variants of spelling, framing, order and protocol version.
//!
//! Three things are held against every request: the row's own expectation; a marker request behind it on the
//! same connection, so that nothing is smuggled; and the [`oracle`], which asks several kinds of servers what
//! they would have served for the bytes that were recorded.
//!
//! The table is `docs/reference/bypass-cases.md`; `UPDATE_BYPASS=1` writes it.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

// The directory of the other test crate, so that its modules are found where they stand.
#[path = "../e2e"]
mod e2e {
    pub mod harness;
}
use e2e::harness;

mod case;
mod cases;
mod frames;
mod house;
mod lane;
mod oracle;
mod page;
mod server;
mod variants;
mod wire;

use case::{Case, Finding, Profile};

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_gets_past_the_gate() {
    let house = house::House::open().await;
    let findings = house.try_all(cases::all()).await;
    println!("{}", page::table(&findings));
    let bad: Vec<String> = findings.iter().flat_map(Finding::complaints).collect();
    assert!(bad.is_empty(), "{} complaints:\n{}", bad.len(), bad.join("\n"));
    page::compare(&page::reference(&findings));
}

#[test]
fn every_row_is_there_once_and_says_how_it_is_held() {
    let cases = cases::all();
    let mut ids: Vec<&str> = cases.iter().map(|case| case.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((cases.len(), ids.len()), (245, 245), "a row is missing, or stands twice");
    let silent: Vec<&str> = cases.iter().filter(|case| !case.is_held()).map(|case| case.id).collect();
    assert!(silent.is_empty(), "rows that say nothing of how they are held: {silent:?}");
}

#[test]
fn every_test_that_a_row_names_is_in_the_tree() {
    let known = page::tests_in_the_tree();
    let cases = cases::all();
    let missing: Vec<String> = cases
        .iter()
        .flat_map(|case: &Case| case.tests.iter().map(move |test| (case.id, *test)))
        .filter(|(_, test)| !known.contains(*test))
        .map(|(id, test)| format!("{id}: {test}"))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(Profile::BOTH.len(), 2);
}
