//! The dashboard in a real Chromium: from the one-time link to the outcome, with and without JavaScript.

use serde_json::json;

use crate::harness::{Behaviour, Browser, Gate, Upstream, holdshort, upstream};

const PASSWORD: &str = "four words do well";

async fn gate(upstream: &Upstream) -> Gate {
    holdshort()
        .before(upstream)
        .route(
            "action: issue_refund, match: POST /refunds, risk_tier: high, title: \"Refund to {params.customer_id}\", \
             params: { amount: { from: /amount, type: integer }, customer_id: /customer_id }",
        )
        .route("action: delete_customer, match: \"DELETE /customers/{id}\", risk_tier: critical, title: \"Delete {params.id}\"")
        .with("risk_tiers: { critical: { approvals: { required: 1, confirm: true } } }")
        .without_people()
        .run()
        .await
}

/// The first admin's account, made with the one-time link that stands open.
async fn sign_up(page: &mut Browser) {
    page.sees("You are the first one here").await;
    page.fill("E-mail", "dana@example.com").await;
    page.fill("Name", "Dana").await;
    page.fill("Password", PASSWORD).await;
    page.press("Create my account").await;
    page.sees("Nothing waits").await;
}

fn refund() -> serde_json::Value {
    json!({ "amount": 250_000, "customer_id": "cus_4812", "reason": "delivered twice" })
}

#[tokio::test]
async fn a_call_appears_by_itself_is_read_approved_and_its_outcome_shown() {
    let upstream = upstream().run().await;
    let gate = gate(&upstream).await;
    let link = gate.sign_in_link().await;
    let mut page = Browser::open(&link).await;
    sign_up(&mut page).await;

    let agent = gate.agent("billing").await;
    let before = page.loads().await;
    let call = agent.post("/refunds", &refund()).start();
    page.sees("Refund to cus_4812").await;
    assert_eq!(page.loads().await, before, "it came without a reload");

    page.follow("Refund to cus_4812").await;
    page.sees("What will be sent").await;
    let shown = page.text().await;
    for text in
        ["POST /refunds", "250000", "delivered twice", "application/json", "The agent is on the line", "billing"]
    {
        assert!(shown.contains(text), "{text} is missing in:\n{shown}");
    }
    assert!(!shown.contains(&agent.key), "the agent's key is nobody's to read");
    assert!(call.is_waiting() && upstream.calls().is_empty());
    page.fill("Comment", "checked with the customer").await;
    page.press("Approve").await;
    assert_eq!(call.answer().await.status, 200);
    page.sees("It was sent, and the service answered 200").await;
    page.sees("answer delivered to the agent").await;
    page.sees("checked with the customer").await;
    page.lacks("Your verdict").await;
    assert!(upstream.only_call().header("holdshort-permit").is_some());

    let deletion = agent.delete("/customers/cus_9").start();
    page.follow("Waiting").await;
    page.follow("Delete cus_9").await;
    page.press("Approve").await;
    page.sees("Not decided.").await;
    assert!(deletion.is_waiting(), "without the typed confirmation nothing is approved");
    assert_eq!(upstream.calls().len(), 1);
    page.fill("To approve, type", "delete_customer").await;
    page.press("Approve").await;
    assert_eq!(deletion.answer().await.status, 200);
    page.sees("It was sent, and the service answered 200").await;
    assert_eq!(upstream.calls().len(), 2);
    assert_eq!(page.complaints().await, json!([]));

    assert_eq!(page.go(&link).await, 410, "the link was good once");
    page.sees("holdshort users link").await;
    page.close().await;
    gate.verify_audit().await;
}

#[tokio::test]
async fn the_same_without_javascript() {
    let upstream = upstream().run().await;
    let gate = gate(&upstream).await;
    let link = gate.sign_in_link().await;
    let mut page = Browser::without_javascript(&link).await;
    sign_up(&mut page).await;

    let agent = gate.agent("billing").await;
    let call = agent.delete("/customers/cus_9").start();
    gate.person("viewer@example.com", "viewer", &[]).await.next_pending().await;
    page.follow("Waiting").await;
    page.follow("Delete cus_9").await;
    page.sees("DELETE /customers/cus_9").await;
    page.fill("Comment", "asked for by the customer").await;
    page.press("Approve").await;
    page.sees("Not decided.").await;
    assert!(call.is_waiting() && upstream.calls().is_empty());
    page.fill("To approve, type", "delete_customer").await;
    page.press("Approve").await;
    assert_eq!(call.answer().await.status, 200);
    page.follow("History").await;
    page.follow("Delete cus_9").await;
    page.sees("asked for by the customer").await;
    assert_eq!(upstream.calls().len(), 1);

    page.press("Sign out").await;
    page.fill("E-mail", "dana@example.com").await;
    page.fill("Password", PASSWORD).await;
    page.press("Sign in").await;
    page.sees("Nothing waits").await;
    assert_eq!(page.go(&link).await, 410);
    page.close().await;
}

#[tokio::test]
async fn a_denial_tells_the_agent_why() {
    let upstream = upstream().run().await;
    let gate = gate(&upstream).await;
    let mut page = Browser::open(&gate.sign_in_link().await).await;
    sign_up(&mut page).await;
    let call = gate.agent("billing").await.post("/refunds", &refund()).start();
    page.follow("Refund to cus_4812").await;
    page.fill("Comment", "it was delivered once").await;
    page.press("Deny").await;
    let answer = call.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"));
    assert!(answer.message().contains("it was delivered once"), "{}", answer.message());
    page.sees("Denied. Nothing was sent.").await;
    assert_eq!(page.complaints().await, json!([]));
    assert!(upstream.calls().is_empty());
    page.close().await;
}

#[tokio::test]
async fn a_forged_form_decides_nothing() {
    let upstream = upstream().run().await;
    let gate = gate(&upstream).await;
    let mut page = Browser::without_javascript(&gate.sign_in_link().await).await;
    sign_up(&mut page).await;
    let agent = gate.agent("billing").await;
    let call = agent.post("/refunds", &refund()).start();
    gate.person("viewer@example.com", "viewer", &[]).await.next_pending().await;
    page.follow("Waiting").await;
    page.follow("Refund to cus_4812").await;
    page.sees("Your verdict").await;
    page.forge("csrf", "AAAA").await;
    page.press("Approve").await;
    page.sees("Not from the dashboard").await;
    assert!(call.is_waiting() && upstream.calls().is_empty());

    // A page elsewhere posts to the gate with the browser's cookie.
    let trap = format!(
        "<form method=post action=\"{}/agents/{}\"><input name=csrf value=AAAA><button name=deed value=pause>Win</button></form>",
        gate.admin(),
        agent.id
    );
    let elsewhere = crate::harness::upstream()
        .behaves(Behaviour::Answers {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: trap.into_bytes(),
        })
        .run()
        .await;
    page.go(&elsewhere.url()).await;
    page.press("Win").await;
    page.sees("Not from the dashboard").await;
    page.go(&format!("{}/agents", gate.admin())).await;
    page.sees("active").await;
    page.lacks("paused").await;
    assert!(call.is_waiting() && upstream.calls().is_empty());
    page.close().await;
}

#[tokio::test]
async fn no_page_is_wider_than_a_phone() {
    let upstream = upstream().run().await;
    let gate = gate(&upstream).await;
    let options = json!({ "viewport": { "width": 390, "height": 844 }, "colorScheme": "dark" });
    let mut page = Browser::with(&options, &gate.sign_in_link().await).await;
    assert_eq!(page.overflow().await, 0, "the link's page");
    sign_up(&mut page).await;
    let nasty = json!({
        "amount": 1, "customer_id": format!("\u{202e}{}", "x".repeat(300)), "html": "<script>document.title = 'mine'</script>",
        "turned": "\u{202e}drawkcab", "lines": "\n".repeat(5000), "long": "y".repeat(20_000),
    });
    let call = gate.agent("billing").await.post("/refunds", &nasty).start();
    page.follow("Refund to").await;
    page.sees("Look closely").await;
    let shown = page.text().await;
    assert!(shown.contains("<script>"), "markup is shown as text");
    assert!(!shown.contains('\u{202e}'), "what turns text around is shown by its name");
    assert_eq!(page.overflow().await, 0, "the call's page");
    for path in ["/", "/history", "/agents", "/people", "/unmatched", "/audit", "/nowhere"] {
        page.go(&format!("{}{path}", gate.admin())).await;
        assert_eq!(page.overflow().await, 0, "{path}");
    }
    assert!(call.is_waiting());
    page.close().await;
}
