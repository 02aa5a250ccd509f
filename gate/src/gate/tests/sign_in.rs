//! Passwords, links, sessions.

use super::*;

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[tokio::test]
async fn the_first_link_makes_the_first_admin_once() {
    let house = house().await;
    let gate = &house.gate;
    let link = gate.offer_link(None, &Actor::Gate).await.unwrap();
    let other = gate.offer_link(None, &Actor::Gate).await.unwrap();
    assert!(gate.look_at_link(&link).await.unwrap().is_none());
    for (email, password, want) in [
        ("not an address", PASSWORD, "not an e-mail address"),
        ("dana@example.com", "short", "a password needs at least 12 characters"),
        ("dana@example.com", "Dana@example.com", "a password needs at least 12 characters"),
    ] {
        let said = why(gate.use_link(&link, email, "", password, "Firefox").await);
        assert!(said.starts_with(want), "{said}");
    }
    assert!(gate.needs_first_admin());
    // What was refused did not use it up.
    let dana = gate.use_link(&link, "Dana@example.com", "Dana", PASSWORD, "Firefox\n").await.unwrap();
    assert_eq!((dana.person.email.as_str(), dana.person.role), ("dana@example.com", Role::Admin));
    assert_eq!(dana.session.browser, "Firefox");
    let (session, person) = gate.session(&dana.cookie).await.unwrap().unwrap();
    assert_eq!((session.id, person.id), (dana.session.id, dana.person.id));
    assert!(gate.sign_in("dana@example.com", PASSWORD, "curl").await.is_ok());

    for token in [&link, &other, &"0".repeat(43), &String::new()] {
        let used = gate.use_link(token, "eve@example.com", "", PASSWORD, "").await;
        assert!(matches!(used, Err(SignInError::Link)));
        assert!(matches!(gate.look_at_link(token).await, Err(SignInError::Link)));
    }
    assert_eq!(why(gate.offer_link(None, &Actor::Gate).await), "there is an admin already: ask them for a link");
    assert_eq!(gate.directory().people().len(), 1, "nobody else came in");
}

#[tokio::test]
async fn two_who_use_one_link_at_the_same_time_are_one() {
    let house = house().await;
    let other = house.second("").await;
    let link = house.gate.offer_link(None, &Actor::Gate).await.unwrap();
    let (one, two) = tokio::join!(
        house.gate.use_link(&link, "dana@example.com", "", PASSWORD, ""),
        other.use_link(&link, "eve@example.com", "", PASSWORD, "")
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    other.refresh_directory().await.unwrap();
    assert_eq!(other.directory().people().len(), 1);

    let kofi = house.person("kofi@example.com", Role::Viewer).await;
    let link = house.gate.offer_link(Some(kofi.id), &Actor::Operator).await.unwrap();
    let (one, two) = tokio::join!(
        house.gate.use_link(&link, "", "", "the first password", ""),
        other.use_link(&link, "", "", "the second password", "")
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let used = house.kinds().await.iter().filter(|kind| *kind == "link.used").count();
    assert_eq!(used, 2, "the first admin's, and this one once");
}

#[tokio::test]
async fn a_link_dies_after_an_hour() {
    let house = house().await;
    let first = house.gate.offer_link(None, &Actor::Gate).await.unwrap();
    house.clock.advance(hours(1));
    let used = house.gate.use_link(&first, "dana@example.com", "", PASSWORD, "").await;
    assert!(matches!(used, Err(SignInError::Link)));
    assert!(house.gate.needs_first_admin());
}

#[tokio::test]
async fn a_persons_link_sets_their_password_only() {
    let house = house().await;
    house.member("root@example.com", Role::Admin).await;
    let kofi = house.person("kofi@example.com", Role::Viewer).await;
    let link = house.gate.offer_link(Some(kofi.id), &Actor::Operator).await.unwrap();
    assert_eq!(house.gate.look_at_link(&link).await.unwrap().unwrap().id, kofi.id);
    let used = house.gate.use_link(&link, "eve@example.com", "Eve", PASSWORD, "").await.unwrap();
    assert_eq!((used.person.id, used.person.email.as_str()), (kofi.id, "kofi@example.com"));
    assert_eq!((used.person.role, used.person.has_password), (Role::Viewer, true));
    // Of somebody who was disabled meanwhile.
    let link = house.gate.offer_link(Some(kofi.id), &Actor::Operator).await.unwrap();
    house.gate.disable_person(kofi.id, true, &Actor::Operator).await.unwrap();
    assert!(matches!(house.gate.use_link(&link, "", "", PASSWORD, "").await, Err(SignInError::Link)));
}

#[tokio::test]
async fn only_the_right_password_signs_in() {
    let house = house().await;
    let dana = house.member("dana@example.com", Role::Admin).await;
    house.person("kofi@example.com", Role::Viewer).await;
    let again = house.gate.sign_in(" Dana@Example.com ", PASSWORD, "curl").await.unwrap();
    assert_eq!(again.person.id, dana.person.id);
    assert_ne!(again.cookie, dana.cookie);
    for (email, password) in [
        ("dana@example.com", "correct horse batterz"),
        ("dana@example.com", ""),
        ("kofi@example.com", PASSWORD),
        ("kofi@example.com", ""),
        ("nobody@example.com", PASSWORD),
        ("", ""),
    ] {
        let said = house.gate.sign_in(email, password, "").await;
        assert!(matches!(said, Err(SignInError::Wrong)), "{email} {password}: {said:?}");
    }
    // Failures of those who exist are recorded, beside the answer.
    let recorded = async {
        while house.kinds().await.iter().filter(|kind| *kind == "sign_in.failed").count() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), recorded).await.expect("failures are recorded");
    assert!(
        house.events().await.iter().all(|(_, _, data)| !data.contains("nobody")),
        "what strangers type is not kept"
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_by_account_and_by_source() {
    let house = house().await;
    house.member("dana@example.com", Role::Admin).await;
    for _ in 0..5 {
        assert!(matches!(
            house.gate.sign_in("dana@example.com", "guess guess guess", "").await,
            Err(SignInError::Wrong)
        ));
    }
    for email in ["dana@example.com", "DANA@example.com"] {
        let said = house.gate.sign_in(email, PASSWORD, "").await;
        assert!(matches!(said, Err(SignInError::Later(1))), "also for the right one: {said:?}");
    }
    house.clock.advance(Duration::from_secs(1));
    house.gate.sign_in("dana@example.com", PASSWORD, "").await.unwrap();
    assert!(house.gate.sign_in("dana@example.com", PASSWORD, "").await.is_ok(), "forgiven");

    let source = Some("192.0.2.7".parse().unwrap());
    for one in 0..20 {
        let said = house.gate.sign_in_from(source, &format!("user{one}"), PASSWORD, "").await;
        assert!(matches!(said, Err(SignInError::Wrong)));
    }
    let said = house.gate.sign_in_from(source, "dana@example.com", PASSWORD, "").await;
    assert!(matches!(said, Err(SignInError::Later(1))), "{said:?}");
    let elsewhere = Some("192.0.2.8".parse().unwrap());
    assert!(house.gate.sign_in_from(elsewhere, "dana@example.com", PASSWORD, "").await.is_ok());
}

#[tokio::test]
async fn sessions_end_by_time_and_by_hand() {
    let house = house().await;
    let dana = house.member("dana@example.com", Role::Admin).await;
    let alive = async |cookie: &str| house.gate.session(cookie).await.unwrap().is_some();
    assert!(!alive("").await && !alive(&"0".repeat(43)).await);
    // Used every 90 minutes it lives on, but not beyond 12 hours.
    for _ in 0..7 {
        house.clock.advance(Duration::from_secs(90 * 60));
        assert!(alive(&dana.cookie).await);
    }
    house.clock.advance(Duration::from_secs(90 * 60));
    assert!(!alive(&dana.cookie).await);

    let idle = house.gate.sign_in("dana@example.com", PASSWORD, "").await.unwrap();
    house.clock.advance(hours(2));
    assert!(!alive(&idle.cookie).await);
    assert_eq!(house.gate.sessions_of(dana.person.id).await.unwrap().len(), 0);

    let one = house.gate.sign_in("dana@example.com", PASSWORD, "one").await.unwrap();
    let two = house.gate.sign_in("dana@example.com", PASSWORD, "two").await.unwrap();
    assert_eq!(house.gate.sessions_of(dana.person.id).await.unwrap().len(), 2);
    assert!(alive(&one.cookie).await);
    house.gate.sign_out(one.session.id).await.unwrap();
    house.gate.sign_out(one.session.id).await.unwrap();
    assert!(!alive(&one.cookie).await && alive(&two.cookie).await);
    let (kind, actor, _) = house.events().await.last().cloned().unwrap();
    assert_eq!((kind.as_str(), actor), ("session.closed", format!("{} dana@example.com", dana.person.id)));
    house.gate.end_session(two.session.id, &Actor::Operator).await.unwrap();
    assert!(!alive(&two.cookie).await);
    let ended = house.gate.end_session(two.session.id, &Actor::Operator).await;
    assert_eq!(why(ended), format!("there is no session {}", two.session.id));
}

#[tokio::test]
async fn being_used_keeps_a_session_alive_for_other_processes_too() {
    let house = house().await;
    let dana = house.member("dana@example.com", Role::Admin).await;
    house.clock.advance(Duration::from_secs(90 * 60));
    house.gate.session(&dana.cookie).await.unwrap().unwrap();
    house.gate.write_down_seen().await.unwrap();
    house.clock.advance(Duration::from_secs(90 * 60));
    let other = house.second("").await;
    assert!(other.session(&dana.cookie).await.unwrap().is_some());
}

#[tokio::test]
async fn sessions_end_with_role_password_and_standing() {
    let house = house().await;
    let by = &Actor::Operator;
    house.member("root@example.com", Role::Admin).await;
    let kofi = house.member("kofi@example.com", Role::Viewer).await;
    let alive = async |cookie: &str| house.gate.session(cookie).await.unwrap().is_some();
    assert!(alive(&kofi.cookie).await);
    house.gate.set_role(kofi.person.id, Role::Approver, by).await.unwrap();
    assert!(!alive(&kofi.cookie).await);

    let session = house.gate.sign_in("kofi@example.com", PASSWORD, "").await.unwrap();
    let change = async |current: &str, new: &str| house.gate.change_password(kofi.person.id, current, new, "").await;
    assert!(matches!(change("wrong wrong wrong", "another one here").await, Err(SignInError::Wrong)));
    assert!(matches!(change(PASSWORD, "short").await, Err(SignInError::Weak)));
    assert!(alive(&session.cookie).await);
    let fresh = change(PASSWORD, "another one here").await.unwrap();
    assert!(!alive(&session.cookie).await && alive(&fresh.cookie).await);
    assert!(matches!(house.gate.sign_in("kofi@example.com", PASSWORD, "").await, Err(SignInError::Wrong)));

    house.gate.disable_person(kofi.person.id, true, by).await.unwrap();
    assert!(!alive(&fresh.cookie).await);
    let said = house.gate.sign_in("kofi@example.com", "another one here", "").await;
    assert!(matches!(said, Err(SignInError::Wrong)), "{said:?}");
    house.gate.disable_person(kofi.person.id, false, by).await.unwrap();
    assert!(!alive(&fresh.cookie).await, "what ended stays ended");
}

#[tokio::test]
async fn no_event_holds_a_secret() {
    let house = house_with("agents: { clerk: {} }").await;
    let gate = &house.gate;
    let by = &Actor::Operator;
    let project = gate.add_project("support", by).await.unwrap();
    let rotated = gate.rotate_project_key("support", by).await.unwrap();
    let (agent, key) = house.agent("billing").await;
    let second = gate.rotate_agent_key(agent.id, by).await.unwrap();
    gate.set_agent_status(agent.id, AgentStatus::Paused, Some("odd".to_owned()), by).await.unwrap();
    gate.set_agent_status(agent.id, AgentStatus::Active, None, by).await.unwrap();
    gate.set_agent_status(agent.id, AgentStatus::Revoked, None, by).await.unwrap();
    gate.revoke_key(key.id, by).await.unwrap();
    let first = gate.offer_link(None, by).await.unwrap();
    let root = gate.use_link(&first, "root@example.com", "", PASSWORD, "").await.unwrap();
    let kofi = house.person("kofi@example.com", Role::Viewer).await;
    let link = gate.offer_link(Some(kofi.id), by).await.unwrap();
    let used = gate.use_link(&link, "", "", "another secret here", "").await.unwrap();
    let signed_in = gate.sign_in("kofi@example.com", "another secret here", "").await.unwrap();
    let changed = gate.change_password(kofi.id, "another secret here", "a third secret", "").await.unwrap();
    let token = gate.mint_token(kofi.id, None, by).await.unwrap();
    let _ = gate.sign_in("kofi@example.com", "fourth secret typed wrong", "").await;
    gate.set_role(kofi.id, Role::Approver, by).await.unwrap();
    gate.set_teams(kofi.id, vec!["oncall".to_owned()], by).await.unwrap();
    gate.sign_out(root.session.id).await.unwrap();
    gate.disable_person(kofi.id, true, by).await.unwrap();
    gate.disable_person(kofi.id, false, by).await.unwrap();

    let recorded = async {
        while !house.kinds().await.iter().any(|kind| kind == "sign_in.failed") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), recorded).await.expect("the failure is recorded");
    let events = house.events().await;
    for kind in [
        "project.added",
        "agent.added",
        "agent.adopted",
        "agent.paused",
        "agent.resumed",
        "agent.revoked",
        "key.added",
        "key.revoked",
        "person.added",
        "person.password_set",
        "person.role_set",
        "person.teams_set",
        "person.disabled",
        "person.enabled",
        "session.opened",
        "session.closed",
        "link.offered",
        "link.used",
        "sign_in.failed",
    ] {
        assert!(events.iter().any(|(known, ..)| known == kind), "every kind of deed was done: {kind}");
    }
    let texts: Vec<String> = events.into_iter().map(|(kind, actor, data)| format!("{kind} {actor} {data}")).collect();
    let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let keys = [&project, &rotated, &key, &second, &token].map(|key| key.secret.expose().to_owned());
    let tokens = [first, link, root.cookie, used.cookie, signed_in.cookie, changed.cookie];
    for secret in keys.iter().chain(&tokens) {
        let body = &secret[secret.len().saturating_sub(49)..][..20];
        for text in &texts {
            assert!(!text.contains(secret.as_str()) && !text.contains(body), "{text}");
            assert!(!text.contains(&hex(crate::key::hash_of(secret))), "{text}");
        }
    }
    for word in ["argon2", "secret", "correct horse", "hsk_", "hash"] {
        assert!(texts.iter().all(|text| !text.contains(word)), "{word}: {texts:#?}");
    }
}
