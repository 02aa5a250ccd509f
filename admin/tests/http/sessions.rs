//! Where people are signed in, and ending that.

use gate::Role;

use crate::world::world;

#[tokio::test]
async fn people_see_and_end_their_own_sessions_and_admins_anybodys() {
    let w = world().await;
    let mut dana = w.browser("dana@example.com", Role::Approver).await;
    let mut ada = w.browser("ada@example.com", Role::Admin).await;
    let person = w.gate.directory().person_by_email("dana@example.com").unwrap();
    let token = w.gate.mint_token(person.id, None, &gate::Actor::Operator).await.unwrap();
    let me = w.with(token.secret.expose());
    let (_, vera) = w.person("vera@example.com", Role::Viewer).await;
    let (_, key) = w.agent("billing", "default").await;

    let listed = me.get("/api/sessions").await.json();
    let own = listed["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let of_dana = format!("/api/sessions?user={}", person.id);
    assert_eq!(w.with(&vera).get(&of_dana).await.code(), "403 FORBIDDEN");
    assert_eq!(w.with(key.expose()).get("/api/sessions").await.code(), "403 FORBIDDEN");
    let at = format!("/api/sessions/{own}");
    assert_eq!(w.with(&vera).delete(&at).await.code(), "404 NOT_FOUND");
    assert_eq!(w.with(key.expose()).delete(&at).await.code(), "403 FORBIDDEN");
    assert!(dana.open("/sessions").await.text.contains("this one"), "it goes on");

    assert_eq!(me.delete(&at).await.status, 204);
    assert_eq!(dana.open("/").await.location(), "/sign-in");
    assert_eq!(me.delete(&at).await.code(), "404 NOT_FOUND");

    let page = ada.open("/sessions").await.text;
    let (_, rest) = page.split_once("action=\"/sessions/").unwrap();
    let mine = rest.split('"').next().unwrap();
    assert_eq!(ada.submit(&format!("/sessions/{mine}"), &[]).await.status, 303);
    assert_eq!(ada.open("/").await.location(), "/sign-in");
}
