//! RUL, APR, RAC: rules, approvals, races.

use crate::case::Must::{BeHeld, BeSent, BeUnmatched};
use crate::case::{Case, case};
use crate::variants::{ask, ignored};

pub fn cases() -> Vec<Case> {
    rules().into_iter().chain(approvals()).chain(races()).collect()
}

fn rules() -> Vec<Case> {
    vec![
        case("RUL-01", "a call that no rule names", "rejected, unless the upstream says otherwise in its own words")
            .probes(ask("GET", "<plain>/v2/anything").must(BeUnmatched))
            .probes(ask("POST", "<plain>/v1/refunds").json("{}").must(BeUnmatched))
            .tests(&["what_no_route_names_goes_where_the_upstream_says", "what_is_not_said_refuses"]),
        case("RUL-02", "two rules of the same priority that disagree", "the stricter one counts, and `check` warns")
            .tests(&[
                "priority_then_severity_then_place",
                "the_stricter_decision_wins_whatever_the_order",
                "each_is_doubted_with_these_words",
            ]),
        case(
            "RUL-03",
            "a rule that cannot be evaluated: another type, a missing value",
            "held; denied where a deny could not be evaluated",
        )
        .probes(ask("POST", "<plain>/v1/refunds/7").json(r#"{"amount":"1"}"#).must(BeHeld))
        .probes(ask("POST", "<plain>/v1/refunds/7").json("{}").must(BeHeld))
        .tests(&[
            "what_cannot_be_evaluated_ends_the_walk_there",
            "a_defect_is_never_approved",
            "what_has_no_value_is_an_error_and_never_a_value",
        ]),
        case(
            "RUL-05",
            "a glob that covers more than was meant; actions named by the agent",
            "globs are anchored; actions come from routes alone",
        )
        .tests(&[
            "globs_are_anchored_and_know_three_signs",
            "what_an_agent_says_of_itself_never_makes_it_easier",
            "each_is_doubted_with_these_words",
        ]),
        case(
            "RUL-06",
            "`risk_tier`, `source`, `project_id` in the body or in headers",
            "no decision reads them: tier and identity come from route and key",
        )
        .probes(ignored(&[
            ("Risk-Tier", "low"),
            ("X-Risk-Tier", "low"),
            ("X-Agent", "other"),
            ("X-Project-Id", "other"),
            ("X-Action", "read_public"),
            ("X-Approved", "true"),
        ]))
        .probes(
            ask("POST", "<plain>/v1/refunds/7")
                .json(
                    r#"{"amount":9999,"risk_tier":"low","source":"other","project_id":"other","action":"read_public"}"#,
                )
                .must(BeHeld),
        )
        .tests(&["a_label_is_taken_off", "the_tier_comes_from_the_routes_and_can_only_be_raised"]),
        case("RUL-07", "a negated rule and a value that is not there", "an error, never a value: held").tests(&[
            "what_has_no_value_is_an_error_and_never_a_value",
            "what_cannot_be_evaluated_ends_the_walk_there",
        ]),
        case("RUL-08", "rules with hours, when clocks change or leap", "the zone of the rule counts").tests(&[
            "clocks_that_change_are_followed",
            "nights_and_weekends_in_berlin",
            "an_unknown_zone_is_refused",
        ]),
        case("RUL-09", "eleven calls at once against a limit of ten", "never more than the limit")
            .tests(&[
                "limits_are_per_agent_and_for_all",
                "an_agent_that_hangs_up_and_asks_again_cannot_flood_the_approvers",
            ])
            .absent("budgets as a rule (so many approvals an hour): there are none; limits on what is held are exact"),
        case(
            "RUL-11",
            "text of the agent inside a condition",
            "conditions are compiled when the rules are loaded; what the agent sends is a typed value in them",
        )
        .probes(ask("POST", "<plain>/v1/users").json(r#"{"user":{"role":"user\" || true || \""}}"#).must(BeHeld))
        .probes(ask("POST", "<plain>/v1/users").json(r#"{"user":{"role":"x' == 'x"}}"#).must(BeHeld))
        .probes(ask("POST", "<plain>/v1/users").json(r#"{"user":{"role":"user"}}"#).must(BeSent))
        .tests(&["conditions_hold_or_not", "what_is_not_meant_is_found_at_load"]),
    ]
}

fn approvals() -> Vec<Case> {
    vec![
        case("APR-01", "a call is approved: what the service gets against what was stored", "method, target, shown headers and body are the same bytes").tests(&["an_approved_charge_is_sent_once_exactly_as_shown_with_a_permit", "a_released_call_carries_its_permit_and_the_exact_body", "an_approved_call_is_claimed_in_the_transaction_of_its_last_verdict"]),
        case("APR-02", "the same call again with another body, header, query or host", "another call: the approval is not used up").tests(&["another_body_or_another_agent_is_another_call", "one_idempotency_key_with_other_content_is_refused", "an_idempotency_key_is_the_call_and_another_content_is_refused"]),
        case("APR-03", "approved, and then the rule rejects, the agent is paused or revoked, its route is gone", "not sent").tests(&["a_rule_that_rejects_now_wins_over_an_approval_of_before", "a_paused_agent_is_not_released_and_a_revoked_one_is_denied", "an_approver_who_lost_the_role_does_not_count_at_the_claim", "what_another_process_has_paused_is_not_claimed_before_this_one_has_heard_of_it"]),
        case("APR-05", "an approval after the expiry, also while nothing sweeps, also after a restart", "too late: expired").tests(&["what_expires_is_told_as_expired_and_can_no_longer_be_approved", "nothing_is_released_after_it_has_expired", "an_approval_between_wake_and_claim_that_expires_is_not_sent"]),
        case("APR-06", "deny and then approve, approve and then deny, cancel and then approve", "the first end stands; later verdicts read it").tests(&["a_resolved_intent_says_what_it_is", "of_two_verdicts_at_once_one_stands_and_the_other_reads_it", "an_end_is_an_end"]),
        case("APR-07", "what changes the request after the approval: headers, credentials", "nothing but what the gate itself sets, outside the digest and documented; the request is built from the approved one").tests(&["the_upstream_request_is_built_from_the_canonical_one", "what_the_operator_sets_and_removes_is_applied_last", "credentials_are_shown_masked_and_bound_as_they_are"]),
        case("APR-09", "two approvals by one person, by two sessions of one, by somebody who left the team", "one vote each; who lost the role does not count").tests(&["two_people_are_needed_where_two_are_required_and_one_is_one", "two_must_agree_where_two_are_asked_for_and_one_person_counts_once", "an_approver_who_lost_the_role_does_not_count_at_the_claim"]),
        case("APR-10", "an agent's key, or the agent's owner, approves", "agents never can; owners not where the policy says so").tests(&["an_agent_can_never_approve_not_even_its_own_call", "who_is_not_named_and_agents_and_viewers_cannot_decide", "only_the_named_team_counts"]),
        case("APR-12", "`approved: true` or `status: approved` in what is declared or changed", "unknown fields are refused").tests(&["what_is_not_declared_rightly_is_refused", "bad_bodies_change_nothing", "what_an_agent_says_of_itself_never_makes_it_easier"]),
        case("APR-13", "a policy that approves, added by an account that was taken over", "policies stand in files; what the dashboard adds can only tighten them").tests(&["the_table_of_who_may_do_what"]).absent("the dashboard does not add policies yet: files alone do, under the review of their repository"),
        case("APR-15", "an approver changes the parameters", "not offered: whoever wants it differently asks for changes, and the agent sends a new call").tests(&["the_table_of_who_may_do_what"]).absent("there are no edited approvals"),
        case("APR-16", "two held calls of one agent to one path: whose answer is whose", "each execution is answered to one connection").tests(&["whoever_calls_again_gets_the_answer_under_its_own_id", "eleven_re_sends_of_one_call_are_one_card_one_execution_and_one_delivery", "an_undelivered_answer_is_handed_out_once_however_many_ask"]),
        case("APR-17", "an agent reads another's intent, permit or answer", "404").tests(&["agents_see_their_own_and_projects_theirs", "an_agent_declares_people_approve_and_it_alone_gets_the_permit", "people_approve_what_was_declared_and_only_who_declared_it_gets_the_permit"]),
    ]
}

fn races() -> Vec<Case> {
    vec![
        case("RAC-01", "fifty retries of an approved call at once", "sent once")
            .tests(&["fifty_retries_of_an_approved_call_at_once_are_sent_once"]),
        case("RAC-02", "the same from two processes on one store", "sent once")
            .tests(&["of_two_processes_that_race_for_one_claim_one_wins", "two_stores_on_one_file_claiming_one_call"]),
        case("RAC-03", "a waiting caller, a retry, a person and the sweep at once", "one claim").tests(&[
            "a_connection_that_came_while_another_connected_learns_how_it_ended",
            "cancelling_against_the_end_of_the_delay",
            "the_last_two_approvals",
        ]),
        case(
            "RAC-05",
            "the service's connection breaks once the request is written",
            "unknown; never sent again by the gate",
        )
        .tests(&[
            "no_answer_after_writing_is_unknown_and_never_sent_again",
            "an_approved_call_without_an_answer_is_blocked_until_somebody_settles_it",
            "killed_while_the_upstream_works_it_is_unknown_and_never_sent_again",
            "a_connection_that_breaks_is_not_tried_again",
        ]),
        case("RAC-07", "approve and deny at the same moment, often", "one end; both read the truth")
            .tests(&["approve_against_deny"]),
        case("RAC-08", "expiry and approval at the same moment, often", "never both")
            .tests(&["expiry_against_approval"]),
        case("RAC-09", "an executed call again, over a new connection", "a new intent, or the stored answer, once")
            .tests(&[
                "an_answer_that_nobody_took_is_kept_and_given_once",
                "an_answer_that_was_never_delivered_is_replayed_once",
            ]),
        case("RAC-10", "one `Idempotency-Key` of another agent, or on another route", "another call").tests(&[
            "an_idempotency_key_is_the_call_and_another_content_is_refused",
            "another_body_or_another_agent_is_another_call",
        ]),
        case(
            "RAC-11",
            "a store that is busy while a call is claimed",
            "no second claim and no lost one; 503 where nothing can be written",
        )
        .tests(&[
            "while_the_store_is_locked_nothing_is_released_rejects_stay_and_it_recovers",
            "with_the_store_locked_nothing_is_sent_rejects_stay_rejects_and_it_recovers",
        ]),
        case(
            "RAC-12",
            "PostgreSQL: concurrent updates, serialization failures, a replica that lags",
            "no second sending",
        )
        .absent("the store is SQLite; PostgreSQL is not offered yet"),
    ]
}
