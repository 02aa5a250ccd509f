//! One call: all that will be sent, why it waits, who has said what, and the buttons.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gate::audit::AuditEntry;
use gate::{IntentId, Timestamp, Verdict, VerdictWith};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Frame, PageError, Reader, filters, render};
use crate::app::App;
use crate::caller::SignIn;
use crate::display::json::{ShownJson, grouped, lay_out};
use crate::display::{Shown, Warning, group, show, show_bytes};
use crate::error::ApiError;
use crate::input::{ApproverRole, Id, Posted};
use crate::view::audit::AuditEntryView;
use crate::view::intent::{IntentView, RequestView};

/// Most bytes of a body that stand on the page. Of a longer one the page says so, links to the whole,
/// and approving asks to confirm that the whole was read.
const MOST_BODY: usize = 256 * 1024;

#[derive(Template)]
#[template(path = "call.html")]
pub(crate) struct CallPage {
    pub(crate) frame: Frame,
    pub(crate) now: Timestamp,
    pub(crate) intent: IntentView,
    pub(crate) body: Option<BodyShown>,
    pub(crate) params: Vec<ParamShown>,
    pub(crate) warnings: Vec<&'static str>,
    pub(crate) timeline: Vec<AuditEntryView>,
    /// Why the verdict that was just given does not count.
    pub(crate) wrong: Option<String>,
    /// What was typed, so that a refusal does not lose it.
    pub(crate) typed: String,
    /// The person has voted.
    pub(crate) voted: Option<String>,
}

pub(crate) struct ParamShown {
    name: Shown,
    value: Shown,
    hint: Option<String>,
}

pub(crate) struct BodyShown {
    json: Option<ShownJson>,
    raw: Shown,
    /// The document of a GraphQL call, with its lines.
    graphql: Option<Shown>,
    /// A form in parts, whose fields and files are among the parameters.
    form: bool,
    /// Size in bytes, grouped.
    size: String,
    /// The page shows only so many bytes.
    cut_at: Option<String>,
    empty: bool,
    /// The gate does not keep it (any more).
    absent: bool,
}

impl BodyShown {
    pub(crate) fn of(request: &RequestView, parameters: &Map<String, Value>) -> BodyShown {
        let bytes = request.bytes.as_deref().unwrap_or_default();
        let shown = bytes.get(..MOST_BODY).unwrap_or(bytes);
        let cut = shown.len() < bytes.len();
        BodyShown {
            json: if cut || bytes.is_empty() { None } else { lay_out(bytes) },
            raw: show_bytes(shown),
            graphql: parameters.get("graphql.operation").and_then(|_| document(bytes)),
            form: !parameters.is_empty()
                && request.content_type.as_deref().is_some_and(|kind| {
                    kind.get(..19).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/form-data"))
                }),
            size: group(&request.size.to_string()),
            cut_at: cut.then(|| group(&shown.len().to_string())),
            empty: request.size == 0,
            absent: request.bytes.is_none() && request.size > 0,
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut all = self.raw.warnings();
        if self.form {
            // Its line ends are carriage returns, its files any bytes; the fields are warned of by themselves.
            all.retain(|warning| !matches!(warning, Warning::Control | Warning::NotUtf8));
        }
        if let Some(json) = &self.json {
            all.extend(json.shown.warnings());
        }
        all
    }

    fn top(&self) -> Vec<Shown> {
        self.json.as_ref().map(|json| json.top.iter().map(show).collect()).unwrap_or_default()
    }

    fn is_cut(&self) -> bool {
        self.cut_at.is_some()
    }
}

/// The text of the `query`, as a person would have written it.
fn document(body: &[u8]) -> Option<Shown> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = body.get("query")?.as_str()?;
    Some(show(text))
}

/// A file of a form, or a list of names, in words; everything else as it is.
fn worded(value: &Value) -> String {
    let file = || {
        let part = |key: &str| value.get(key).and_then(Value::as_str);
        let kind = part("content_type").unwrap_or("no type given");
        // In the quotes of JSON, so that a name cannot go on as something else.
        let name = value.get("filename").filter(|name| name.is_string())?;
        let (digest, size) = (part("digest")?, value.get("size")?.as_u64()?);
        Some(format!("file {name}, {size} bytes, {kind}\n{digest}"))
    };
    let names = || {
        let names: Vec<&str> = value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
        // A name with a comma in it could pass for two.
        (!names.is_empty() && !names.iter().any(|name| name.contains(','))).then(|| names.join(", "))
    };
    match value {
        Value::String(text) => text.clone(),
        _ => file().or_else(names).unwrap_or_else(|| value.to_string()),
    }
}

impl CallPage {
    /// Seconds between the approval and the sending, where there are any.
    fn delay(&self) -> Option<u64> {
        self.intent.requirement.as_ref().map(|requirement| requirement.delay).filter(|delay| *delay > 0)
    }

    pub(crate) fn new(
        frame: Frame,
        now: Timestamp,
        intent: IntentView,
        timeline: Vec<AuditEntryView>,
        me: &str,
    ) -> CallPage {
        let body = intent.request.as_ref().map(|request| BodyShown::of(request, &intent.parameters));
        let params = intent
            .parameters
            .iter()
            .map(|(name, value)| {
                let text = worded(value);
                let hint = if value.is_number() { grouped(&text) } else { None };
                ParamShown { name: show(name), value: show(text), hint }
            })
            .collect::<Vec<_>>();
        let mut all = body.as_ref().map(BodyShown::warnings).unwrap_or_default();
        all.extend(show(&intent.title).warnings());
        all.extend(show(&intent.agent.name).warnings());
        for param in &params {
            all.extend(param.name.warnings());
            all.extend(param.value.warnings());
        }
        if let Some(metadata) = &intent.metadata {
            all.extend(show(metadata.to_string()).warnings());
        }
        if let Some(request) = &intent.request {
            all.extend(show(&request.target).warnings());
            for header in &request.headers {
                all.extend(show(&header.value).warnings());
            }
        }
        all.sort_unstable();
        all.dedup();
        let voted = intent.approvals.iter().find(|approval| approval.by == me).map(|approval| approval.verdict.clone());
        CallPage {
            frame,
            now,
            body,
            params,
            warnings: all.into_iter().map(Warning::text).collect(),
            timeline,
            wrong: None,
            typed: String::new(),
            voted,
            intent,
        }
    }

    fn open(&self) -> bool {
        self.intent.status == "pending"
    }

    fn can_approve(&self) -> bool {
        self.open() && self.intent.can.as_ref().is_some_and(|can| can.approve)
    }

    fn can_deny(&self) -> bool {
        self.open() && self.intent.can.as_ref().is_some_and(|can| can.deny)
    }

    fn was_sent(&self) -> bool {
        matches!(self.intent.status.as_str(), "executing" | "executed" | "unknown")
    }

    fn will_be_sent(&self) -> bool {
        matches!(self.intent.status.as_str(), "pending" | "approved")
    }

    /// How many have approved.
    fn votes(&self) -> usize {
        self.intent.approvals.iter().filter(|approval| approval.verdict == "approve").count()
    }

    fn digest(&self) -> &str {
        &self.intent.digest
    }

    fn must_read_all(&self) -> bool {
        self.body.as_ref().is_some_and(BodyShown::is_cut)
    }
}

pub(crate) async fn show_page(app: &App, sign_in: &SignIn, id: IntentId) -> Result<CallPage, PageError> {
    let person = &sign_in.person;
    let intent = app.gate().intent(id).await.map_err(ApiError::from)?.ok_or_else(|| ApiError::not_found("call"))?;
    let timeline = app.gate().audit_of(id).await.map_err(ApiError::from)?;
    let view = IntentView::of(app, &intent, Some(person));
    let title = show(&view.title).text();
    let frame = Frame::of(app, sign_in, "waiting", &title).await?;
    let timeline = timeline.iter().map(in_words).collect();
    Ok(CallPage::new(frame, app.gate().now(), view, timeline, &person.email))
}

/// An event as the timeline says it: that it is this call's goes without saying, and people have names.
fn in_words(entry: &AuditEntry) -> AuditEntryView {
    let mut view = AuditEntryView::of(entry);
    if let Some(kind) = view.kind.strip_prefix("intent.") {
        view.kind = kind.replace('_', " ");
    }
    if let Some((_, email)) = view.actor.split_once(' ').filter(|(id, _)| id.starts_with("usr_")) {
        view.actor = email.to_owned();
    }
    view
}

pub(crate) async fn look(
    Reader(sign_in): Reader,
    State(app): State<App>,
    Id(id): Id<IntentId>,
) -> Result<Response, PageError> {
    Ok(render(&show_page(&app, &sign_in, id).await?))
}

/// The whole body as it will be sent, for saving.
pub(crate) async fn body(_: Reader, State(app): State<App>, Id(id): Id<IntentId>) -> Result<Response, PageError> {
    let intent = app.gate().intent(id).await.map_err(ApiError::from)?.ok_or_else(|| ApiError::not_found("call"))?;
    let bytes = intent.request.and_then(|request| request.body).ok_or_else(|| ApiError::not_found("body"))?;
    let name = format!("attachment; filename=\"{id}.body\"");
    Ok(([(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_DISPOSITION, name)], bytes).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideForm {
    deed: Deed,
    #[serde(default)]
    text: String,
    #[serde(default)]
    confirmation: String,
    /// Of what was shown.
    #[serde(default)]
    digest: String,
    #[serde(default)]
    read_all: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Approve,
    Deny,
    RequestChanges,
    Cancel,
    ClearDenial,
    SettleExecuted,
    SettleFailed,
}

pub(crate) async fn decide(
    Id(id): Id<IntentId>,
    State(app): State<App>,
    posted: Posted<DecideForm, ApproverRole>,
) -> Result<Response, PageError> {
    let form = &posted.form;
    match done(&app, &posted, id).await {
        Ok(()) => Ok(Redirect::to(&format!("/intents/{id}")).into_response()),
        Err(error) => {
            let mut page = show_page(&app, &posted.sign_in, id).await?;
            page.wrong = Some(error.detail().to_owned());
            page.typed = form.text.clone();
            Ok(error.dress(render(&page)))
        }
    }
}

async fn done(app: &App, posted: &Posted<DecideForm, ApproverRole>, id: IntentId) -> Result<(), ApiError> {
    let (form, person, gate) = (&posted.form, posted.person(), app.gate());
    let some = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    let intent = gate.intent(id).await?.ok_or_else(|| ApiError::not_found("call"))?;
    let verdict = match form.deed {
        Deed::Approve => Verdict::Approve,
        Deed::Deny => Verdict::Deny,
        Deed::RequestChanges => Verdict::RequestChanges,
        Deed::Cancel => return Ok(gate.cancel(id, person, some(&form.text)).await.map(drop)?),
        Deed::ClearDenial => return Ok(gate.clear_denial(id, person).await?),
        Deed::SettleExecuted => return Ok(gate.settle(id, person, true, some(&form.text)).await.map(drop)?),
        Deed::SettleFailed => return Ok(gate.settle(id, person, false, some(&form.text)).await.map(drop)?),
    };
    if form.digest.is_empty() {
        return Err(ApiError::missing("digest"));
    }
    if let Some(request) = &intent.request {
        let long = request.body.as_ref().is_some_and(|body| body.len() > MOST_BODY);
        if verdict == Verdict::Approve && long && form.read_all.is_none() {
            return Err(ApiError::invalid(
                "The body is longer than this page shows: open the whole, and say that you have read it.",
            ));
        }
    }
    let with = VerdictWith {
        text: some(&form.text),
        confirmation: some(&form.confirmation),
        digest: some(&form.digest),
        how: Some(posted.sign_in.session.named()),
    };
    gate.decide(id, person, verdict, with).await?;
    Ok(())
}
