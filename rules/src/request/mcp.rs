//! JSON-RPC 2.0 messages as Model Context Protocol servers receive them over Streamable HTTP.

use super::json::Json;

/// One message (never a batch).
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// `None`: a response the client sends.
    pub method: Option<String>,
    /// As sent: a number or a string; `None` for notifications.
    pub id: Option<Json>,
    pub params: Option<Json>,
    /// Of `tools/call` and `prompts/get`: `params.name`.
    pub name: Option<String>,
    /// `params._meta.progressToken`.
    pub progress_token: Option<Json>,
}
