//! Answers to requests that cannot be served: the one place of this crate that knows status codes.
//!
//! The body is `application/problem+json` (RFC 9457) and at the same time the envelope
//! `{"data":null,"error":{"code","message","type"}}`. Details of what failed inside go to the log.

use axum::response::{IntoResponse, Response};
use gate::{DecideError, DeclareError, GateError, IntentId, LabelRefused, Refusal, StoreError};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong, in a word that programs can rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Unauthorized,
    Forbidden,
    NotAnApprover,
    AgentPaused,
    AgentRevoked,
    NotFound,
    MethodNotAllowed,
    MissingFields,
    InvalidRequest,
    ConfirmationRequired,
    UnsupportedMediaType,
    BodyTooLarge,
    AlreadyResolved,
    NotWhatWasShown,
    Conflict,
    WrongHost,
    ForeignOrigin,
    LinkSpent,
    Limited,
    ConfigInvalid,
    Unavailable,
    DbError,
    Internal,
}

impl Code {
    /// Status, code, title, kind.
    fn facts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Code::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Not signed in", "authentication"),
            Code::Forbidden => (StatusCode::FORBIDDEN, "FORBIDDEN", "Not allowed", "permission"),
            Code::NotAnApprover => (StatusCode::FORBIDDEN, "NOT_AN_APPROVER", "Not an approver", "permission"),
            Code::AgentPaused => (StatusCode::FORBIDDEN, "AGENT_PAUSED", "Agent paused", "permission"),
            Code::AgentRevoked => (StatusCode::FORBIDDEN, "AGENT_REVOKED", "Agent revoked", "permission"),
            Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND", "Not found", "not_found"),
            Code::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "Method not allowed", "invalid_request")
            }
            Code::MissingFields => (StatusCode::BAD_REQUEST, "MISSING_FIELDS", "Missing fields", "invalid_request"),
            Code::InvalidRequest => (StatusCode::BAD_REQUEST, "INVALID_REQUEST", "Invalid request", "invalid_request"),
            Code::ConfirmationRequired => {
                (StatusCode::BAD_REQUEST, "CONFIRMATION_REQUIRED", "Confirmation required", "invalid_request")
            }
            Code::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "Send JSON", "invalid_request")
            }
            Code::BodyTooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "Body too large", "invalid_request")
            }
            Code::AlreadyResolved => (StatusCode::CONFLICT, "ALREADY_RESOLVED", "Already resolved", "conflict"),
            Code::NotWhatWasShown => (StatusCode::CONFLICT, "NOT_WHAT_WAS_SHOWN", "Not what was shown", "conflict"),
            Code::Conflict => (StatusCode::CONFLICT, "CONFLICT", "Already taken", "conflict"),
            Code::WrongHost => (StatusCode::MISDIRECTED_REQUEST, "WRONG_HOST", "Wrong host", "invalid_request"),
            Code::ForeignOrigin => (StatusCode::FORBIDDEN, "FOREIGN_ORIGIN", "Not from the dashboard", "permission"),
            Code::LinkSpent => (StatusCode::GONE, "LINK_SPENT", "This link no longer works", "authentication"),
            Code::Limited => (StatusCode::TOO_MANY_REQUESTS, "LIMITED", "Too many attempts", "limit"),
            Code::ConfigInvalid => {
                (StatusCode::UNPROCESSABLE_ENTITY, "CONFIG_INVALID", "Configuration refused", "invalid_request")
            }
            Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Unavailable", "unavailable"),
            Code::DbError => (StatusCode::INTERNAL_SERVER_ERROR, "DB_ERROR", "The store failed", "unavailable"),
            Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "Internal error", "internal"),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: Code,
    detail: String,
    intent: Option<IntentId>,
    state: Option<&'static str>,
    retry_after: Option<u64>,
    /// The store failed.
    store: bool,
}

/// What a refused request is answered with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// What happened, and the next step.
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent_id: Option<String>,
    /// The state the intent has now, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    intent_status: Option<String>,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    data: Option<()>,
    error: ErrorPart,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorPart {
    code: String,
    message: String,
    #[serde(rename = "type")]
    kind: String,
}

// Errors by words.
impl ApiError {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> ApiError {
        ApiError { code, detail: detail.into(), intent: None, state: None, retry_after: None, store: false }
    }

    pub(crate) fn unauthorized() -> ApiError {
        ApiError::new(
            Code::Unauthorized,
            "Nobody is signed in: send `Authorization: Bearer hsk_...` with a key that is still good, or sign in to the dashboard.",
        )
    }

    pub(crate) fn not_an_approver() -> ApiError {
        ApiError::new(
            Code::NotAnApprover,
            "Only people decide, with the role approver or admin. An agent's or a project's key never does, or whoever \
             asks could answer too. Ask one of them, or use your own token.",
        )
    }

    pub(crate) fn people_only() -> ApiError {
        ApiError::new(Code::Forbidden, "This is for people, not for an agent's or a project's key.")
    }

    pub(crate) fn admins_only() -> ApiError {
        ApiError::new(Code::Forbidden, "This is for admins. Ask an admin to do it.")
    }

    pub(crate) fn not_found(what: &str) -> ApiError {
        ApiError::new(Code::NotFound, format!("There is no such {what}, or it is not yours to see."))
    }

    pub(crate) fn missing(field: &str) -> ApiError {
        ApiError::new(Code::MissingFields, format!("`{field}` is missing."))
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> ApiError {
        ApiError::new(Code::InvalidRequest, detail)
    }

    pub(crate) fn foreign_origin() -> ApiError {
        ApiError::new(
            Code::ForeignOrigin,
            "This did not come from a page of this dashboard. Open the page again and repeat what you did.",
        )
    }

    pub(crate) fn later(seconds: u64) -> ApiError {
        let mut error = ApiError::new(Code::Limited, format!("Too many attempts: try again in {seconds} seconds."));
        error.retry_after = Some(seconds);
        error
    }

    pub(crate) fn about(mut self, intent: IntentId) -> ApiError {
        self.intent = Some(intent);
        self
    }

    /// As declaring programs know it: where the store fails it is 500 `DB_ERROR`. Nothing that they declare is
    /// executed here, so it may be asked again.
    pub(crate) fn told_to_programs(mut self) -> ApiError {
        if self.store {
            self.code = Code::DbError;
            self.retry_after = self.retry_after.or(Some(2));
        }
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn title(&self) -> &'static str {
        self.code.facts().2
    }

    pub(crate) fn word(&self) -> &'static str {
        self.code.facts().1
    }

    pub(crate) fn problem(&self) -> Problem {
        let (status, code, title, kind) = self.code.facts();
        Problem {
            kind: format!("urn:holdshort:error:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            intent_id: self.intent.map(|id| id.to_string()),
            intent_status: self.state.map(str::to_owned),
            data: None,
            error: ErrorPart { code: code.to_owned(), message: self.detail.clone(), kind: kind.to_owned() },
        }
    }

    /// Puts on what goes with the error whatever its body is.
    pub(crate) fn dress(&self, mut response: Response) -> Response {
        let (status, _, title, _) = self.code.facts();
        *response.status_mut() = status;
        response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(title.as_bytes()));
        let headers = response.headers_mut();
        // Sending again is only safe to advise where nothing can have been done.
        let again = matches!(self.code, Code::Unavailable | Code::DbError | Code::Limited);
        let again = HeaderValue::from_static(if again { "true" } else { "false" });
        headers.insert(HeaderName::from_static("x-should-retry"), again.clone());
        headers.insert(HeaderName::from_static("stripe-should-retry"), again);
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"holdshort\""));
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        self.dress(([(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))], body).into_response())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error {
            StoreError::Stale => ApiError::new(
                Code::Conflict,
                "Somebody else changed it at the same moment: read it again, then repeat.",
            ),
            StoreError::Taken(what) => ApiError::new(Code::Conflict, format!("There is already {what}.")),
            StoreError::Refused(why) => ApiError::new(Code::Conflict, why),
            StoreError::Unavailable(_) => {
                tracing::error!(%error, "the store cannot be used");
                let mut answer = ApiError::new(
                    Code::Unavailable,
                    "The gate's store does not answer; nothing was changed. Try again soon.",
                );
                answer.retry_after = Some(2);
                answer.store = true;
                answer
            }
            _ => {
                tracing::error!(%error, "the store failed");
                let text = "The gate's store failed; nothing was changed. The log says more.";
                ApiError { store: true, ..ApiError::new(Code::Internal, text) }
            }
        }
    }
}

impl From<GateError> for ApiError {
    fn from(error: GateError) -> ApiError {
        match error {
            GateError::Store(error) => error.into(),
            GateError::NotFound(what) => ApiError::not_found(&what),
            GateError::Invalid(detail) => ApiError::invalid(detail),
            GateError::Conflict(detail) => ApiError::new(Code::Conflict, detail),
            error => {
                tracing::error!(%error, "the gate failed");
                ApiError::new(Code::Internal, "The gate could not do this; nothing was changed. The log says more.")
            }
        }
    }
}

impl From<DeclareError> for ApiError {
    fn from(error: DeclareError) -> ApiError {
        let text = error.to_string();
        match error {
            DeclareError::NotForPeople => ApiError::new(
                Code::Forbidden,
                "Agents and projects declare what they want to do, with their own key; people decide about it.",
            ),
            DeclareError::Label(LabelRefused::Malformed) | DeclareError::AnotherAgent(_) | DeclareError::Invalid(_) => {
                ApiError::invalid(format!("Not declared: {text}."))
            }
            DeclareError::Label(_) => ApiError::new(Code::Forbidden, format!("Not declared: {text}.")),
            DeclareError::Refused(Refusal::AgentPaused { agent }) => ApiError::new(
                Code::AgentPaused,
                format!("Not declared: the agent {agent} is paused. An admin can resume it."),
            ),
            DeclareError::Refused(Refusal::AgentRevoked { agent }) => ApiError::new(
                Code::AgentRevoked,
                format!("Not declared: the agent {agent} was revoked. An admin can register a new one."),
            ),
            DeclareError::Refused(refusal) => {
                tracing::warn!(why = refusal.name(), "a declaration was refused");
                let mut answer =
                    ApiError::new(Code::Unavailable, "Not declared: the gate cannot decide now. Try again soon.");
                answer.retry_after = Some(2);
                answer
            }
            DeclareError::Store(error) => error.into(),
        }
    }
}

impl From<DecideError> for ApiError {
    fn from(error: DecideError) -> ApiError {
        let text = error.to_string();
        match error {
            DecideError::NotFound => ApiError::not_found("intent"),
            DecideError::AlreadyResolved(state) => {
                let mut answer =
                    ApiError::new(Code::AlreadyResolved, format!("It is already {}.", state.name().replace('_', " ")));
                answer.state = Some(state.name());
                answer
            }
            DecideError::NotAnApprover(why) => ApiError::new(Code::NotAnApprover, why),
            DecideError::MissingField(field) => ApiError::missing(field),
            DecideError::ConfirmationRequired(wanted) => ApiError::new(
                Code::ConfirmationRequired,
                format!("To approve this, send `confirmation` with exactly this text: {wanted}"),
            ),
            DecideError::DigestMismatch => ApiError::new(
                Code::NotWhatWasShown,
                "What would be sent is not what you were shown, so nothing was decided: open it again and look.",
            ),
            DecideError::Store(error) => error.into(),
            #[allow(unreachable_patterns, reason = "what the gate learns to refuse later is refused here too")]
            _ => ApiError::invalid(text),
        }
    }
}
