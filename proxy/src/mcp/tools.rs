//! Which tools promise a structure of their results (`outputSchema`), as lists that came by have said.
//!
//! The TypeScript SDK 1.x holds every `structuredContent` against that schema, also beside `isError`, and throws
//! where it does not fit: the model would read of a schema and not why its call was refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// No server has so many; what is beyond is as unknown as before its first list.
const REMEMBERED_PER_UPSTREAM: usize = 8192;

#[derive(Debug, Default)]
pub(crate) struct Tools {
    by_upstream: Mutex<HashMap<String, HashMap<String, bool>>>,
}

impl Tools {
    pub(super) fn note(&self, upstream: &str, tool: &str, structured: bool) {
        let mut all = self.by_upstream.lock().unwrap_or_else(PoisonError::into_inner);
        let tools = all.entry(upstream.to_owned()).or_default();
        if tools.len() < REMEMBERED_PER_UPSTREAM || tools.contains_key(tool) {
            tools.insert(tool.to_owned(), structured);
        }
    }

    /// Whether the tool's results have a schema; `None`: no list has said so far.
    pub(crate) fn structured(&self, upstream: &str, tool: &str) -> Option<bool> {
        let all = self.by_upstream.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(upstream)?.get(tool).copied()
    }
}
