//! People, over the admin API.

use serde_json::{Value, json};

use super::eventually;

#[derive(Clone)]
pub struct Person {
    pub token: String,
    pub admin: String,
    client: reqwest::Client,
}

/// A call that waits, as an approver sees it.
pub struct Waiting {
    person: Person,
    pub intent: Value,
}

impl Person {
    pub fn new(token: &str, admin: &str) -> Person {
        let client = super::client().build().unwrap();
        Person { token: token.to_owned(), admin: admin.to_owned(), client }
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.client.get(format!("{}{path}", self.admin))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(self.client.post(format!("{}{path}", self.admin)).json(body)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.bearer_auth(&self.token).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The intents in a state, newest first.
    pub async fn intents(&self, status: &str) -> Vec<Value> {
        let (code, list) = self.get(&format!("/api/intents?status={status}")).await;
        assert_eq!(code, 200, "{list}");
        list["data"].as_array().unwrap().clone()
    }

    pub async fn intent(&self, id: &str) -> Value {
        let (code, intent) = self.get(&format!("/api/intents/{id}")).await;
        assert_eq!(code, 200, "{intent}");
        whole(&intent)
    }

    /// The next call that waits, as soon as there is one.
    pub async fn next_pending(&self) -> Waiting {
        let id = eventually("a pending intent", || async {
            match self.intents("pending").await.first() {
                Some(intent) => Ok(intent["id"].as_str().unwrap().to_owned()),
                None => Err("none is pending".to_owned()),
            }
        })
        .await;
        Waiting { person: self.clone(), intent: self.intent(&id).await }
    }

    /// Waits until an intent is in a state.
    pub async fn sees(&self, id: &str, status: &str) -> Value {
        eventually(&format!("{id} to be {status}"), || async {
            let intent = self.intent(id).await;
            if intent["status"] == status { Ok(intent) } else { Err(intent.to_string()) }
        })
        .await
    }
}

impl Waiting {
    pub fn id(&self) -> &str {
        self.intent["id"].as_str().unwrap()
    }

    fn body(&self, mut with: Value) -> Value {
        with["digest"] = self.intent["request"]["digest"].clone();
        with
    }

    pub async fn approve(&self) -> Value {
        let (status, answer) = self.try_approve(json!({})).await;
        assert_eq!(status, 200, "{answer}");
        whole(&answer)
    }

    pub async fn try_approve(&self, with: Value) -> (u16, Value) {
        self.person.post(&format!("/api/intents/{}/approve", self.id()), &self.body(with)).await
    }

    pub async fn deny(&self, reason: &str) -> Value {
        let body = json!({ "reason": reason });
        let (status, answer) = self.person.post(&format!("/api/intents/{}/deny", self.id()), &body).await;
        assert_eq!(status, 200, "{answer}");
        whole(&answer)
    }
}

fn whole(answer: &Value) -> Value {
    answer.get("data").filter(|data| data.is_object()).unwrap_or(answer).clone()
}
