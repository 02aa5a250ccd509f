//! What the API says about things: wire types, made from the gate's own. Pages show the same views.
//! Each has a `sample()`, which is its example in the API's description and what page tests render.

pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod intent;
pub(crate) mod person;
pub(crate) mod policy;
pub(crate) mod refusal;
pub(crate) mod unmatched;

use gate::agent::AgentKey;
use gate::gate::MintedKey;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    /// Give it as `cursor` to go on; null at the end.
    pub(crate) next_cursor: Option<String>,
}

impl<T> List<T> {
    pub(crate) fn whole(data: Vec<T>) -> List<T> {
        List { data, next_cursor: None }
    }
}

/// What is known of a key; never its text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct KeyView {
    pub(crate) id: String,
    /// The last four characters, to tell keys apart.
    pub(crate) hint: String,
    pub(crate) created_at: String,
    pub(crate) revoked_at: Option<String>,
}

impl KeyView {
    pub(crate) fn of(key: &AgentKey) -> KeyView {
        KeyView {
            id: key.id.to_string(),
            hint: key.hint.clone(),
            created_at: key.created_at.to_string(),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        }
    }

    pub(crate) fn sample() -> KeyView {
        KeyView {
            id: "key_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into(),
            hint: "x7Qz".into(),
            created_at: "2026-03-14T09:20:00.000Z".into(),
            revoked_at: None,
        }
    }
}

/// A key's text, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewKeyView {
    pub(crate) id: String,
    /// Shown once: the gate keeps only its hash.
    pub(crate) key: String,
}

impl NewKeyView {
    pub(crate) fn of(minted: &MintedKey) -> NewKeyView {
        NewKeyView { id: minted.id.to_string(), key: minted.secret.expose().to_owned() }
    }
}
