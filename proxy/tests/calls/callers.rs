//! Who calls: labels of a project, the anonymous caller, listeners bound to an agent.

use gate::{Actor, IntentFilter};

use crate::client::Client;
use crate::support::{house_in, house_of};
use crate::upstream::Upstream;

fn api(upstream: &Upstream) -> String {
    format!(
        "  api:\n    url: {}\n    at: /api\n    projects: [default, support]\n{}",
        upstream.url(),
        crate::support::ROUTES
    )
}

#[tokio::test]
async fn a_projects_key_calls_as_the_agent_it_names() {
    let upstream = Upstream::answering("ok").await;
    let house = house_of(&api(&upstream), "projects: { support: { unregistered: accept } }").await;
    let key = house.gate.rotate_project_key("support", &Actor::Operator).await.unwrap().secret;
    let ask = |label: &str| {
        format!("GET /api/free HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\n{label}\r\n", key.expose())
    };
    let answer = house.client().await.request(ask("")).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"), "a label is needed");
    let answer = house.client().await.request(ask("holdshort-agent: ci\r\n")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = upstream.only_call();
    assert!(!call.head().contains("hsk_") && call.header("holdshort-agent").is_none(), "{}", call.head());
    let intents = house.gate.intents(&IntentFilter::default()).await.unwrap().items;
    assert_eq!(intents[0].agent.fingerprint, "ci");
}

#[tokio::test]
async fn without_a_key_the_caller_is_anonymous_where_that_is_allowed() {
    let upstream = Upstream::answering("ok").await;
    let folder = tempfile::tempdir().unwrap();
    let house =
        house_in(folder, "proxy: { listen: 127.0.0.1:0, anonymous: allow }", &api(&upstream), "projects: [support]")
            .await;
    let answer = house.client().await.request("GET /api/free HTTP/1.1\r\nhost: gate\r\n\r\n").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let intents = house.gate.intents(&IntentFilter::default()).await.unwrap().items;
    assert_eq!(intents[0].agent.fingerprint, "anonymous");
    let answer =
        house.client().await.request("GET /api/free HTTP/1.1\r\nhost: gate\r\nx-api-key: hsk_agent_x\r\n\r\n").await;
    assert_eq!(answer.status, 401, "a bad key is not no key");
}

#[tokio::test]
async fn a_listener_of_its_own_belongs_to_one_agent() {
    let upstream = Upstream::answering("ok").await;
    let upstreams = format!(
        "  api:\n    url: {}\n    listen: {{ address: '127.0.0.1:0', agent: billing }}\n{}",
        upstream.url(),
        crate::support::ROUTES
    );
    let house = house_of(&upstreams, "").await;
    let answer = Client::connect(house.addresses[1]).await.request("GET /free HTTP/1.1\r\nhost: any\r\n\r\n").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.only_call().line, "GET /free HTTP/1.1");
    let intents = house.gate.intents(&IntentFilter::default()).await.unwrap().items;
    assert_eq!(intents[0].agent.fingerprint, "billing");
    let answer = house.client().await.request("GET /free HTTP/1.1\r\nhost: any\r\n\r\n").await;
    assert_eq!(answer.status, 401, "the other listener is nobody's");
}
