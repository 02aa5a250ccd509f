//! What clients were seen to stand. Every row was measured with the client's default settings in
//! November 2026, or read in its source where a note says so. To add a client, add a row.

/// What a row is recognised by. Texts are compared without case.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign {
    /// How `User-Agent` starts, on anything but MCP.
    UserAgent(&'static str),
    /// How it starts on an MCP `tools/call`, where the SDK sets the limits of its HTTP client.
    McpUserAgent(&'static str),
    /// Part of the MCP `clientInfo.name`.
    McpClient(&'static str),
    /// Part of the framework that the agent is registered with.
    Framework(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) sign: Sign,
    /// Seconds without a byte after which it gives up.
    pub(crate) silent: u64,
    /// The same while comment lines come; as `silent` where they do not help it.
    pub(crate) streamed: u64,
    /// Version and how it is known.
    #[cfg_attr(not(test), expect(dead_code, reason = "for those who read the table; a test sees that it is there"))]
    pub(crate) source: &'static str,
}

/// For clients without a limit of their own: proxies and NAT between rarely keep an idle connection
/// longer.
const NO_LIMIT: u64 = 900;

pub(crate) const ROWS: &[Row] = &[
    row(Sign::UserAgent("python-httpx/"), 5, NO_LIMIT, "httpx 0.28, measured: 5.0 s per read, a byte starts it anew"),
    row(Sign::UserAgent("PyGithub/"), 15, NO_LIMIT, "PyGithub 2.10, measured: 15.0 s, then ten more POSTs"),
    row(Sign::UserAgent("Boto3/"), 60, NO_LIMIT, "boto3 1.44, measured: 60.1 s, then re-sent"),
    row(
        Sign::UserAgent("Botocore/"),
        60,
        NO_LIMIT,
        "as boto3, whose user agent starts so where botocore is used alone",
    ),
    row(
        Sign::UserAgent("aws-sdk-js/"),
        300,
        NO_LIMIT,
        "runs on Node's http client; its own request timer is off by default (source)",
    ),
    row(Sign::UserAgent("Stripe/"), 80, NO_LIMIT, "stripe-python 16.1 and stripe-node 23.1, measured: 80.1 s"),
    row(Sign::UserAgent("node"), 300, NO_LIMIT, "Node fetch, measured: 300.9 s to the headers, 301 s between bytes"),
    row(Sign::UserAgent("undici"), 300, NO_LIMIT, "as Node fetch, which is undici"),
    row(Sign::UserAgent("OpenAI/Python"), 600, NO_LIMIT, "openai-python 3.52, source: 600 s; 310 s measured"),
    row(Sign::UserAgent("AsyncOpenAI/Python"), 600, NO_LIMIT, "as openai-python"),
    row(
        Sign::UserAgent("OpenAI/JS"),
        300,
        NO_LIMIT,
        "openai-node 6.49, measured: 300.9 s by undici, not its own 600 s",
    ),
    row(Sign::UserAgent("Anthropic/Python"), 600, NO_LIMIT, "anthropic-python 2.11, source: 600 s; 310 s measured"),
    row(Sign::UserAgent("AsyncAnthropic/Python"), 600, NO_LIMIT, "as anthropic-python"),
    row(Sign::UserAgent("Anthropic/JS"), 300, NO_LIMIT, "runs on undici as openai-node does"),
    row(Sign::UserAgent("python-requests/"), NO_LIMIT, NO_LIMIT, "requests 2.34, measured: no limit (310 s)"),
    row(Sign::UserAgent("curl/"), NO_LIMIT, NO_LIMIT, "no limit by default (manual)"),
    row(Sign::UserAgent("Wget/"), NO_LIMIT, NO_LIMIT, "900 s read timeout (manual)"),
    // MCP: the timers of the SDKs run on whatever bytes come, unless a progress token was asked for.
    row(
        Sign::McpUserAgent("node"),
        60,
        60,
        "TypeScript MCP SDK 1.32 and 2.4, measured: 60.0 s, comments do not reset it",
    ),
    row(Sign::McpUserAgent("undici"), 60, 60, "as above"),
    row(
        Sign::McpUserAgent("python-httpx/"),
        300,
        NO_LIMIT,
        "Python MCP SDK 1.30 and 2.3, measured: 300 s per read; comment lines reset it",
    ),
    row(Sign::McpClient("mcp-typescript"), 60, 60, "TypeScript MCP SDK, measured: 60.0 s"),
    row(Sign::McpClient("openai-agents"), 5, 5, "openai-agents 0.24, measured: 5.0 s whatever comes"),
    row(Sign::McpClient("fastmcp"), 300, NO_LIMIT, "fastmcp 4.1, measured: 300 s per read; comment lines reset it"),
    row(Sign::McpClient("langchain"), 300, NO_LIMIT, "langchain-mcp-adapters 0.3, measured: 300.1 s per read"),
    row(Sign::Framework("openai-agents"), 5, 5, "openai-agents 0.24, measured: 5.0 s on MCP"),
    row(Sign::Framework("openai agents"), 5, 5, "as above"),
    row(Sign::Framework("pygithub"), 15, NO_LIMIT, "PyGithub 2.10, measured"),
    row(Sign::Framework("httpx"), 5, NO_LIMIT, "httpx 0.28, measured"),
    row(Sign::Framework("boto3"), 60, NO_LIMIT, "boto3 1.44, measured"),
    row(Sign::Framework("stripe"), 80, NO_LIMIT, "stripe SDKs, measured"),
];

const fn row(sign: Sign, silent: u64, streamed: u64, source: &'static str) -> Row {
    Row { sign, silent, streamed, source }
}
