//! What agents declare instead of sending it.

use std::sync::Arc;
use std::time::Duration;

use gate::agent::{Agent, AgentStatus};
use gate::deed::NewAgent;
use gate::refusal::Refusal;
use gate::{
    Actor, AgentId, DecideError, Declaration, DeclareError, Intent, IntentPermit, Principal, Role, Verdict, VerdictWith,
};
use rules::config::{RiskTier, SourceType, Trust};
use rules::request::json::parse;

use crate::harness::*;

fn rules_with(policies: &str) -> String {
    format!("{RULES}{policies}  - {{ name: notes pass, action: note, decision: auto_approve }}\n")
}

async fn registered(house: &House, name: &str) -> (Arc<Agent>, Principal) {
    let new = NewAgent {
        id: AgentId::new(START),
        name: name.to_owned(),
        fingerprint: name.to_owned(),
        project: "default".to_owned(),
        owner: None,
        framework: None,
        risk_sensitivity: None,
        trust: Trust::Active,
        source_type: SourceType::AiAgent,
    };
    let (agent, _) = house.gate.add_agent(new, &Actor::Operator).await.unwrap();
    (agent.clone(), Principal::Agent(agent))
}

fn wants(action: &str, parameters: &str) -> Declaration {
    Declaration {
        action: action.to_owned(),
        source_type: Some(SourceType::AiAgent),
        source: None,
        risk_tier: None,
        parameters: parse(parameters.as_bytes()).unwrap(),
        approvers: Vec::new(),
        expires_in: None,
        metadata: None,
        handle: None,
    }
}

async fn declared(house: &House, by: &Principal, asked: Declaration) -> (Intent, Option<IntentPermit>) {
    house.gate.declare(by, asked).await.unwrap()
}

fn verifier(house: &House) -> permit::Verifier {
    permit::Verifier::new(permit::KeySet::from_jwks(&house.gate.jwks()).unwrap(), "payments")
}

#[tokio::test]
async fn what_policy_approves_is_approved_at_once_and_its_permit_holds_once() {
    let house = house_with(&rules_with("")).await;
    let (_, billing) = registered(&house, "billing").await;
    let (intent, permit) = declared(&house, &billing, wants("note", "{}")).await;
    assert_eq!((intent.state.name(), intent.request.is_none()), ("approved", true));
    let token = permit.unwrap().token;
    let now = START.seconds();
    let accepting = verifier(&house).accept_intent_permits("default");
    let claims = accepting.verify_intent(&token, now).unwrap();
    assert_eq!((claims.action.as_str(), claims.sub.as_str(), claims.exp - claims.iat), ("note", "billing", 300));
    // Fetched again six minutes later it is the same permit to whoever has seen the first.
    house.clock.advance(Duration::from_secs(360));
    let again = house.gate.intent_permit(&house.intent(intent.id).await, &billing).unwrap().token;
    assert_ne!(again, token);
    assert_eq!(accepting.verify_intent(&again, now + 360), Err(permit::Refused::Used));
    assert!(verifier(&house).accept_intent_permits("default").verify_intent(&again, now + 360).is_ok());
    let request = permit::Presented { method: "POST", target: "/refunds", body: b"" };
    assert!(matches!(accepting.verify(&again, &request, now + 360), Err(permit::Refused::Kind)), "never for a request");
    assert_eq!(verifier(&house).verify_intent(&again, now + 360), Err(permit::Refused::Kind), "nor unless enabled");
    assert_eq!(house.life(intent.id).await, ["submitted"]);
    house.verifies().await;
}

#[tokio::test]
async fn people_approve_what_was_declared_and_only_who_declared_it_gets_the_permit() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let (_, billing) = registered(&house, "billing").await;
    let (_, other) = registered(&house, "other").await;
    let (intent, permit) = declared(&house, &billing, wants("refund", r#"{"amount":900}"#)).await;
    assert_eq!((intent.state.name(), permit), ("pending", None));
    assert_eq!((intent.risk_tier, intent.upstream.clone()), (RiskTier::High, None));
    let with = |digest: String| VerdictWith { digest: Some(digest), ..VerdictWith::default() };
    let (twin, _) = declared(&house, &billing, wants("refund", r#"{"amount":9000}"#)).await;
    assert_ne!(intent.digest(), twin.digest());
    let wrong = house.gate.decide(intent.id, &dana, Verdict::Approve, with(twin.digest())).await;
    assert!(matches!(wrong, Err(DecideError::DigestMismatch)), "{wrong:?}");
    assert!(house.gate.intent_permit(&intent, &billing).is_none());
    let approved = house.gate.decide(intent.id, &dana, Verdict::Approve, with(intent.digest())).await.unwrap();
    assert_eq!(approved.state.name(), "approved");
    for stranger in [&other, &Principal::Project("default".to_owned()), &Principal::Person(dana.clone())] {
        assert!(house.gate.intent_permit(&approved, stranger).is_none());
        let report = house.gate.report(intent.id, stranger, true, None).await;
        assert!(matches!(report, Err(DecideError::NotFound)), "{report:?}");
    }
    let permit = house.gate.intent_permit(&approved, &billing).unwrap();
    let check = house.gate.check_permit(&permit.token, Some("refund")).await.unwrap();
    assert_eq!((check.error, check.claims.unwrap().approved_by), (None, vec![dana.id.to_string()]));
    let other_action = house.gate.check_permit(&permit.token, Some("transfer")).await.unwrap();
    assert_eq!(other_action.error.as_deref(), Some("it is for refund"));
    let done = house.gate.report(intent.id, &billing, true, Some("refunded".to_owned())).await.unwrap();
    assert_eq!(done.state.name(), "executed");
    assert_eq!(done.outcome.unwrap().excerpt.as_deref(), Some("refunded"));
    let again = house.gate.report(intent.id, &billing, false, None).await;
    assert!(matches!(again, Err(DecideError::AlreadyResolved(_))), "{again:?}");
    let spent = house.gate.check_permit(&permit.token, None).await.unwrap();
    assert_eq!(spent.error.as_deref(), Some("its intent is executed"));
    assert!(house.gate.intent_permit(&house.intent(intent.id).await, &billing).is_none());
    assert_eq!(house.life(intent.id).await, ["submitted", "approved", "reported"]);
    house.verifies().await;
}

#[tokio::test]
async fn what_policy_denies_is_recorded_and_gets_no_permit() {
    let house = house().await;
    let (_, billing) = registered(&house, "billing").await;
    let (intent, permit) = declared(&house, &billing, wants("drop_all", "{}")).await;
    assert_eq!((intent.state.name(), permit), ("denied", None));
    assert_eq!(house.life(intent.id).await, ["submitted"]);
    house.verifies().await;
}

#[tokio::test]
async fn what_an_agent_says_of_itself_never_makes_it_easier() {
    let policies = "  - { name: machines, source_type: devops, action: deploy, decision: auto_approve }
  - { name: minds, source_type: ai_agent, action: purge, decision: auto_deny, priority: 9 }
  - { name: small, action: deploy, risk_tier: low, decision: auto_approve }
";
    let house = house_with(&rules_with(policies)).await;
    let (_, billing) = registered(&house, "billing").await;
    let low = Declaration { risk_tier: Some(RiskTier::Low), ..wants("transfer", "{}") };
    assert_eq!(declared(&house, &billing, low).await.0.risk_tier, RiskTier::High);
    let low = Declaration { risk_tier: Some(RiskTier::Low), ..wants("deploy", "{}") };
    let (intent, _) = declared(&house, &billing, low).await;
    assert_eq!((intent.risk_tier, intent.state.name()), (RiskTier::Medium, "pending"));
    let high = Declaration { risk_tier: Some(RiskTier::Critical), ..wants("note", "{}") };
    assert_eq!(declared(&house, &billing, high).await.0.risk_tier, RiskTier::Critical);
    let as_machine = |action| Declaration { source_type: Some(SourceType::Devops), ..wants(action, "{}") };
    assert_eq!(declared(&house, &billing, as_machine("deploy")).await.0.state.name(), "pending");
    assert_eq!(declared(&house, &billing, as_machine("purge")).await.0.state.name(), "denied");
    // The words that a rule looks for, spelled otherwise.
    let spelled = house.gate.declare(&billing, wants("Drop_all", "{}")).await;
    assert!(matches!(spelled, Err(DeclareError::Invalid(_))), "{spelled:?}");
    let another = Declaration { source: Some("other".to_owned()), ..wants("note", "{}") };
    let another = house.gate.declare(&billing, another).await;
    assert!(matches!(another, Err(DeclareError::AnotherAgent(_))), "{another:?}");
}

#[tokio::test]
async fn named_approvers_must_approve_too() {
    let house = house().await;
    let (dana, kofi) = (house.approver("dana").await, house.approver("kofi").await);
    house.person("vera", Role::Viewer).await;
    let (_, billing) = registered(&house, "billing").await;
    let naming = |who: &str, action: &str| Declaration { approvers: vec![who.to_owned()], ..wants(action, "{}") };
    for who in ["nobody@example.com", "vera@example.com"] {
        let refused = house.gate.declare(&billing, naming(who, "refund")).await;
        assert!(matches!(refused, Err(DeclareError::Invalid(_))), "{who}: {refused:?}");
    }
    let refused = house.gate.declare(&billing, naming("dana@example.com", "transfer")).await;
    assert!(matches!(refused, Err(DeclareError::Invalid(_))), "a transfer needs two: {refused:?}");
    let (intent, _) = declared(&house, &billing, naming("dana@example.com", "refund")).await;
    let other = house.approve(intent.id, &kofi).await;
    assert!(matches!(other, Err(DecideError::NotAnApprover(_))), "{other:?}");
    assert_eq!(house.approve(intent.id, &dana).await.unwrap().state.name(), "approved");
}

#[tokio::test]
async fn a_delay_an_expiry_and_a_stopped_agent_withhold_the_permit() {
    let house = house_with(&rules_with("")).await;
    let dana = house.approver("dana").await;
    let (agent, billing) = registered(&house, "billing").await;
    let (late, _) = declared(&house, &billing, wants("late", "{}")).await;
    let late = house.approve(late.id, &dana).await.unwrap();
    assert!(house.gate.intent_permit(&late, &billing).is_none(), "its delay has begun");
    let early = house.gate.report(late.id, &billing, true, None).await;
    assert!(matches!(early, Err(DecideError::NotAnApprover(_))), "{early:?}");
    house.clock.advance(Duration::from_secs(60));
    let permit = house.gate.intent_permit(&late, &billing).unwrap();
    // Never later than the intent: nine of its ten minutes have passed.
    house.clock.advance(Duration::from_secs(540));
    let last = house.gate.intent_permit(&late, &billing).unwrap();
    assert_eq!(last.expires_at, late.expires_at.unwrap());
    house.gate.set_agent_status(agent.id, AgentStatus::Paused, None, &Actor::Operator).await.unwrap();
    assert!(house.gate.intent_permit(&late, &billing).is_none());
    assert_eq!(house.gate.check_permit(&last.token, None).await.unwrap().error.as_deref(), Some("its agent is paused"));
    let paused = house.gate.declare(&billing, wants("note", "{}")).await;
    assert!(matches!(paused, Err(DeclareError::Refused(Refusal::AgentPaused { .. }))), "{paused:?}");
    house.gate.set_agent_status(agent.id, AgentStatus::Active, None, &Actor::Operator).await.unwrap();
    house.clock.advance(Duration::from_secs(60));
    assert!(house.gate.intent_permit(&late, &billing).is_none());
    let report = house.gate.report(late.id, &billing, true, None).await;
    assert!(matches!(report, Err(DecideError::AlreadyResolved(_))), "{report:?}");
    house.becomes(late.id, "expired").await;
    let spent = house.gate.check_permit(&permit.token, None).await.unwrap();
    assert_eq!(spent.error.as_deref(), Some("it has expired"));
    let short = Declaration { expires_in: Some(Duration::from_secs(5)), ..wants("refund", "{}") };
    let (short, _) = declared(&house, &billing, short).await;
    house.clock.advance(Duration::from_secs(5));
    house.becomes(short.id, "expired").await;
    let (open, _) = declared(&house, &billing, wants("note", "{}")).await;
    house.gate.set_agent_status(agent.id, AgentStatus::Revoked, None, &Actor::Operator).await.unwrap();
    house.becomes(open.id, "denied").await;
    house.verifies().await;
}

#[tokio::test]
async fn a_rule_that_rejects_now_wins_over_what_was_approved() {
    let house = house_with(&rules_with("")).await;
    let (_, billing) = registered(&house, "billing").await;
    let (intent, permit) = declared(&house, &billing, wants("note", "{}")).await;
    let stricter = rules_with("  - { name: stop, action: note, decision: auto_deny, priority: 9 }\n");
    house.gate.swap_rules(rules(&stricter)).await.unwrap();
    assert!(house.gate.intent_permit(&intent, &billing).is_none());
    assert!(house.gate.check_permit(&permit.unwrap().token, None).await.unwrap().error.is_some());
}

#[tokio::test]
async fn a_projects_key_labels_its_agents() {
    let house = house_with(&rules_with("")).await;
    let (_, _) = registered(&house, "billing").await;
    let project = Principal::Project("default".to_owned());
    let named = |name: Option<&str>| Declaration { source: name.map(str::to_owned), ..wants("note", "{}") };
    let own = house.gate.declare(&project, named(Some("billing"))).await;
    assert!(matches!(own, Err(DeclareError::Label(_))), "billing has a key of its own: {own:?}");
    let (intent, permit) = declared(&house, &project, named(Some("pipeline"))).await;
    assert_eq!(intent.agent.fingerprint, "pipeline");
    assert!(permit.is_some());
    let (intent, _) = declared(&house, &project, named(None)).await;
    assert_eq!(intent.agent.fingerprint, "project:default");
    assert!(house.gate.intent_permit(&intent, &Principal::Project("other".to_owned())).is_none());
    let dana = house.approver("dana").await;
    let person = house.gate.declare(&Principal::Person(dana), named(None)).await;
    assert!(matches!(person, Err(DeclareError::NotForPeople)), "{person:?}");
}

#[tokio::test]
async fn a_call_through_the_proxy_is_never_reported_nor_carried() {
    let house = house().await;
    let (agent, billing) = registered(&house, "billing").await;
    let dana = house.approver("dana").await;
    let gate::Submitted::Held(hold) = house.gate.submit(house.call_of(&agent, "POST /refunds\n\n{\"amount\":1}")).await
    else {
        panic!()
    };
    let id = hold.intent();
    drop(hold);
    assert_eq!(house.approve(id, &dana).await.unwrap().state.name(), "approved");
    let report = house.gate.report(id, &billing, true, None).await;
    assert!(matches!(report, Err(DecideError::NotAnApprover(_))), "{report:?}");
    assert!(house.gate.intent_permit(&house.intent(id).await, &billing).is_none());
    assert_eq!(house.state(id).await.name(), "approved");
}
