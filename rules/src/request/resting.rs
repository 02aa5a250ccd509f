//! A request while people decide about it, and how much memory a request takes.
//!
//! What is read out of a body takes many times the room of its bytes, and thousands of calls may wait for hours. So
//! only the bytes are kept while a call waits, and are read again when it goes on.

use std::mem::size_of;

use super::json::Json;
use super::{Content, Malformed, Request, mcp, multipart};
use crate::ruleset::Mounted;

/// What a header or a field takes besides its text.
const PER_PAIR: usize = 80;

/// A request of which nothing but its bytes is kept.
///
/// INVARIANT: reading it again gives the request it was made of: reading knows no time and no chance.
#[derive(Debug, Clone)]
pub struct Resting(Request);

impl Resting {
    #[must_use]
    pub fn new(request: &Request) -> Resting {
        let Request { upstream, head, path, target, body, content_digest, content: _ } = request;
        Resting(Request {
            upstream: upstream.clone(),
            head: head.clone(),
            path: path.clone(),
            target: target.clone(),
            body: body.clone(),
            content_digest: content_digest.clone(),
            content: Content::Opaque,
        })
    }

    /// Bytes of memory it takes, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.resting_weight()
    }

    /// The whole request again.
    ///
    /// # Errors
    /// It cannot be read as it was, which the invariant excludes; nothing may come of it then.
    pub fn wake(&self) -> Result<Request, Malformed> {
        let Request { upstream, head, path, body, .. } = &self.0;
        let mounted =
            Mounted { upstream: upstream.clone(), prefix: String::new(), path: path.clone(), bound_agent: None };
        Request::new(head.clone(), &mounted, body.clone())
    }
}

impl Request {
    /// Bytes of memory it takes, roughly, with what was read of its body.
    #[must_use]
    pub fn weight(&self) -> usize {
        let read = match &self.content {
            Content::Opaque => 0,
            Content::Json(document) => document.weight(),
            Content::Form(form) => form.iter().map(|(name, value)| name.len() + value.len() + PER_PAIR).sum(),
            Content::Multipart(parts) => parts.iter().map(part).sum(),
            // Arguments become parameters: there are two of each.
            Content::GraphQl(call) => call.fields.iter().map(|field| 2 * value(&field.arguments) + PER_PAIR).sum(),
            Content::Mcp(message) => message_weight(message),
            Content::McpBatch(messages) => messages.iter().map(message_weight).sum(),
        };
        self.resting_weight() + read
    }

    /// What of that is kept of it while it rests.
    #[must_use]
    pub fn resting_weight(&self) -> usize {
        let headers: usize = self.head.headers.iter().map(|(name, value)| name.len() + value.len() + PER_PAIR).sum();
        headers + self.target.len() + self.path.len() + self.body.len()
    }
}

fn message_weight(message: &mcp::Message) -> usize {
    2 * message.params.as_ref().map_or(0, value) + PER_PAIR
}

fn part(part: &multipart::Part) -> usize {
    let text = if let multipart::Value::Text(text) = &part.value { text.len() } else { 0 };
    part.name.len() + text + PER_PAIR
}

fn value(json: &Json) -> usize {
    let held = match json {
        Json::Null | Json::Bool(_) => 0,
        Json::Number(text) | Json::String(text) => text.len().next_multiple_of(16) + 16,
        Json::List(items) => items.iter().map(value).sum(),
        Json::Object(members) => members.iter().map(|(key, member)| key.len() + 40 + value(member)).sum(),
    };
    size_of::<Json>() + held
}

#[cfg(test)]
mod tests {
    use super::value;
    use crate::request::json;

    #[test]
    fn a_value_weighs_what_it_takes_and_not_what_its_text_takes() {
        for (text, least) in [("[1]", 50), ("[0,0,0,0,0,0,0,0]", 400), ("{\"a\":{}}", 80), ("\"\"", 30)] {
            let weight = value(&json::parse(text.as_bytes()).unwrap());
            assert!(weight >= least && weight < 20 * least, "{text}: {weight}");
        }
    }
}
