//! Batches of messages (JSON-RPC 2.0, section 6), which MCP had in its revision 2025-03-26 alone.
//!
//! A batch goes on as one request, so it goes on only where each of its messages would go on by itself, without anybody
//! being asked; [`Ruleset::route`](crate::Ruleset::route) sees to that. Here is refused what two servers could take for
//! different batches, or answer in different ways.

use super::{INVALID_REQUEST, Message, is_id, refuse};
use crate::request::json::Json;
use crate::request::{Head, Malformed};

/// A request that names no revision is of this one (MCP 2025-06-18, "Protocol Version Header").
const REVISION: &str = "2025-03-26";
const MOST: usize = 100;

/// The messages of a batch, in order; at least one.
///
/// # Errors
/// What is no batch of this revision; `rpc_id` has the ids of its requests.
pub(super) fn read(items: Vec<Json>, head: &Head) -> Result<Vec<Message>, Malformed> {
    let ids = ids(&items);
    messages(items, head).map_err(|error| Malformed { rpc_id: Some(Json::List(ids)), ..error })
}

fn messages(items: Vec<Json>, head: &Head) -> Result<Vec<Message>, Malformed> {
    let refuse = |what: &str| Err(refuse(INVALID_REQUEST, what, "body"));
    if head.header("mcp-protocol-version").is_some_and(|revision| revision != REVISION) {
        return refuse("this revision of MCP knows no batches: send each message in a request of its own");
    }
    if items.is_empty() {
        return refuse("an empty batch");
    }
    if items.len() > MOST {
        return refuse("more than 100 messages in a batch");
    }
    let mut messages: Vec<Message> = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let place =
            |error: Malformed| Malformed { place: format!("message {at} of the batch, {}", error.place), ..error };
        if matches!(item, Json::List(_)) {
            return refuse("a batch within a batch");
        }
        let message = super::message(item).and_then(|message| message.check_headers(head).map(|()| message));
        let message = message.map_err(place)?;
        if message.method.as_deref() == Some("initialize") {
            return refuse("initialize is not part of a batch");
        }
        // Servers take a body of requests and notifications, or of answers.
        if messages.first().is_some_and(|first| first.method.is_some() != message.method.is_some()) {
            return refuse("requests and answers in one batch");
        }
        if message.id.is_some() && messages.iter().any(|before| before.id == message.id) {
            return refuse("two messages of a batch have the same id");
        }
        messages.push(message);
    }
    Ok(messages)
}

/// The ids that an answer to the whole must name: each request's, once.
pub(crate) fn ids(items: &[Json]) -> Vec<Json> {
    let mut ids: Vec<Json> = Vec::new();
    for item in items.iter().take(MOST) {
        if let (Some(_), Some(id)) = (item.member("method"), item.member("id").filter(|id| is_id(id)))
            && !ids.contains(id)
        {
            ids.push(id.clone());
        }
    }
    ids
}
