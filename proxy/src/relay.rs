//! The upstream's answer, on its way to the caller with its own timing. When the caller goes away and
//! the answer is to be kept, it is read on to its end, within a limit.

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use pingora_core::protocols::http::client::HttpSession;
use pingora_http::ResponseHeader;

use crate::caller::Caller;

/// How much of a text answer people are shown.
const EXCERPT: usize = 512;

/// What is gathered of an answer while it passes.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) status: u16,
    headers: Vec<(String, Vec<u8>)>,
    kept: BytesMut,
    limit: usize,
    excerpt: BytesMut,
    text: bool,
    size: u64,
    /// The upstream stopped before its answer was whole.
    pub(crate) cut: bool,
}

impl Gathered {
    /// Keeps up to `limit` bytes of the body (0: nothing).
    pub(crate) fn new(head: &ResponseHeader, limit: usize) -> Gathered {
        let headers = match limit {
            0 => Vec::new(),
            _ => {
                head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
            }
        };
        Gathered {
            status: head.status.as_u16(),
            headers,
            kept: BytesMut::new(),
            limit,
            excerpt: BytesMut::new(),
            text: is_text(head),
            size: 0,
            cut: false,
        }
    }

    pub(crate) fn take(&mut self, part: &Bytes) {
        self.size += part.len() as u64;
        if self.text && self.excerpt.len() < EXCERPT {
            let room = (EXCERPT - self.excerpt.len()).min(part.len());
            self.excerpt.extend_from_slice(&part.slice(..room));
        }
        if self.limit > 0 && self.size <= self.limit as u64 {
            self.kept.extend_from_slice(part);
        }
    }

    fn cut(&mut self, error: &pingora_error::Error) {
        tracing::debug!(%error, "the upstream's answer broke off");
        self.cut = true;
    }

    /// The first bytes, for the people who look.
    pub(crate) fn excerpt(&self) -> Option<String> {
        if self.cut {
            let start = String::from_utf8_lossy(&self.excerpt).into_owned();
            return Some(format!("{start}[cut off by the upstream after {} bytes]", self.size));
        }
        // A character may have been cut at the end.
        let text = match std::str::from_utf8(&self.excerpt) {
            Ok(text) => text.to_owned(),
            Err(error) => String::from_utf8_lossy(self.excerpt.get(..error.valid_up_to())?).into_owned(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// The whole answer, where it was kept and is not larger than the limit.
    pub(crate) fn stored(self, intent: gate::IntentId) -> Option<gate::StoredAnswer> {
        let whole = self.limit > 0 && !self.cut && self.size <= self.limit as u64;
        whole.then(|| gate::StoredAnswer {
            intent,
            status: self.status,
            headers: self.headers,
            body: self.kept.freeze(),
        })
    }

    /// No caller and too large to keep: there is no use in reading on.
    pub(crate) fn is_pointless(&self) -> bool {
        self.limit == 0 || self.size > self.limit as u64
    }
}

fn is_text(head: &ResponseHeader) -> bool {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    header("content-encoding").is_none()
        && header("content-type").is_some_and(|kind| {
            kind.starts_with("text/") || kind.contains("json") || kind.contains("xml") || kind.contains("urlencoded")
        })
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Nothing that could be read came.
    Silent(String),
    /// `101` that nobody asked for.
    Unasked,
}

/// Waits for the final head; interim ones are swallowed.
///
/// # Errors
/// No answer came.
pub(crate) async fn head(upstream: &mut HttpSession, caller: &mut Caller<'_>) -> Result<Box<ResponseHeader>, Lost> {
    loop {
        let read = caller.meanwhile(upstream.read_response_header()).await;
        read.map_err(|error| Lost::Silent(error.to_string()))?;
        match upstream.response_header() {
            None => return Err(Lost::Silent("no head".to_owned())),
            Some(head) if head.status == http::StatusCode::SWITCHING_PROTOCOLS => return Err(Lost::Unasked),
            Some(head) if head.status.is_informational() => {}
            Some(head) => return Ok(Box::new(head.clone())),
        }
    }
}

/// The next part of the body; `None` at its end. A body that breaks off sets `cut`.
pub(crate) async fn part(
    upstream: &mut HttpSession,
    caller: &mut Caller<'_>,
    gathered: &mut Gathered,
) -> Option<Bytes> {
    match caller.meanwhile(upstream.read_response_body()).await {
        Ok(Some(part)) => {
            gathered.take(&part);
            Some(part)
        }
        Ok(None) => None,
        Err(error) => {
            gathered.cut(&error);
            None
        }
    }
}

/// Passes the answer on as it comes. What of its body came with the head leaves with it. Says whether the
/// upstream's side was read to its end.
pub(crate) async fn answer(
    head: Box<ResponseHeader>,
    upstream: &mut HttpSession,
    caller: &mut Caller<'_>,
    gathered: &mut Gathered,
) -> bool {
    // Only where reading can be broken off anywhere.
    let by_length = upstream.as_http1().is_some() && head.headers.contains_key(http::header::CONTENT_LENGTH);
    let at_hand = if by_length { upstream.read_response_body().now_or_never() } else { None };
    match at_hand {
        Some(Ok(Some(part))) => {
            gathered.take(&part);
            caller.start(head, part).await;
            if caller.is_gone() && gathered.is_pointless() {
                return false;
            }
        }
        Some(Err(error)) => {
            caller.head(head).await;
            gathered.cut(&error);
            return false;
        }
        Some(Ok(None)) | None => caller.head(head).await,
    }
    body(upstream, caller, gathered).await
}

/// Passes the body on as it comes. Says whether the upstream's side was read to its end.
async fn body(upstream: &mut HttpSession, caller: &mut Caller<'_>, gathered: &mut Gathered) -> bool {
    while let Some(part) = part(upstream, caller, gathered).await {
        caller.body(part).await;
        if caller.is_gone() && gathered.is_pointless() {
            return false;
        }
    }
    if !gathered.cut
        && let HttpSession::H2(session) = upstream
    {
        match caller.meanwhile(session.read_trailers()).await {
            Ok(Some(trailers)) => caller.trailers(trailers).await,
            Ok(None) => {}
            Err(error) => gathered.cut(&error),
        }
    }
    !gathered.cut
}
