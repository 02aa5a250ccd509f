//! People: logins, roles, teams, tokens, disabling.

use super::*;

#[tokio::test]
async fn people_are_added_with_role_and_teams() {
    let house = house_with("teams: { finance: [Dana@example.com] }").await;
    let by = &Actor::Operator;
    let teams = vec!["oncall".to_owned(), "finance".to_owned(), "oncall".to_owned()];
    let dana = house.gate.add_person("Dana@Example.com", "Dana", Role::Approver, teams, by).await.unwrap();
    assert_eq!((dana.email.as_str(), dana.name.as_str()), ("dana@example.com", "Dana"));
    assert_eq!((dana.role, dana.disabled, dana.has_password), (Role::Approver, false, false));
    assert_eq!(dana.teams, ["finance", "oncall"]);
    assert_eq!(
        house.gate.directory().teams(),
        [
            ("finance".to_owned(), vec!["dana@example.com".to_owned()]),
            ("oncall".to_owned(), vec!["dana@example.com".to_owned()])
        ]
    );
    let bot = house.gate.add_person("ci-bot", "", Role::Viewer, vec![], by).await.unwrap();
    assert_eq!((bot.email.as_str(), bot.name.as_str()), ("ci-bot", "ci-bot"));

    for (email, team, want) in [
        ("dana@example.com", "", "there is a person with this address already"),
        ("DANA@EXAMPLE.COM", "", "there is a person with this address already"),
        ("dana@", "", "not an e-mail address"),
        ("", "", "not an e-mail address"),
        ("finance", "", "finance is the name of a team"),
        ("kofi@example.com", "finance", "the team finance is defined in files"),
        ("kofi@example.com", "ci-bot", "ci-bot is what a person signs in with"),
        ("kofi", "kofi", "kofi is what a person signs in with"),
        ("kofi@example.com", "a b", "not a team's name"),
    ] {
        let teams = if team.is_empty() { vec![] } else { vec![team.to_owned()] };
        let said = why(house.gate.add_person(email, "", Role::Viewer, teams, by).await);
        assert!(said.starts_with(want), "{email} {team}: {said}");
    }
    assert_eq!(house.gate.directory().people().len(), 2, "nobody else was added");
    assert_eq!(house.kinds().await, ["project.added", "person.added", "person.added"]);
}

#[tokio::test]
async fn a_team_of_the_files_is_changed_only_there() {
    let house = house_with("teams: { finance: [dana@example.com] }").await;
    let by = &Actor::Operator;
    let dana = house.person("dana@example.com", Role::Approver).await;
    let kofi = house.person("kofi@example.com", Role::Approver).await;
    let kofi_wants = house.gate.set_teams(kofi.id, vec!["finance".to_owned()], by).await;
    assert!(why(kofi_wants).starts_with("the team finance is defined in files"));
    let dana = house.gate.set_teams(dana.id, vec![], by).await.unwrap();
    assert_eq!(dana.teams, ["finance"], "leaving it out does not leave it");

    // A team of the store gives way to the files', member by member.
    house.gate.set_teams(kofi.id, vec!["oncall".to_owned()], by).await.unwrap();
    house.gate.swap_rules(rules("teams: { oncall: [dana@example.com] }")).await.unwrap();
    let directory = house.gate.directory();
    assert_eq!(directory.person(dana.id).unwrap().teams, ["oncall"]);
    assert_eq!(directory.person(kofi.id).unwrap().teams, [""; 0]);
    house.gate.swap_rules(rules("")).await.unwrap();
    assert_eq!(house.gate.directory().person(kofi.id).unwrap().teams, ["oncall"]);
}

#[tokio::test]
async fn a_token_is_its_person_until_it_ends() {
    let house = house().await;
    let by = &Actor::Operator;
    house.person("root@example.com", Role::Admin).await;
    let dana = house.person("dana@example.com", Role::Approver).await;
    let token = house.gate.mint_token(dana.id, Some("laptop".to_owned()), by).await.unwrap();
    assert!(token.secret.expose().starts_with("hsk_user_"));
    assert_eq!(who(&house.gate, &token).await.as_deref(), Some("person dana@example.com"));
    let until = house.gate.now().plus(Duration::from_secs(60));
    let short = house.gate.mint_token_until(dana.id, None, Some(until), by).await.unwrap();
    assert!(who(&house.gate, &short).await.is_some());
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(who(&house.gate, &short).await, None, "it has expired");
    assert!(who(&house.gate, &token).await.is_some());
    // Tokens are not rotated: a third one revokes nothing.
    house.gate.mint_token(dana.id, None, by).await.unwrap();
    assert!(who(&house.gate, &token).await.is_some());
    let labels: Vec<_> = house.gate.directory().tokens(dana.id).iter().map(|token| token.label.clone()).collect();
    assert_eq!(labels, [Some("laptop".to_owned()), None, None]);

    house.gate.disable_person(dana.id, true, by).await.unwrap();
    assert_eq!(who(&house.gate, &token).await, None, "a disabled person is nobody");
    assert_eq!(why(house.gate.mint_token(dana.id, None, by).await), "a disabled person gets no token");
    assert_eq!(why(house.gate.offer_link(Some(dana.id), by).await), "a disabled person gets no link");
    house.gate.disable_person(dana.id, false, by).await.unwrap();
    assert!(who(&house.gate, &token).await.is_some());
    house.gate.revoke_key(token.id, by).await.unwrap();
    assert_eq!(who(&house.gate, &token).await, None);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let house = house().await;
    let by = &Actor::Operator;
    assert!(house.gate.needs_first_admin());
    let kofi = house.person("kofi@example.com", Role::Viewer).await;
    house.gate.set_role(kofi.id, Role::Approver, by).await.unwrap();
    let dana = house.person("dana@example.com", Role::Admin).await;
    assert!(!house.gate.needs_first_admin());
    let last = "the last admin stays: make somebody else an admin first";
    assert_eq!(why(house.gate.disable_person(dana.id, true, by).await), last);
    assert_eq!(why(house.gate.set_role(dana.id, Role::Approver, by).await), last);
    assert_eq!(house.gate.directory().person(dana.id).unwrap().role, Role::Admin);
    house.gate.set_role(kofi.id, Role::Admin, by).await.unwrap();
    house.gate.disable_person(dana.id, true, by).await.unwrap();
    assert_eq!(why(house.gate.set_role(kofi.id, Role::Viewer, by).await), last, "a disabled admin does not count");
    let nobody = PersonId::new(Timestamp(0));
    assert_eq!(why(house.gate.set_role(nobody, Role::Viewer, by).await), format!("there is no person {nobody}"));
    assert_eq!(why(house.gate.disable_person(nobody, true, by).await), format!("there is no person {nobody}"));
    assert_eq!(why(house.gate.set_teams(nobody, vec![], by).await), format!("there is no person {nobody}"));
    assert_eq!(why(house.gate.mint_token(nobody, None, by).await), format!("there is no person {nobody}"));
}
