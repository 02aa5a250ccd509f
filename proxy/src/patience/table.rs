//! What clients were seen to stand. Every row was measured with the client's default settings in
//! November 2026, or read in its source or manual where a note says so. To add a client, add a row.

/// What a row is recognised by. Texts are compared without case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// How `User-Agent` starts, on anything but MCP.
    UserAgent(&'static str),
    /// Part of it, where what comes first varies.
    InUserAgent(&'static str),
    /// A header of this name (lower case) and value, on anything but MCP.
    Header(&'static str, &'static str),
    /// How `User-Agent` starts on an MCP call, where the SDK sets the limits of its HTTP client.
    McpUserAgent(&'static str),
    /// The same of a client that cannot be told from one that waits longer: left out where `clientInfo` or what is
    /// registered names a client.
    McpLookAlike(&'static str),
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
    /// How it can be kept after that, on MCP.
    pub(crate) beyond: Beyond,
    /// Version and how it is known.
    #[cfg_attr(not(test), expect(dead_code, reason = "for those who read the table; a test sees that it is there"))]
    pub(crate) source: &'static str,
}

/// What an MCP client does with an answer that only asks it to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Beyond {
    /// 2026-07-28: it sends the call again after an `input_required` result that asks for nothing (SEP-2322), and its
    /// timer starts anew.
    pub(crate) rounds: bool,
    /// 2025-11-25: it asks for the rest of a stream that was closed on it (SEP-1699), and no timer of the call runs on.
    pub(crate) polls: bool,
}

const NEITHER: Beyond = Beyond { rounds: false, polls: false };
const ROUNDS: Beyond = Beyond { rounds: true, polls: false };
const BOTH: Beyond = Beyond { rounds: true, polls: true };

/// For clients without a limit of their own: proxies and NAT between rarely keep an idle connection
/// longer.
const NO_LIMIT: u64 = 900;

pub(crate) const ROWS: &[Row] = &[
    row(Sign::UserAgent("python-httpx/"), 5, NO_LIMIT, "httpx 0.28, measured: 5.0 s per read, a byte starts it anew"),
    row(Sign::UserAgent("python-httpx2/"), 5, NO_LIMIT, "httpx2 2.16, source: 5.0 s, as httpx"),
    row(Sign::UserAgent("PyGithub/"), 15, NO_LIMIT, "PyGithub 2.10, measured: 15.0 s, then ten more POSTs"),
    row(
        Sign::UserAgent("Boto3/"),
        60,
        NO_LIMIT,
        "boto3 1.44, measured: 60.1 s, then re-sent; it says its limit nowhere",
    ),
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
    row(Sign::UserAgent("node-fetch"), 300, NO_LIMIT, "node-fetch has no limit (source); kept as Node's own fetch"),
    row(Sign::InUserAgent("octokit"), 300, NO_LIMIT, "octokit runs on Node fetch (source)"),
    row(
        Sign::UserAgent("axios/"),
        NO_LIMIT,
        NO_LIMIT,
        "axios, source: `timeout` is 0, Node's http client has no limit",
    ),
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
    row(
        Sign::Header("x-stainless-lang", "js"),
        300,
        NO_LIMIT,
        "every SDK that Stainless generates for JavaScript runs on fetch, as openai-node does",
    ),
    row(
        Sign::Header("x-stainless-lang", "python"),
        600,
        NO_LIMIT,
        "its default of 600 s (source); what it is set to stands in x-stainless-read-timeout",
    ),
    row(Sign::UserAgent("python-requests/"), NO_LIMIT, NO_LIMIT, "requests 2.34, measured: no limit (310 s)"),
    row(Sign::UserAgent("python-urllib3/"), NO_LIMIT, NO_LIMIT, "urllib3 2, manual: no limit by default"),
    row(Sign::UserAgent("Python-urllib/"), NO_LIMIT, NO_LIMIT, "urllib.request, manual: no limit by default"),
    row(
        Sign::InUserAgent(" aiohttp/"),
        300,
        300,
        "aiohttp 3, manual: `ClientTimeout(total=300)`, over the whole call whatever comes",
    ),
    row(Sign::UserAgent("curl/"), NO_LIMIT, NO_LIMIT, "no limit by default (manual)"),
    row(Sign::UserAgent("Wget/"), NO_LIMIT, NO_LIMIT, "900 s read timeout (manual)"),
    row(Sign::UserAgent("Go-http-client/"), NO_LIMIT, NO_LIMIT, "net/http, manual: a Client without Timeout has none"),
    row(
        Sign::UserAgent("Java-http-client/"),
        NO_LIMIT,
        NO_LIMIT,
        "java.net.http, manual: a request has no limit unless set",
    ),
    row(Sign::UserAgent("Java/"), NO_LIMIT, NO_LIMIT, "HttpURLConnection, manual: a read timeout of 0 is none"),
    row(
        Sign::UserAgent("Apache-HttpClient/"),
        180,
        NO_LIMIT,
        "manual: at most 3 min where a version has a default at all",
    ),
    row(Sign::UserAgent("okhttp/"), 10, NO_LIMIT, "okhttp, manual: 10 s per read"),
    row(Sign::UserAgent("RestSharp/"), 100, 100, ".NET's HttpClient, manual: 100 s over the whole call"),
    row(Sign::UserAgent("Ruby"), 60, NO_LIMIT, "Net::HTTP, manual: `read_timeout` of 60 s, then re-sent if idempotent"),
    row(Sign::UserAgent("Faraday v"), 60, NO_LIMIT, "Faraday runs on Net::HTTP by default"),
    // MCP: the timers of the SDKs run on whatever bytes come, unless a progress token was asked for.
    Row {
        beyond: ROUNDS,
        ..row(
            Sign::McpUserAgent("node"),
            60,
            60,
            "TypeScript MCP SDK 1.32 and 2.4, measured: 60.0 s, comments do not reset it, nor does polling; rounds do (130 s in legs of 50 s)",
        )
    },
    Row { beyond: ROUNDS, ..row(Sign::McpUserAgent("undici"), 60, 60, "as above") },
    Row {
        beyond: BOTH,
        ..row(
            Sign::McpUserAgent("python-httpx/"),
            300,
            NO_LIMIT,
            "Python MCP SDK 1.30, measured: 300 s per read, comment lines reset it; polled 150 s in steps of 5 s",
        )
    },
    row(
        Sign::McpLookAlike("python-httpx/"),
        5,
        5,
        "openai-agents 0.24, measured: 5.0 s whatever comes; it says what the Python MCP SDK says, `mcp` and python-httpx",
    ),
    Row {
        beyond: BOTH,
        ..row(
            Sign::McpUserAgent("python-httpx2/"),
            300,
            NO_LIMIT,
            "Python MCP SDK 2.3 and fastmcp 4.1, measured: 300 s per read, comment lines reset it; 100 s in rounds of 20 s",
        )
    },
    row(Sign::McpClient("mcp-typescript"), 60, 60, "TypeScript MCP SDK, measured: 60.0 s"),
    row(Sign::McpClient("openai-agents"), 5, 5, "openai-agents 0.24, measured: 5.0 s whatever comes"),
    Row {
        beyond: BOTH,
        ..row(
            Sign::McpClient("fastmcp"),
            300,
            NO_LIMIT,
            "fastmcp 4.1, measured: 300 s per read; comment lines reset it",
        )
    },
    Row {
        beyond: BOTH,
        ..row(Sign::McpClient("langchain"), 300, NO_LIMIT, "langchain-mcp-adapters 0.3, measured: 300.1 s per read")
    },
    row(Sign::Framework("openai-agents"), 5, 5, "openai-agents 0.24, measured: 5.0 s on MCP"),
    row(Sign::Framework("openai agents"), 5, 5, "as above"),
    Row {
        beyond: BOTH,
        ..row(Sign::Framework("langchain"), 300, NO_LIMIT, "langchain-mcp-adapters 0.3, measured: 300.1 s per read")
    },
    Row { beyond: BOTH, ..row(Sign::Framework("fastmcp"), 300, NO_LIMIT, "fastmcp 4.1, measured: 300 s per read") },
    Row {
        beyond: BOTH,
        ..row(Sign::Framework("python-mcp"), 300, NO_LIMIT, "Python MCP SDK 1.30 and 2.3, measured: 300 s per read")
    },
    row(Sign::Framework("pygithub"), 15, NO_LIMIT, "PyGithub 2.10, measured"),
    row(Sign::Framework("httpx"), 5, NO_LIMIT, "httpx 0.28, measured"),
    row(Sign::Framework("boto3"), 60, NO_LIMIT, "boto3 1.44, measured"),
    row(Sign::Framework("stripe"), 80, NO_LIMIT, "stripe SDKs, measured"),
    row(Sign::Framework("aiohttp"), 300, 300, "aiohttp 3, manual"),
    row(Sign::Framework("octokit"), 300, NO_LIMIT, "runs on Node fetch (source)"),
    row(Sign::Framework("dotnet"), 100, 100, ".NET's HttpClient, manual: 100 s; it sends no User-Agent by itself"),
    row(Sign::Framework("ruby"), 60, NO_LIMIT, "Net::HTTP, manual: 60 s per read"),
];

const fn row(sign: Sign, silent: u64, streamed: u64, source: &'static str) -> Row {
    Row { sign, silent, streamed, beyond: NEITHER, source }
}
