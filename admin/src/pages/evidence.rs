//! The evidence of one call, to be read and to be taken away.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use gate::IntentId;
use gate::audit::evidence::ProvenEvent;

use super::{Frame, PageError, Reader, filters, render};
use crate::app::App;
use crate::error::ApiError;
use crate::input::Id;

#[derive(Template)]
#[template(path = "evidence.html")]
pub(crate) struct EvidencePage {
    pub(crate) frame: Frame,
    pub(crate) intent: String,
    pub(crate) checkpoint: String,
    pub(crate) key: String,
    pub(crate) events: Vec<EventShown>,
}

/// An event as people read it.
pub(crate) struct EventShown {
    pub(crate) seq: u64,
    pub(crate) at: String,
    pub(crate) kind: String,
    pub(crate) actor: String,
    /// Laid out; `None` once they were deleted.
    pub(crate) facts: Option<String>,
    pub(crate) commitment: String,
    /// Hashes on the way to the root.
    pub(crate) steps: usize,
}

impl EventShown {
    pub(crate) fn of(event: &ProvenEvent) -> EventShown {
        let facts = event.data.as_deref().map(|data| {
            let value: Option<serde_json::Value> = serde_json::from_str(data).ok();
            value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| data.to_owned())
        });
        EventShown {
            seq: event.seq,
            at: gate::Timestamp(event.at).to_string(),
            kind: event.kind.clone(),
            actor: event.actor.clone(),
            facts,
            commitment: event.commitment.clone(),
            steps: event.proof.len(),
        }
    }
}

pub(crate) async fn look(
    Reader(sign_in): Reader,
    State(app): State<App>,
    Id(id): Id<IntentId>,
) -> Result<Response, PageError> {
    let evidence = app.gate().evidence(id).await.map_err(ApiError::from)?;
    let evidence = evidence.ok_or_else(|| ApiError::not_found("call"))?;
    Ok(render(&EvidencePage {
        frame: Frame::of(&app, &sign_in, "history", "Evidence").await?,
        events: evidence.events.iter().map(EventShown::of).collect(),
        intent: evidence.intent,
        checkpoint: evidence.checkpoint,
        key: evidence.key,
    }))
}
