//! JSON-RPC messages: what is built from one reads as it, and headers that mirror it must say the same.

use rules::request::Content;
use rules::request::json::{Json, parse};
use rules::request::mcp::Message;

use crate::decide::content;

/// A message's body.
pub fn mcp(bytes: &[u8]) {
    let Ok(message) = read(&[], bytes) else { return };
    let json = parse(bytes).expect("a message is JSON");
    assert_eq!(read(&[], json.to_string().as_bytes()).as_ref(), Ok(&message), "canonical JSON is the same message");
    let Some(method) = message.method.clone() else { return };

    let mut members = vec![("method".to_owned(), Json::String(method.clone()))];
    members.extend(message.params.clone().map(|params| ("params".to_owned(), params)));
    members.extend(message.id.clone().map(|id| ("id".to_owned(), id)));
    members.push(("jsonrpc".to_owned(), Json::String("2.0".to_owned())));
    let built = Json::Object(members).to_string();
    assert_eq!(read(&[], built.as_bytes()).as_ref(), Ok(&message), "what is built reads as itself");

    // Such a word stands for another one in a header.
    let plain = |word: &str| !word.starts_with("=?");
    let named = |header: &str, word: &str| read(&[(header, word)], bytes);
    if plain(&method) {
        assert_eq!(named("mcp-method", &method).as_ref(), Ok(&message), "a header that says the same changes nothing");
    }
    assert_eq!(named("mcp-method", &format!("{method}x")), Err(Some(-32020)), "a header that says another method");
    if let Some(name) = message.name.as_deref().filter(|name| plain(name)) {
        assert_eq!(named("mcp-name", name).as_ref(), Ok(&message));
        assert_eq!(named("mcp-name", &format!("{name}x")), Err(Some(-32020)));
    }
}

/// Each message of a batch reads as it does alone.
fn batch(bytes: &[u8], messages: &[Message]) {
    let Ok(Json::List(members)) = parse(bytes) else { panic!("a batch is an array") };
    assert_eq!(members.len(), messages.len());
    for (json, message) in members.iter().zip(messages) {
        assert_eq!(read(&[], json.to_string().as_bytes()).as_ref(), Ok(message));
    }
}

fn read(headers: &[(&str, &str)], body: &[u8]) -> Result<Message, Option<i32>> {
    let headers = [&[("content-type", "application/json")], headers].concat();
    match content("/mcp", &headers, body) {
        Ok(Content::Mcp(message)) => Ok(message),
        Ok(Content::McpBatch(messages)) => {
            batch(body, &messages);
            Err(None)
        }
        Ok(other) => panic!("not read as a message: {other:?}"),
        Err(error) => Err(error.rpc_code),
    }
}
