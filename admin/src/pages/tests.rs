//! Every page is rendered from samples, and again with hostile text in every field that people did not
//! write. Pages are what the tests of the whole router then meet over HTTP.

use askama::Template;
use gate::Timestamp;
use serde_json::Value;

use super::Frame;
use super::agents::AgentsPage;
use super::audit::AuditPage;
use super::call::CallPage;
use super::calls::{HistoryPage, WaitingPage};
use super::evidence::{EventShown, EvidencePage};
use super::people::PeoplePage;
use super::rules::RulesPage;
use super::unmatched::UnmatchedPage;
use crate::view::agent::AgentView;
use crate::view::audit::AuditEntryView;
use crate::view::intent::{ApprovalView, HeaderView, IntentView, OutcomeView, ResolvedView};
use crate::view::person::{PersonView, TeamView};
use crate::view::policy::{PolicyView, StopView};
use crate::view::unmatched::UnmatchedView;

const NOW: Timestamp = Timestamp(1_773_480_500_000_000);
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'\u{202E}gpj";

fn call(intent: IntentView) -> String {
    CallPage::new(Frame::sample(), NOW, intent, vec![AuditEntryView::sample()], "dana@example.com").render().unwrap()
}

fn waiting(waiting: Vec<IntentView>) -> String {
    let page = WaitingPage {
        frame: Frame::sample(),
        now: NOW,
        unknown: Vec::new(),
        waiting,
        mine: false,
        more: false,
        agents: 0,
        proxy_url: "http://127.0.0.1:8080".into(),
    };
    page.render().unwrap()
}

fn hostile() -> IntentView {
    let mut intent = IntentView::sample();
    let h = || HOSTILE.to_owned();
    (intent.title, intent.action, intent.project, intent.source) = (h(), h(), h(), h());
    intent.agent.name = h();
    intent.agent.owner = Some(h());
    intent.policy = Some(h());
    intent.parameters.insert(h(), Value::String(h()));
    for step in &mut intent.trace {
        step.detail = h();
    }
    for reason in &mut intent.risk.reasons {
        reason.why = h();
    }
    intent.approvals = vec![ApprovalView {
        by: h(),
        verdict: "approve".into(),
        comment: Some(h()),
        at: intent.created_at.clone(),
        how: Some(h()),
    }];
    intent.resolved = Some(ResolvedView { by: Some(h()), at: intent.created_at.clone(), why: Some(h()) });
    intent.outcome = Some(OutcomeView {
        status: Some(200),
        sent_at: intent.created_at.clone(),
        duration: 0.1,
        excerpt: Some(h()),
        delivered: false,
    });
    if let Some(requirement) = &mut intent.requirement {
        requirement.confirm = Some(h());
        requirement.from = vec![h()];
    }
    if let Some(request) = &mut intent.request {
        (request.method, request.target, request.content_type) = (h(), h(), Some(h()));
        request.headers = vec![HeaderView { name: h(), value: h() }];
        request.bytes = Some(h().into_bytes());
    }
    intent
}

/// No tag or attribute of the text survives, and the reversal is visible.
fn is_harmless(html: &str) {
    assert!(!html.contains("<script>alert"), "a script stands in the page");
    assert!(!html.contains("<img src=x"), "a tag stands in the page");
    assert!(!html.contains('\u{202E}'), "a reversal stands in the page");
    assert!(html.contains("U+202E right-to-left override"));
}

#[test]
fn a_call_shows_all_that_will_be_sent() {
    let html = call(IntentView::sample());
    for text in [
        "Refund EUR 2 500.00 to cus_4812",
        "high risk",
        "/v1/refunds",
        "x-account",
        "250000</span><span class=\"hint\">250\u{202F}000",
        "duplicate charge",
        "3 keys",
        "refunds need finance",
        "params.amount is 250000",
        "The agent is on the line",
        "name=\"digest\" value=\"sha-256:15ddfe0a6e3d3d7d0c9e7d5a1f3b\"",
        "name=\"csrf\" value=\"csrf-sample\"",
        "type <code class=\"confirm\">cus_4812</code>",
        "value=\"approve\"",
        "value=\"deny\"",
        "value=\"request_changes\"",
    ] {
        assert!(html.contains(text), "{text} is missing");
    }
    assert!(!html.contains("Only the first"), "nothing is cut");
}

#[test]
fn who_cannot_decide_gets_no_buttons() {
    let mut intent = IntentView::sample();
    intent.can =
        Some(crate::view::intent::CanView { approve: false, deny: false, reason: Some("only finance decides".into()) });
    let html = call(intent);
    assert!(html.contains("only finance decides"));
    assert!(!html.contains("value=\"approve\"") && !html.contains("value=\"deny\""));
}

#[test]
fn a_call_in_every_state_is_rendered_and_only_a_pending_one_can_be_decided() {
    let states = [
        "pending",
        "approved",
        "executing",
        "executed",
        "failed",
        "unknown",
        "denied",
        "changes_requested",
        "expired",
        "cancelled",
    ];
    for state in states {
        let mut intent = IntentView::sample();
        intent.status = state.into();
        let html = call(intent);
        assert_eq!(html.contains("value=\"approve\""), state == "pending", "{state}");
    }
}

#[test]
fn a_long_body_says_that_it_is_cut_and_asks_for_more() {
    let mut intent = IntentView::sample();
    if let Some(request) = &mut intent.request {
        let body = format!("{{\"pad\":\"{}\",\"evil\":true}}", "x".repeat(300 * 1024));
        request.size = body.len();
        request.bytes = Some(body.into_bytes());
    }
    let html = call(intent);
    assert!(html.contains("Only the first 262\u{202F}144 bytes stand here"));
    assert!(html.contains("/body\" download"));
    assert!(html.contains("name=\"read_all\""));
}

#[test]
fn text_in_any_field_stays_text() {
    let html = call(hostile());
    is_harmless(&html);
    assert!(html.contains("Look closely: this contains characters that reverse the direction of text"));
    is_harmless(&waiting(vec![hostile()]));
    let history = HistoryPage { frame: Frame::sample(), now: NOW, items: vec![hostile()], next: Some(HOSTILE.into()) };
    is_harmless(&history.render().unwrap());
    let mut calls = UnmatchedView::sample();
    (calls.upstream, calls.method, calls.template) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
    is_harmless(&unmatched(vec![calls], 0));
    let mut agent = AgentView::sample();
    (agent.name, agent.fingerprint, agent.owner, agent.project) =
        (HOSTILE.into(), HOSTILE.into(), Some(HOSTILE.into()), HOSTILE.into());
    let agents = AgentsPage {
        frame: Frame::sample(),
        now: NOW,
        agents: vec![agent],
        projects: vec!["default".into()],
        minted: Some((HOSTILE.into(), "hsk_agent_x".into())),
        proxy_url: "http://127.0.0.1:8080".into(),
        wrong: Some(HOSTILE.into()),
    };
    is_harmless(&agents.render().unwrap());
    let (mut policy, mut stop) = (PolicyView::sample(), StopView::sample());
    (policy.name, policy.place) = (HOSTILE.into(), HOSTILE.into());
    policy.policy =
        [("when".to_owned(), Value::from(HOSTILE)), ("message".to_owned(), Value::from(HOSTILE))].into_iter().collect();
    (stop.scope, stop.reason, stop.by) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
    let rules = RulesPage {
        frame: Frame::sample(),
        now: NOW,
        policies: vec![policy],
        stops: vec![stop],
        scopes: vec![HOSTILE.into()],
        tightens: true,
        wrong: Some(HOSTILE.into()),
    };
    is_harmless(&rules.render().unwrap());
    let mut person = PersonView::sample();
    (person.name, person.email, person.teams) = (HOSTILE.into(), HOSTILE.into(), vec![HOSTILE.into()]);
    let people = PeoplePage {
        frame: Frame::sample(),
        now: NOW,
        people: vec![person],
        teams: vec![TeamView { name: HOSTILE.into(), members: vec![HOSTILE.into()] }],
        link: Some((HOSTILE.into(), "http://127.0.0.1:8081/link/x".into())),
        wrong: None,
    };
    is_harmless(&people.render().unwrap());
    let mut entry = AuditEntryView::sample();
    (entry.kind, entry.actor, entry.subject, entry.data) =
        (HOSTILE.into(), HOSTILE.into(), Some(HOSTILE.into()), HOSTILE.into());
    let event = EventShown {
        seq: 1,
        at: entry.at.clone(),
        kind: HOSTILE.into(),
        actor: HOSTILE.into(),
        facts: Some(HOSTILE.into()),
        commitment: "00".into(),
        steps: 3,
    };
    let evidence = EvidencePage {
        frame: Frame::sample(),
        intent: "int_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into(),
        checkpoint: HOSTILE.into(),
        key: HOSTILE.into(),
        events: vec![event],
    };
    is_harmless(&evidence.render().unwrap());
    is_harmless(&AuditPage { frame: Frame::sample(), entries: vec![entry], older: None }.render().unwrap());
}

fn unmatched(calls: Vec<UnmatchedView>, more: usize) -> String {
    UnmatchedPage { frame: Frame::sample(), calls, more, now: NOW }.render().unwrap()
}

#[test]
fn unmatched_calls_say_what_became_of_them_and_what_to_do() {
    let mut mixed = UnmatchedView::sample();
    (mixed.count, mixed.rejected, mixed.passed, mixed.asked) = (6, 1, 2, 3);
    let html = unmatched(vec![mixed], 4);
    for text in ["GET /v1/users/{id}", "1 rejected", "2 passed", "3 put before people", "4 more", "holdshort suggest"] {
        assert!(html.contains(text), "{text} is missing");
    }
    assert!(unmatched(Vec::new(), 0).contains("Every call took a route"));
}

/// A call with this body, media type and parameters.
fn call_with(content_type: &str, body: &str, parameters: &str) -> String {
    let mut intent = IntentView::sample();
    intent.parameters = serde_json::from_str(parameters).unwrap();
    if let Some(request) = &mut intent.request {
        request.content_type = Some(content_type.into());
        request.size = body.len();
        request.bytes = Some(body.as_bytes().to_vec());
    }
    call(intent)
}

#[test]
fn the_fields_and_files_of_a_form_stand_in_words_before_its_bytes() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n";
    let file = r#"{"a":"1","form.photo":{"filename":"p.png","content_type":"image/png","size":18000,"digest":"sha-256=:x=:"}}"#;
    let html = call_with("Multipart/Form-Data; boundary=b", body, file);
    assert!(html.contains("file &quot;p.png&quot;, 18000 bytes, image/png"), "{html}");
    assert!(html.contains("its fields and files stand above") && !html.contains("Look closely"));
    // Without fields the bytes are all there is.
    let bare = call_with("multipart/form-data; boundary=b", body, "{}");
    assert!(!bare.contains("stand above") && bare.contains("Look closely"));
}

#[test]
fn a_graphql_document_is_shown_with_its_lines() {
    let body = r#"{"query":"mutation {\n  gone: deleteUser(id: 7)\n}"}"#;
    let parameters = r#"{"graphql.operation":"mutation","graphql.fields":["gone: deleteUser","other"]}"#;
    let html = call_with("application/json", body, parameters);
    assert!(html.contains("GraphQL document") && html.contains("gone: deleteUser, other"), "{html}");
    let plain = call_with("application/json", body, "{}");
    assert!(!plain.contains("GraphQL document"));
}

#[test]
fn what_a_delay_means_is_not_contradicted() {
    let mut intent = IntentView::sample();
    if let Some(requirement) = &mut intent.requirement {
        requirement.delay = 0;
    }
    assert!(call(intent.clone()).contains("it is sent at once"));
    if let Some(requirement) = &mut intent.requirement {
        requirement.delay = 300;
    }
    let html = call(intent);
    assert!(html.contains("after a delay of 300 s") && !html.contains("at once"));
}

#[test]
fn an_empty_list_says_what_to_do_next() {
    let html = waiting(Vec::new());
    assert!(html.contains("Nothing waits") && html.contains("Add the first one"));
}
