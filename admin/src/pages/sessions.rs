//! Where you are signed in.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gate::{SessionId, Timestamp};

use super::rules::Nothing;
use super::{Frame, PageError, Reader, filters, render};
use crate::api::sessions::{self, SessionView};
use crate::app::App;
use crate::input::{Anybody, Id, Posted};

#[derive(Template)]
#[template(path = "sessions.html")]
pub(crate) struct SessionsPage {
    pub(crate) frame: Frame,
    pub(crate) now: Timestamp,
    pub(crate) sessions: Vec<SessionView>,
    /// The one that looks.
    pub(crate) this: String,
}

pub(crate) async fn list(Reader(sign_in): Reader, State(app): State<App>) -> Result<Response, PageError> {
    Ok(render(&SessionsPage {
        frame: Frame::of(&app, &sign_in, "sessions", "Where you are signed in").await?,
        now: app.gate().now(),
        sessions: sessions::of(&app, sign_in.person.id).await?,
        this: sign_in.session.id.to_string(),
    }))
}

pub(crate) async fn end(
    Id(id): Id<SessionId>,
    State(app): State<App>,
    posted: Posted<Nothing, Anybody>,
) -> Result<Response, PageError> {
    sessions::close(&app, posted.person(), id).await?;
    Ok(Redirect::to("/sessions").into_response())
}
