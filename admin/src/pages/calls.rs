//! The list of waiting calls, and the history of all.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use gate::{IntentFilter, Timestamp};
use serde::Deserialize;

use super::{Frame, PageError, Reader, filters, render};
use crate::app::App;
use crate::error::ApiError;
use crate::input::Query;
use crate::view::intent::IntentView;

#[derive(Template)]
#[template(path = "waiting.html")]
pub(crate) struct WaitingPage {
    pub(crate) frame: Frame,
    pub(crate) now: Timestamp,
    pub(crate) waiting: Vec<IntentView>,
    /// Outcomes nobody knows, for a person to settle.
    pub(crate) unknown: Vec<IntentView>,
    pub(crate) mine: bool,
    /// There are more than are shown.
    pub(crate) more: bool,
    /// Whether anything was ever asked, and whether there is an agent who could: for the empty page.
    pub(crate) agents: usize,
    pub(crate) proxy_url: String,
}

#[derive(Template)]
#[template(path = "history.html")]
pub(crate) struct HistoryPage {
    pub(crate) frame: Frame,
    pub(crate) now: Timestamp,
    pub(crate) items: Vec<IntentView>,
    pub(crate) next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitingQuery {
    show: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    cursor: Option<String>,
}

/// Most cards on one page.
const MOST: u32 = 100;

pub(crate) async fn waiting(
    Reader(sign_in): Reader,
    State(app): State<App>,
    Query(query): Query<WaitingQuery>,
) -> Result<Response, PageError> {
    let mine = query.show.as_deref() == Some("mine");
    let listed = |states: &[&str], limit| IntentFilter {
        states: states.iter().map(|state| (*state).to_owned()).collect(),
        limit: Some(limit),
        ..IntentFilter::default()
    };
    let page = app.gate().intents(&listed(&["pending", "approved"], MOST)).await.map_err(ApiError::from)?;
    let unknown = app.gate().intents(&listed(&["unknown"], 20)).await.map_err(ApiError::from)?;
    let person = &sign_in.person;
    let mut waiting: Vec<IntentView> =
        page.items.iter().map(|intent| IntentView::of(&app, intent, Some(person))).collect();
    if mine {
        waiting.retain(|view| {
            view.can.as_ref().is_some_and(|can| can.approve || can.deny) && !has_voted(view, &person.email)
        });
    }
    // The oldest first: it has waited longest and expires next.
    waiting.reverse();
    let page = WaitingPage {
        frame: Frame::of(&app, &sign_in, "waiting", "Waiting").await?,
        now: app.gate().now(),
        waiting,
        unknown: unknown.items.iter().map(|intent| IntentView::of(&app, intent, Some(person))).collect(),
        mine,
        more: page.next.is_some(),
        agents: app.gate().directory().agents().len(),
        proxy_url: app.options().proxy_url.clone(),
    };
    Ok(render(&page))
}

fn has_voted(view: &IntentView, email: &str) -> bool {
    view.approvals.iter().any(|approval| approval.by == email)
}

pub(crate) async fn history(
    Reader(sign_in): Reader,
    State(app): State<App>,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, PageError> {
    let filter = IntentFilter {
        limit: Some(MOST),
        cursor: crate::api::intents::cursor(query.cursor)?,
        ..IntentFilter::default()
    };
    let page = app.gate().intents(&filter).await.map_err(ApiError::from)?;
    let page = HistoryPage {
        frame: Frame::of(&app, &sign_in, "history", "History").await?,
        now: app.gate().now(),
        items: page.items.iter().map(|intent| IntentView::of(&app, intent, Some(&sign_in.person))).collect(),
        next: page.next,
    };
    Ok(render(&page))
}
