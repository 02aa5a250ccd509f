//! JWT, IDN: the permit, and agents with their keys.

use crate::case::Must::{BeUnmatched, Get};
use crate::case::{Case, case};
use crate::variants::ask;

pub fn cases() -> Vec<Case> {
    permits().into_iter().chain(identity()).collect()
}

fn permits() -> Vec<Case> {
    vec![
        case("JWT-01", "`alg: none` in any spelling, an empty signature", "refused").tests(&[
            "the_algorithm_is_the_keys_never_the_tokens",
            "what_is_no_token_is_malformed",
            "an_axum_service_takes_permits_and_nothing_else",
        ]),
        case("JWT-02", "HS256 with the public key as the secret", "refused")
            .tests(&["hs256_with_a_public_key_as_the_secret_is_refused", "hs256_is_no_key_of_a_ring"]),
        case(
            "JWT-03",
            "`jku`, `x5u`, `jwk`, `x5c`, a `kid` that is a path or a URL",
            "refused: keys come from the pinned set",
        )
        .tests(&["a_header_that_brings_its_own_key_is_refused", "another_kind_or_key_is_refused"]),
        case("JWT-05", "times that are missing, texts, fractions, negative, in the future", "refused").tests(&[
            "a_claim_that_is_missing_or_of_another_type_is_malformed",
            "times_are_checked_with_a_minute_of_leeway",
            "a_lifetime_that_no_gate_gives_is_refused",
        ]),
        case("JWT-06", "a permit with another method, path, query or body", "refused").tests(&[
            "another_request_is_refused_and_does_not_use_the_permit_up",
            "changed_headers_are_refused_when_they_are_checked",
        ]),
        case("JWT-07", "a permit twice", "the second time refused").tests(&[
            "a_permit_passes_once_with_its_own_request",
            "of_many_simultaneous_uses_one_passes",
            "a_used_permit_is_remembered_until_it_is_dead_and_a_full_memory_refuses",
        ]),
        case("JWT-08", "the permit of another project or service", "refused")
            .tests(&["a_permit_for_others_or_from_others_is_refused"]),
        case(
            "JWT-10",
            "rotated keys, an unreachable key set, a storm of unknown `kid`s",
            "old keys while their permits live; one look-up a minute; nothing accepted meanwhile",
        )
        .tests(&[
            "an_unknown_key_is_fetched_at_most_once_a_minute",
            "a_withdrawn_key_is_gone_after_ten_minutes_and_an_unreachable_gate_changes_nothing",
            "rotation_keeps_the_old_key_listed_until_its_permits_have_died",
        ]),
        case("JWT-11", "a signing key that cannot be read", "the gate does not start; nothing is ever sent unsigned")
            .tests(&["what_is_no_key_is_refused_by_name", "a_key_that_others_can_read_is_refused"]),
        case(
            "JWT-12",
            "two permits in one request, names beyond ASCII, a permit in the query",
            "refused; claims carry ids, not names",
        )
        .tests(&["a_call_without_one_valid_permit_is_answered_401", "an_axum_service_takes_permits_and_nothing_else"]),
        case(
            "JWT-13",
            "an agent that reads a permit out of an answer, TRACE or a redirect",
            "the header never comes back, TRACE is refused, redirects are not followed; a permit is good once",
        )
        .own(|lane| Box::pin(super::sessions::an_echoed_permit_stays_here(lane)))
        .tests(&[
            "what_belongs_to_one_connection_stays_there_and_the_permit_never_comes_back",
            "where_a_redirect_points_is_mapped_back_to_the_mount",
        ]),
        case(
            "JWT-14",
            "a digest of the decoded body, a framework that writes it anew",
            "the digest is over the bytes as they arrive; examples in four languages verify before parsing",
        )
        .tests(&[
            "an_axum_service_takes_permits_and_nothing_else",
            "the_python_service_takes_permits_and_nothing_else",
            "the_node_service_takes_permits_and_nothing_else",
            "the_go_service_takes_permits_and_nothing_else",
        ]),
        case(
            "JWT-15",
            "a verifier whose clock is a minute or a day off",
            "a minute is allowed; beyond it a clear refusal",
        )
        .tests(&["times_are_checked_with_a_minute_of_leeway"]),
    ]
}

fn identity() -> Vec<Case> {
    vec![
        case("IDN-01", "wrong keys with the right prefix, timed", "looked up by hash: nothing to time").tests(&["a_call_without_a_key_or_with_a_wrong_one_is_401", "every_changed_character_is_noticed"]).absent("a statistical timing test: keys are random, only their SHA-256 is looked up"),
        case("IDN-02", "a copy of the database", "holds hashes alone").tests(&["keys_and_agents_are_made_once_and_told_once", "debug_shows_nothing_of_it"]),
        case("IDN-03", "a paused or revoked agent with open connections, held calls, another process", "refused at once; held calls end").tests(&["pausing_and_revoking_reach_calls_that_are_already_held", "revoking_an_agent_ends_what_it_holds", "what_another_process_has_paused_is_not_claimed_before_this_one_has_heard_of_it", "a_revoked_agent_and_a_disabled_person_get_nothing"]),
        case("IDN-04", "the key in the query, in a cookie, twice, with white space", "taken only where it is documented; two different keys are refused; never forwarded")
            .own(|lane| Box::pin(super::sessions::keys_in_odd_places(lane)))
            .tests(&["a_key_is_found_and_taken_off_wherever_it_may_stand", "the_same_key_twice_is_one_key_and_two_keys_are_refused", "two_different_keys_are_refused", "what_is_refused_without_an_intent_is_found_by_its_id"]),
        case("IDN-05", "an agent that nobody registered", "401, or refused where its label is not accepted").tests(&["a_call_without_a_key_or_with_a_wrong_one_is_401", "a_projects_key_calls_as_the_agent_it_names"]),
        case("IDN-06", "probes and paths of health checks on the proxy's port", "no way around: 401 without a key, no route with one")
            .probes(["/healthz", "/livez", "/readyz", "/metrics", "/.well-known/jwks.json", "/api/intents", "/"].iter().flat_map(|path| {
                ask("GET", path).header("User-Agent", "kube-probe/1.30").must(Get(403))
            }))
            .probes(ask("GET", "<plain>/healthz").header("User-Agent", "GoogleHC/1.0").must(BeUnmatched))
            .own(|lane| Box::pin(super::sessions::nothing_without_a_key(lane))),
        case("IDN-07", "the admin listener through the proxy", "only configured upstreams are reached; redirects go back to the agent")
            .probes(ask("GET", "/api/intents").header("Host", "127.0.0.1").must(Get(403)))
            .tests(&["an_agent_can_never_approve_not_even_its_own_call", "only_our_own_names_are_answered", "where_a_redirect_points_is_mapped_back_to_the_mount"])
            .absent("a refusal of upstreams that are the gate's own listeners: what is asked there needs a person's token all the same"),
        case("IDN-09", "guessing keys, from one address or many", "401 in one form; look-ups are bounded").tests(&["look_ups_are_counted_by_the_second", "without_a_key_nothing_is_told_but_that"]),
    ]
}
