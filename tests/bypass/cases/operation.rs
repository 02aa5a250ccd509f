//! WHK, AUD, AVL: calls of the gate itself, audit and secrets, faults.

use crate::case::{Case, case};

pub fn cases() -> Vec<Case> {
    webhooks().into_iter().chain(audit()).chain(faults()).collect()
}

fn webhooks() -> Vec<Case> {
    let none = "the gate sends no webhooks yet, and fetches no address that anybody gives it";
    vec![
        case(
            "WHK-01",
            "webhooks to loopback, link-local, private and metadata addresses",
            "refused when saved and when dialled",
        )
        .absent(none),
        case(
            "WHK-02",
            "addresses in odd spellings: decimal, octal, mapped, with user information",
            "one parser; the resolved address counts",
        )
        .absent(none),
        case(
            "WHK-04",
            "a name that resolves to another address the second time",
            "only the address that was checked is dialled",
        )
        .absent(none),
        case("WHK-05", "redirects of the receiver", "not followed").absent(none),
        case("WHK-06", "receivers that never answer, or never end", "bounded in time and size; others are not delayed")
            .absent(none),
        case("WHK-07", "signatures: wrong, old, replayed, of a rotated secret", "receivers can tell").absent(none),
        case("WHK-08", "what a webhook carries", "never a permit; parameters only by choice").absent(none),
        case("WHK-10", "proxies named in the environment", "not used")
            .tests(&["calls_go_over_tls_on_both_sides"])
            .absent("the gate's calls to upstreams are made without any proxy; it makes no others"),
        case("WHK-11", "key sets and discovery documents at an address that an admin gives", "the same guard")
            .absent(none),
    ]
}

fn audit() -> Vec<Case> {
    vec![
        case(
            "AUD-01",
            "killed at random points, again and again",
            "each effect has a record that was written before it",
        )
        .tests(&[
            "killed_again_and_again_every_call_at_the_upstream_has_its_record",
            "killed_while_holding_the_intent_is_still_there_and_the_retry_attaches",
        ]),
        case("AUD-02", "a store that is read-only, full or slow", "503: nothing that must be recorded is sent").tests(
            &[
                "with_the_disk_full_nothing_is_sent_and_it_recovers_when_there_is_room",
                "with_the_store_locked_nothing_is_sent_rejects_stay_rejects_and_it_recovers",
            ],
        ),
        case(
            "AUD-03",
            "rows of the log changed, removed, reordered; the log cut or rolled back",
            "`audit verify` says where; a checkpoint kept elsewhere shows a rollback",
        )
        .tests(&[
            "a_log_that_was_tampered_with_does_not_verify_and_says_where",
            "an_audit_log_that_was_changed_does_not_verify",
        ]),
        case("AUD-05", "secrets in headers, bodies, URLs and answers", "not in logs, errors or views")
            .tests(&[
                "a_credential_is_never_shown_whole",
                "credentials_are_shown_masked_and_bound_as_they_are",
                "what_a_secret_holds_is_not_shown",
                "debug_output_holds_no_private_key",
            ])
            .own(|lane| Box::pin(super::sessions::the_key_is_in_no_log(lane))),
        case("AUD-07", "line ends and escapes in what is logged", "one event, one line")
            .tests(&["what_a_terminal_would_act_on_is_shown_as_an_escape", "reason_phrases_are_one_line_of_ascii"])
            .own(|lane| Box::pin(super::sessions::a_log_line_is_one_line(lane))),
        case("AUD-08", "a million different paths or tools in the metrics", "labels are names from the configuration")
            .tests(&["every_metric_is_in_the_reference"])
            .own(|lane| Box::pin(super::sessions::metrics_name_no_path(lane))),
        case("AUD-09", "the log read without the role for it", "403").tests(&["the_table_of_who_may_do_what"]),
        case("AUD-10", "payloads removed while the proof stays", "the log holds digests")
            .absent("payloads are not removed yet: there is no retention setting"),
    ]
}

fn faults() -> Vec<Case> {
    vec![
        case(
            "AVL-01",
            "the store is away: held, allowed and rejected calls",
            "503 for what must be recorded; rejects stay rejects",
        )
        .tests(&[
            "with_the_store_locked_nothing_is_sent_rejects_stay_rejects_and_it_recovers",
            "while_the_store_is_locked_nothing_is_released_rejects_stay_and_it_recovers",
        ]),
        case("AVL-02", "a reload of a broken file", "the rules of before stay, and it is said")
            .tests(&["each_is_refused_with_these_words"])
            .own(|lane| Box::pin(super::sessions::a_broken_file_changes_nothing(lane))),
        case("AVL-03", "a thousand reloads under load", "each call is decided by one version")
            .tests(&["a_rule_that_rejects_now_wins_over_an_approval_of_before"])
            .absent("a test under load: rules are one snapshot that a call takes once"),
        case("AVL-05", "a panic in a step", "that call ends with 500; the gate lives")
            .tests(&["a_panic_in_a_step_ends_that_call_with_500"]),
        case(
            "AVL-06",
            "an empty or missing file, an unset variable, repeated keys, anchors that explode",
            "the gate does not start",
        )
        .tests(&[
            "serve_without_a_configuration_says_what_to_do",
            "a_wrong_configuration_is_told_with_file_line_column_snippet_and_a_guess_and_nothing_is_started",
            "a_missing_secret_says_its_name_once",
            "large_and_twisted_files_are_answered_soon",
        ]),
        case("AVL-07", "ten thousand held calls", "bounded; the dashboard answers").tests(&[
            "limits_are_per_agent_and_for_all",
            "a_start_with_ten_thousand_pending_calls_takes_less_than_five_seconds",
            "who_comes_again_takes_over_also_where_no_more_may_be_held",
        ]),
        case("AVL-08", "one agent takes every place", "a quota per agent").tests(&[
            "an_agent_that_hangs_up_and_asks_again_cannot_flood_the_approvers",
            "limits_are_per_agent_and_for_all",
        ]),
        case("AVL-09", "a restart with calls held", "they are told to come back; none is lost, none sent twice").tests(
            &[
                "a_gate_that_is_told_to_stop_lets_people_finish_and_tells_the_rest_to_come_back",
                "draining_tells_held_callers_to_come_back",
                "killed_after_the_approval_the_retry_has_it_sent_once",
            ],
        ),
        case(
            "AVL-10",
            "certificates that are expired or of others",
            "the upstream gets nothing; there is no way to turn the check off",
        )
        .tests(&["an_upstream_with_a_certificate_of_others_gets_nothing", "upstreams_are_always_verified_by_a_name"]),
        case(
            "AVL-11",
            "a clock that is set back or forward",
            "nothing is approved that has expired, nothing is forgotten",
        )
        .tests(&["the_clock_set_back_and_forth_neither_releases_early_nor_forgets"]),
    ]
}
