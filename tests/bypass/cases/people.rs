//! UIX, WEB: what the approver is shown; the dashboard and the admin API.

use crate::case::{Case, case};

pub fn cases() -> Vec<Case> {
    shown().into_iter().chain(dashboard()).collect()
}

fn shown() -> Vec<Case> {
    vec![
        case("UIX-01", "characters that turn the direction of text", "shown as escapes")
            .tests(&["nothing_hides", "what_a_terminal_would_act_on_is_shown_as_an_escape"]),
        case("UIX-02", "characters of no width, tags, variation selectors", "shown as escapes")
            .tests(&["nothing_hides"]),
        case("UIX-04", "long padding in front of what matters", "counted and collapsed; what comes behind is seen")
            .tests(&["padding_is_counted_and_what_comes_after_it_is_seen", "the_padding_between_tokens_hides_nothing"]),
        case(
            "UIX-05",
            "a value of megabytes, thousands of keys, the one that matters last",
            "cut visibly, with size; whoever decides asks for the rest",
        )
        .tests(&["a_long_body_says_that_it_is_cut_and_asks_for_more", "a_call_shows_all_that_will_be_sent"]),
        case("UIX-06", "HTML, SVG, Markdown, `javascript:` in any field", "text").tests(&[
            "markup_stays_text",
            "text_in_any_field_stays_text",
            "every_answer_carries_what_keeps_browsers_safe",
        ]),
        case("UIX-07", "terminal escapes in what the command line prints", "escaped")
            .tests(&["what_a_terminal_would_act_on_is_shown_as_an_escape"]),
        case(
            "UIX-08",
            "fields that imitate the page: \"APPROVED by alice\", a risk of the agent's own",
            "facts come from the gate and stand apart from what was sent",
        )
        .tests(&[
            "a_call_shows_all_that_will_be_sent",
            "text_in_any_field_stays_text",
            "what_an_agent_says_of_itself_never_makes_it_easier",
        ]),
        case("UIX-09", "a changed digit among similar calls", "numbers are grouped beside the raw token")
            .tests(&["numbers_are_grouped_beside_the_raw_token"])
            .absent("a comparison with earlier calls: there is none yet"),
        case("UIX-10", "a flood of calls to approve", "bounded per agent; high ones are approved one by one").tests(&[
            "an_agent_that_hangs_up_and_asks_again_cannot_flood_the_approvers",
            "several_are_decided_at_once_but_high_ones_only_denied",
            "what_an_agent_left_behind_counts_also_after_a_restart_and_until_it_expires",
        ]),
        case("UIX-12", "values in base64, hexadecimal, compressed", "shown as they are sent")
            .tests(&["bytes_that_are_no_text_are_shown", "what_is_not_json_is_not_laid_out"])
            .absent("a decoded preview: none is made"),
        case("UIX-13", "numbers and times that read in two ways", "the raw token is always there")
            .tests(&["json_keeps_every_raw_token", "numbers_are_grouped_beside_the_raw_token"]),
        case("UIX-14", "a masked field in which the difference lies", "masked in the view and bound by a keyed hash")
            .tests(&["credentials_are_shown_masked_and_bound_as_they_are", "a_credential_is_never_shown_whole"]),
    ]
}

fn dashboard() -> Vec<Case> {
    vec![
        case("WEB-01", "a form of another site, other content types, no Origin or `null`", "refused")
            .tests(&["other_pages_cannot_decide", "a_forged_form_decides_nothing"]),
        case(
            "WEB-02",
            "the same from a sibling host or another port",
            "refused; the dashboard has an origin of its own",
        )
        .tests(&["other_pages_cannot_decide", "only_our_own_names_are_answered"]),
        case("WEB-04", "scripts in every stored field", "none runs").tests(&[
            "text_in_any_field_stays_text",
            "markup_stays_text",
            "every_answer_carries_what_keeps_browsers_safe",
        ]),
        case("WEB-05", "the page in a frame", "not framed").tests(&["every_answer_carries_what_keeps_browsers_safe"]),
        case(
            "WEB-06",
            "a session that was set before, or outlives the sign-out",
            "a new one at sign-in, ended on the server",
        )
        .tests(&["one_signs_in_and_out", "a_revoked_agent_and_a_disabled_person_get_nothing"]),
        case("WEB-07", "guessing passwords, trying names", "each attempt waits longer; one answer for all")
            .tests(&["each_attempt_after_the_free_ones_waits_twice_as_long", "what_is_remembered_is_bounded"])
            .absent("one-time codes: not offered"),
        case("WEB-08", "fifty attempts at once", "counted one by one")
            .tests(&["each_attempt_after_the_free_ones_waits_twice_as_long"])
            .absent("one-time and recovery codes: not offered"),
        case("WEB-09", "the live feed from another origin, or of another project", "refused, or only what one may see")
            .tests(&["the_stream_tells_people_of_all_and_agents_of_their_own", "other_pages_cannot_decide"]),
        case("WEB-10", "ids of others, by path and by filter", "404")
            .tests(&["agents_see_their_own_and_projects_theirs", "the_table_of_who_may_do_what"]),
        case("WEB-11", "fields that a caller may not set", "unknown fields are refused")
            .tests(&["bad_bodies_change_nothing", "what_is_not_declared_rightly_is_refused"]),
        case("WEB-12", "formulas in exported tables", "no cell begins a formula")
            .absent("exports are JSON, one event a line: there are no tables"),
        case(
            "WEB-13",
            "single sign-on without state, nonce or PKCE; a `next` that leads away",
            "sign-in leads to our own pages alone",
        )
        .tests(&["only_pages_of_ours_are_returned_to"])
        .absent("single sign-on: not offered yet"),
        case("WEB-15", "requests of other origins with credentials", "no permission is given")
            .tests(&["every_answer_carries_what_keeps_browsers_safe", "other_pages_cannot_decide"]),
        case("WEB-16", "ambiguous framing against the admin's listener", "refused; nothing is relayed from there")
            .own(|lane| Box::pin(super::sessions::the_admin_reads_strictly(lane))),
    ]
}
