//! How long a client waits in silence before it gives up, so that a held call is answered
//! `APPROVAL_PENDING` just before.
//!
//! It is data: [`table::ROWS`] says what a client announces and how long clients that announce this
//! were seen to wait. Where several rows fit, the shortest counts. What an operator sets for the agent,
//! the route, the upstream or the whole gate goes before the table, in that order.

use std::time::Duration;

use rules::config::HoldTimeout;

pub(crate) mod table;

pub(crate) use table::Beyond;
use table::{ROWS, Row, Sign};

/// A client that announces nothing known.
pub(crate) const UNKNOWN: Duration = Duration::from_secs(50);
/// The gate answers this much before the client's own limit: the answer has to travel.
const MARGIN: f64 = 0.1;
const LEAST_MARGIN: Duration = Duration::from_millis(500);
const MOST_MARGIN: Duration = Duration::from_secs(10);

/// What a client says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Announced<'a> {
    /// `x-stainless-read-timeout`, as sent.
    pub(crate) read_timeout: Option<&'a str>,
    /// `x-stainless-lang`.
    pub(crate) language: Option<&'a str>,
    pub(crate) user_agent: Option<&'a str>,
    /// The call is an MCP call.
    pub(crate) mcp: bool,
    /// The gate sends comment lines while it holds (the client accepts an event stream).
    pub(crate) streamed: bool,
    /// `clientInfo.name` of the MCP handshake.
    pub(crate) mcp_client: Option<&'a str>,
    /// What the agent is registered with.
    pub(crate) framework: Option<&'a str>,
}

/// How long to hold, and how the client can be kept after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// As long as the client stands it.
    stands: Duration,
    pub(crate) beyond: Beyond,
    /// As long as an operator wants it held.
    pub(crate) set: Option<Duration>,
}

impl Patience {
    /// Of a client that waits on one connection.
    pub(crate) fn alone(&self) -> Duration {
        self.set.unwrap_or(self.stands)
    }

    /// Of a client that comes back, until it has to.
    pub(crate) fn leg(&self) -> Duration {
        self.set.map_or(self.stands, |set| set.min(self.stands))
    }
}

/// `set` are the operator's wishes, the nearest first.
pub(crate) fn of(client: &Announced<'_>, set: [Option<HoldTimeout>; 4]) -> Patience {
    let known: Vec<&Row> = rows(client);
    // One that cannot be kept may be meant by the same words.
    let all = |can: fn(&Beyond) -> bool| !known.is_empty() && known.iter().all(|row| can(&row.beyond));
    let beyond = Beyond { rounds: all(|beyond| beyond.rounds), polls: all(|beyond| beyond.polls) };
    let stands = stands(client, &known).map_or(UNKNOWN, less_margin);
    let set = match set.into_iter().flatten().next() {
        Some(HoldTimeout::For(span)) => Some(span),
        Some(HoldTimeout::Auto) | None => None,
    };
    Patience { stands, beyond, set }
}

/// The rows that fit.
fn rows<'t>(client: &Announced<'_>) -> Vec<&'t Row> {
    let fits = |row: &Row| match row.sign {
        Sign::UserAgent(start) => !client.mcp && client.user_agent.is_some_and(|agent| starts_with(agent, start)),
        Sign::InUserAgent(part) => !client.mcp && client.user_agent.is_some_and(|agent| contains(agent, part)),
        Sign::Header(name, value) => {
            let said = if name == "x-stainless-lang" { client.language } else { None };
            !client.mcp && said.is_some_and(|said| said.trim().eq_ignore_ascii_case(value))
        }
        Sign::McpUserAgent(start) | Sign::McpLookAlike(start) => {
            client.mcp && client.user_agent.is_some_and(|agent| starts_with(agent, start))
        }
        Sign::McpClient(part) => client.mcp && client.mcp_client.is_some_and(|name| contains(name, part)),
        Sign::Framework(part) => client.framework.is_some_and(|name| contains(name, part)),
    };
    let mut known: Vec<&Row> = ROWS.iter().filter(|row| fits(row)).collect();
    if known.iter().any(|row| matches!(row.sign, Sign::McpClient(_) | Sign::Framework(_))) {
        known.retain(|row| !matches!(row.sign, Sign::McpLookAlike(_)));
    }
    known
}

/// The client's own limit: `None` where nothing is known of it.
fn stands(client: &Announced<'_>, known: &[&Row]) -> Option<Duration> {
    let announced = client.read_timeout.and_then(|text| text.trim().parse::<f64>().ok());
    let announced = announced.filter(|seconds| (0.001..86_400.0).contains(seconds)).map(Duration::from_secs_f64);
    let known = known.iter().map(|row| if client.streamed { row.streamed } else { row.silent }).min();
    announced.into_iter().chain(known.map(Duration::from_secs)).min()
}

fn less_margin(limit: Duration) -> Duration {
    limit.saturating_sub(limit.mul_f64(MARGIN).clamp(LEAST_MARGIN, MOST_MARGIN))
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests;
