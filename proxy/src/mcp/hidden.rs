//! Tools that a list leaves out. Calling one has no route, so this hides nothing that could be used;
//! it keeps a model from trying.

use std::sync::Arc;

use rules::Request;
use rules::request::Content;
use rules::ruleset::Upstream;
use serde_json::{Map, Value};

/// What the answer to one `tools/list` must leave out.
#[derive(Debug, Clone)]
pub(crate) struct Hidden {
    upstream: Arc<Upstream>,
    path: String,
}

impl Hidden {
    /// `None`: the call asks for something else, or nothing is hidden there.
    pub(crate) fn of(request: &Request) -> Option<Hidden> {
        let Content::Mcp(message) = &request.content else { return None };
        let lists = message.method.as_deref() == Some("tools/list") && request.upstream.hides_tools();
        lists.then(|| Hidden { upstream: request.upstream.clone(), path: request.path.clone() })
    }

    /// Takes hidden tools out of a message, if it is such a list.
    pub(super) fn leave_out(&self, message: &mut Map<String, Value>) {
        let list = message.get_mut("result").and_then(|result| result.get_mut("tools"));
        if let Some(Value::Array(tools)) = list {
            tools.retain(|tool| {
                let name = tool.get("name").and_then(Value::as_str);
                name.is_some_and(|name| !self.upstream.hides(&self.path, name))
            });
        }
    }
}
