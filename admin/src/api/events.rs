//! What happens, live, as server-sent events. Names only: who is told looks the thing up, with the
//! rights they have then.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream;
use gate::Principal;
use gate::feed::News;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::error::Problem;

/// Silence after which a comment is sent, so that nobody between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long one connection lasts. Who listens connects again, and is looked at again.
const LONGEST: Duration = Duration::from_secs(600);

/// `event: intent`
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntentNews {
    id: String,
    project: String,
    status: String,
}

/// Streams what changes: `intent` (an [`IntentNews`]), `directory`, `config`, and `lagged` when some
/// were missed and lists should be read again.
#[utoipa::path(get, path = "/api/events", tag = "events", responses(
    (status = 200, body = IntentNews, content_type = "text/event-stream"), (status = "4XX", body = Problem)))]
pub(crate) async fn events(
    caller: Caller,
    State(app): State<App>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let feed = app.gate().feed();
    let ready = app.options().ready.clone();
    let hello = stream::once(async { Ok(Event::default().comment("listening").retry(Duration::from_secs(2))) });
    let until = tokio::time::Instant::now() + LONGEST;
    let listener = Listener { app, caller, feed, ready, until };
    let news = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    Sse::new(futures::StreamExt::chain(hello, news)).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("still here"))
}

struct Listener {
    app: App,
    caller: Caller,
    feed: Receiver<News>,
    ready: tokio::sync::watch::Receiver<bool>,
    until: tokio::time::Instant,
}

impl Listener {
    /// The next thing this caller may know of; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let news = tokio::select! {
                news = self.feed.recv() => news,
                () = tokio::time::sleep_until(self.until) => return None,
                // Whoever serves has gone.
                changed = self.ready.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return None,
                },
            };
            match news {
                Ok(News::Intent { id, project, state }) => {
                    if self.may_know(id, &project).await {
                        let body = IntentNews { id: id.to_string(), project, status: state.to_owned() };
                        return Event::default().event("intent").json_data(body).ok();
                    }
                }
                Ok(News::Directory) => {
                    if !self.caller.is_still_good(&self.app).await {
                        return None;
                    }
                    if self.caller.person().is_some() {
                        return Some(Event::default().event("directory").data("{}"));
                    }
                }
                Ok(News::Rules) => {
                    if self.caller.person().is_some() {
                        return Some(Event::default().event("config").data("{}"));
                    }
                }
                Err(RecvError::Lagged(_)) => return Some(Event::default().event("lagged").data("{}")),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    async fn may_know(&self, id: gate::IntentId, project: &str) -> bool {
        match &self.caller.principal {
            Principal::Person(_) => true,
            Principal::Project(own) => own == project,
            Principal::Agent(agent) => {
                agent.project == project
                    && matches!(self.app.gate().intent(id).await, Ok(Some(intent)) if self.caller.sees(&intent))
            }
        }
    }
}
