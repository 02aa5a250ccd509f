//! Projects, agents, keys, labels.

use super::*;

#[tokio::test]
async fn a_new_agents_key_is_the_agent_at_once() {
    let house = house().await;
    let (agent, key) = house.agent("Billing Bot").await;
    assert_eq!((agent.name.as_str(), agent.fingerprint.as_str()), ("Billing Bot", "billing-bot"));
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("agent billing-bot active"));
    assert_eq!(agent.keys.len(), 1);
    assert!(key.secret.expose().ends_with(&agent.keys[0].hint));
    let stranger = KeySecret::generate(KeyKind::Agent).unwrap();
    assert_eq!(name_of(house.gate.identify(&stranger).await.unwrap()), None);
}

#[tokio::test]
async fn two_keys_live_and_a_third_revokes_the_oldest() {
    let house = house().await;
    let (agent, first) = house.agent("billing").await;
    let second = house.gate.rotate_agent_key(agent.id, &Actor::Operator).await.unwrap();
    assert!(who(&house.gate, &first).await.is_some());
    let third = house.gate.rotate_agent_key(agent.id, &Actor::Operator).await.unwrap();
    assert_eq!(who(&house.gate, &first).await, None);
    assert!(who(&house.gate, &second).await.is_some());
    assert!(who(&house.gate, &third).await.is_some());
    let keys = house.gate.directory().agent(agent.id).unwrap().keys.clone();
    assert_eq!(keys.iter().map(|key| key.revoked_at.is_some()).collect::<Vec<_>>(), [true, false, false]);

    house.gate.revoke_key(third.id, &Actor::Operator).await.unwrap();
    assert_eq!(who(&house.gate, &third).await, None);
    assert!(why(house.gate.revoke_key(third.id, &Actor::Operator).await).starts_with("there is no live key key_"));
}

#[tokio::test]
async fn a_projects_key_stands_for_the_project() {
    let house = house().await;
    let key = house.gate.add_project("support", &Actor::Operator).await.unwrap();
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("project support"));
    let second = house.gate.rotate_project_key("support", &Actor::Operator).await.unwrap();
    let third = house.gate.rotate_project_key("support", &Actor::Operator).await.unwrap();
    assert_eq!(who(&house.gate, &key).await, None);
    assert!(who(&house.gate, &second).await.is_some() && who(&house.gate, &third).await.is_some());
    // `default` is there without a key: adding it gives it its first.
    let default = house.gate.add_project("default", &Actor::Operator).await.unwrap();
    assert_eq!(who(&house.gate, &default).await.as_deref(), Some("project default"));
    for (name, want) in [
        ("support", "there is a project support already"),
        ("default", "there is a project default already"),
        ("", "not a project's name"),
        ("a b", "not a project's name"),
        ("../x", "not a project's name"),
    ] {
        assert!(why(house.gate.add_project(name, &Actor::Operator).await).starts_with(want), "{name}");
    }
    assert_eq!(why(house.gate.rotate_project_key("nope", &Actor::Operator).await), "there is no project \"nope\"");
}

#[tokio::test]
async fn names_and_fingerprints_are_unique_in_their_project() {
    let house = house().await;
    house.agent("billing").await;
    house.gate.add_project("support", &Actor::Operator).await.unwrap();
    let by = &Actor::Operator;
    for (name, fingerprint, project, want) in [
        ("billing", "", "default", "there is an agent billing in project default already"),
        ("Billing", "", "default", "there is an agent Billing in project default already"),
        ("other", "BILLING", "default", "the fingerprint BILLING is taken in project default"),
        ("other", "", "nope", "there is no project \"nope\""),
        ("", "", "default", "not an agent's name"),
        ("a\nb", "", "default", "not an agent's name"),
        ("anonymous", "", "default", "not an agent's name"),
        ("other", "Anonymous", "default", "not a fingerprint"),
        ("other", "a\u{7f}", "default", "not a fingerprint"),
        ("other", " a", "default", "not a fingerprint"),
    ] {
        let agent = NewAgent {
            id: AgentId::new(house.gate.now()),
            fingerprint: fingerprint.to_owned(),
            project: project.to_owned(),
            ..new_agent(name)
        };
        let said = why(house.gate.add_agent(agent, by).await);
        assert!(said.starts_with(want), "{name:?} {fingerprint:?} {project}: {said}");
    }
    // A fingerprint that is made gives way; one project's names are not another's.
    let (agent, _) = house.agent("billing!").await;
    assert_eq!(agent.fingerprint, "billing-2");
    let elsewhere = NewAgent { project: "support".to_owned(), ..new_agent("billing") };
    let (agent, _) = house.gate.add_agent(elsewhere, by).await.unwrap();
    assert_eq!((agent.project.as_str(), agent.fingerprint.as_str()), ("support", "billing"));
    assert!(house.gate.directory().agent_named("billing").is_none(), "which of the two?");
    assert_eq!(house.gate.directory().agents().len(), 3, "nothing else was added");
}

#[tokio::test]
async fn a_status_shows_at_once_and_revoked_is_for_good() {
    let house = house().await;
    let (agent, key) = house.agent("billing").await;
    let by = &Actor::Operator;
    let set = |status| house.gate.set_agent_status(agent.id, status, Some("odd calls".to_owned()), by);
    assert_eq!(set(AgentStatus::Paused).await.unwrap().status, AgentStatus::Paused);
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("agent billing paused"));
    assert_eq!(set(AgentStatus::Active).await.unwrap().status, AgentStatus::Active);
    assert_eq!(set(AgentStatus::Revoked).await.unwrap().status, AgentStatus::Revoked);
    // The key still says who it was, so that its caller is told AGENT_REVOKED.
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("agent billing revoked"));
    assert_eq!(why(set(AgentStatus::Active).await), "a revoked agent stays revoked: register a new one");
    assert_eq!(why(set(AgentStatus::Paused).await), "a revoked agent stays revoked: register a new one");
    assert!(why(house.gate.rotate_agent_key(agent.id, by).await).starts_with("a revoked agent gets no key"));
    let nobody = AgentId::new(Timestamp(0));
    let missing = house.gate.set_agent_status(nobody, AgentStatus::Paused, None, by).await;
    assert_eq!(why(missing), format!("there is no agent {nobody}"));
    assert_eq!(
        house.kinds().await,
        ["project.added", "agent.added", "agent.paused", "agent.resumed", "agent.revoked"],
        "one event per deed, none for what was refused"
    );
}

#[tokio::test]
async fn two_gates_on_one_store_see_each_others_deeds() {
    let house = house().await;
    let other = house.second("").await;
    let (agent, key) = house.agent("billing").await;
    assert_eq!(who(&other, &key).await.as_deref(), Some("agent billing active"), "a key just made works at once");
    other.set_agent_status(agent.id, AgentStatus::Paused, None, &Actor::Operator).await.unwrap();
    // The first gate is told by nobody; it notices.
    let mut feed = house.gate.feed();
    let noticed = async {
        while house.gate.directory().agent(agent.id).unwrap().status != AgentStatus::Paused {
            feed.recv().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noticed).await.expect("the pause of the other gate is noticed");
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("agent billing paused"));
}

#[tokio::test]
async fn guessed_keys_do_not_hammer_the_store() {
    let house = house().await;
    let other = house.second("").await;
    for _ in 0..20 {
        let guess = KeySecret::generate(KeyKind::Agent).unwrap();
        assert!(other.identify(&guess).await.unwrap().is_none());
    }
    // The looks of this second are used up: what another process adds is not looked for. (It will be
    // noticed in the next round; here no task but this one runs before the answer.)
    let (_, key) = house.agent("billing").await;
    if other.directory().agent_named("billing").is_none() {
        assert!(other.identify(&key.secret).await.unwrap().is_none());
    }
    house.clock.advance(Duration::from_secs(1));
    assert!(other.identify(&key.secret).await.unwrap().is_some());
}

#[tokio::test]
async fn a_label_never_raises() {
    let yaml = "
projects: { open: { unregistered: accept }, support: {} }
agents:
  clerk: { project: support, trust: verified, source_type: devops, enforce: false }
";
    let house = house_with(yaml).await;
    let gate = &house.gate;
    house.agent("billing").await;
    assert_eq!(gate.labelled_agent("default", "billing").unwrap_err(), LabelRefused::HasItsOwnKey);
    assert_eq!(gate.labelled_agent("default", "BILLING").unwrap_err(), LabelRefused::HasItsOwnKey);
    assert_eq!(gate.declaring_agent("default", "billing").unwrap_err(), LabelRefused::HasItsOwnKey);
    assert_eq!(gate.labelled_agent("default", "stranger").unwrap_err(), LabelRefused::Unregistered);
    assert_eq!(gate.labelled_agent("support", "billing").unwrap_err(), LabelRefused::Unregistered);
    for malformed in ["", " x", "a\nb", "\u{e9}", &"x".repeat(129)] {
        assert_eq!(gate.labelled_agent("open", malformed).unwrap_err(), LabelRefused::Malformed, "{malformed:?}");
    }
    let unknown = gate.labelled_agent("open", "stranger").unwrap();
    assert_eq!((unknown.trust, unknown.is_registered()), (Trust::Unregistered, false));
    let declared = gate.declaring_agent("default", "stranger").unwrap();
    assert_eq!((declared.trust, declared.project.as_str()), (Trust::Unregistered, "default"));
    assert_ne!(declared.id, unknown.id, "another project's stranger is another");
    assert_ne!(declared.id, gate.declaring_agent("default", "stranger2").unwrap().id);
    assert_eq!(declared.id, gate.declaring_agent("default", "stranger").unwrap().id);

    // Registered in files, without a key: known, but with nothing that would let it pass more easily.
    let clerk = gate.labelled_agent("support", "clerk").unwrap();
    assert!(clerk.is_registered() && clerk.enforce);
    assert_eq!((clerk.trust, clerk.source_type), (Trust::Unregistered, SourceType::AiAgent));
    gate.set_agent_status(clerk.id, AgentStatus::Paused, None, &Actor::Operator).await.unwrap();
    assert_eq!(gate.labelled_agent("support", "clerk").unwrap().status, AgentStatus::Paused);
    let anonymous = gate.anonymous_agent();
    assert_eq!((anonymous.fingerprint.as_str(), anonymous.trust), ("anonymous", Trust::Unregistered));
    assert_eq!(anonymous.project, "default");
}

#[tokio::test]
async fn files_go_before_the_store() {
    let yaml = "
projects: [support]
agents:
  billing: { project: support, owner: dana@example.com, trust: established }
";
    let house = house_with(yaml).await;
    let agent = house.gate.directory().agent_named("billing").unwrap();
    assert!(agent.from_files && agent.keys.is_empty());
    // Its first key; the project need not be said, and what is said of it is not looked at.
    let (same, key) = house.gate.add_agent(new_agent("billing"), &Actor::Operator).await.unwrap();
    assert_eq!((same.id, same.project.as_str(), same.keys.len()), (agent.id, "support", 1));
    let again = house.gate.add_agent(new_agent("billing"), &Actor::Operator).await;
    assert!(why(again).starts_with("the agent billing has a key already"));
    house.gate.set_agent_status(agent.id, AgentStatus::Paused, None, &Actor::Operator).await.unwrap();

    // Files change what they say; id, keys and status stay.
    let moved = "
projects: [support]
agents:
  billing: { project: support, fingerprint: bill-1, owner: kofi@example.com, trust: new }
";
    house.gate.swap_rules(rules(moved)).await.unwrap();
    let agent = house.gate.directory().agent(agent.id).unwrap();
    assert_eq!((agent.owner.as_deref(), agent.trust), (Some("kofi@example.com"), Trust::New));
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("agent bill-1 paused"));

    // Gone from the files: refused, not alive with what the store remembers.
    house.gate.swap_rules(rules("projects: [support]")).await.unwrap();
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("agent bill-1 revoked"));
    // With its project gone as well.
    house.gate.swap_rules(rules("")).await.unwrap();
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("agent bill-1 revoked"));
    assert!(house.gate.directory().project("support").is_none());
    // And back.
    house.gate.swap_rules(rules(moved)).await.unwrap();
    assert_eq!(who(&house.gate, &key).await.as_deref(), Some("agent bill-1 paused"));
}

#[tokio::test]
async fn files_that_want_a_taken_name_are_refused_and_the_old_rules_stay() {
    let house = house().await;
    house.agent("billing").await;
    let before = house.gate.rules();
    for (yaml, want) in [
        (
            "agents: { other: { fingerprint: billing } }",
            "the configuration defines an agent of this name or fingerprint",
        ),
        ("agents: { anonymous: {} }", "agents.anonymous: `anonymous` stands for callers without a key"),
    ] {
        let said = why(house.gate.swap_rules(rules(yaml)).await);
        assert!(said.starts_with(want), "{said}");
        assert!(Arc::ptr_eq(&before, &house.gate.rules()));
    }
    // The same name is the same agent: files take it over, with its key.
    house.gate.swap_rules(rules("agents: { billing: { trust: verified } }")).await.unwrap();
    let agent = house.gate.directory().agent_named("billing").unwrap();
    assert!(agent.from_files && agent.has_live_key());
    assert_eq!(agent.trust, Trust::Verified);
}

#[tokio::test]
async fn a_project_of_the_store_stays_when_files_change() {
    let house = house_with("projects: [support]").await;
    let ours = house.gate.add_project("ours", &Actor::Operator).await.unwrap();
    let support = house.gate.add_project("support", &Actor::Operator).await.unwrap();
    house.gate.swap_rules(rules("")).await.unwrap();
    assert!(who(&house.gate, &ours).await.is_some());
    assert_eq!(who(&house.gate, &support).await, None, "its files no longer define it");
}

#[tokio::test]
async fn who_was_seen_is_written_down_later() {
    let house = house().await;
    let (agent, key) = house.agent("billing").await;
    house.clock.advance(Duration::from_secs(90));
    house.gate.identify(&key.secret).await.unwrap();
    assert_eq!(house.gate.directory().agent(agent.id).unwrap().last_seen_at, None);
    house.gate.write_down_seen().await.unwrap();
    let seen = house.gate.directory().agent(agent.id).unwrap().last_seen_at;
    assert_eq!(seen, Some(house.gate.now()));
    assert_eq!(house.second("").await.directory().agent(agent.id).unwrap().last_seen_at, seen);
    let events = house.kinds().await;
    assert_eq!(events, ["project.added", "agent.added"], "being seen is no deed");
}
