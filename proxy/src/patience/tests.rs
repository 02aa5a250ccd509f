use std::time::Duration;

use rules::config::HoldTimeout;

use super::table::ROWS;
use super::{Announced, UNKNOWN, of};

const NOTHING_SET: [Option<HoldTimeout>; 4] = [None; 4];

fn http(user_agent: &str) -> Announced<'_> {
    Announced { user_agent: Some(user_agent), ..Announced::default() }
}

fn held(client: &Announced<'_>) -> u64 {
    of(client, NOTHING_SET).alone().as_millis().try_into().unwrap()
}

#[test]
fn what_clients_announce_and_how_long_they_are_held() {
    let mcp = |agent| Announced { mcp: true, streamed: true, ..http(agent) };
    let table: [(&str, Announced<'_>, u64); 38] = [
        ("httpx", http("python-httpx/0.28.1"), 4_500),
        ("PyGithub", http("PyGithub/Python"), 13_500),
        ("boto3", http("Boto3/1.44 md/Botocore#1.44"), 54_000),
        ("stripe-python", http("Stripe/v1 PythonBindings/16.1.0"), 72_000),
        ("stripe-node", http("Stripe/v1 NodeBindings/23.1.0"), 72_000),
        ("node fetch", http("node"), 290_000),
        ("openai-node", http("OpenAI/JS 6.49.0"), 290_000),
        ("openai-python", http("OpenAI/Python 3.52.0"), 590_000),
        ("anthropic-python", http("Anthropic/Python 2.11.0"), 590_000),
        ("requests", http("python-requests/2.34.0"), 890_000),
        ("curl", http("curl/8.5.0"), 890_000),
        ("unknown", http("mystery/1"), 50_000),
        ("TypeScript MCP", mcp("node"), 54_000),
        ("httpx2", http("python-httpx2/2.16.2"), 4_500),
        ("aiohttp", http("Python/3.11 aiohttp/3.13.2"), 290_000),
        ("urllib3", http("python-urllib3/2.5.0"), 890_000),
        ("urllib.request", http("Python-urllib/3.11"), 890_000),
        ("octokit", http("octokit-rest.js/22.0.1 octokit-core.js/7.0.6 Node.js/24"), 290_000),
        ("axios", http("axios/1.13.2"), 890_000),
        ("anthropic-node", http("Anthropic/JS 0.70.0"), 290_000),
        ("a Stainless SDK", Announced { language: Some("js"), ..http("Acme/JS 1.0") }, 290_000),
        ("Go", http("Go-http-client/2.0"), 890_000),
        ("Java", http("Java-http-client/25"), 890_000),
        ("okhttp", http("okhttp/5.1.0"), 9_000),
        (".NET by its name", http("RestSharp/112.0.0.0"), 90_000),
        (".NET by what is registered", Announced { framework: Some("dotnet"), ..Announced::default() }, 90_000),
        (".NET without a name", Announced::default(), 50_000),
        ("Ruby", http("Ruby"), 54_000),
        ("Faraday", http("Faraday v2.14.0"), 54_000),
        ("Python MCP 2", mcp("python-httpx2/2.16.2"), 890_000),
        ("Python MCP 1, or openai-agents", mcp("python-httpx/0.28.1"), 4_500),
        (
            "Python MCP 1, as registered",
            Announced { framework: Some("python-mcp"), ..mcp("python-httpx/0.28.1") },
            890_000,
        ),
        ("langchain", Announced { framework: Some("LangChain"), ..mcp("python-httpx/0.28.1") }, 890_000),
        ("fastmcp on httpx", Announced { mcp_client: Some("fastmcp"), ..mcp("python-httpx/0.28.1") }, 890_000),
        ("Python MCP 2 without streams", Announced { streamed: false, ..mcp("python-httpx2/2.16.2") }, 290_000),
        (
            "openai-agents by its name",
            Announced { mcp_client: Some("openai-agents-mcp"), ..mcp("python-httpx/0.28") },
            4_500,
        ),
        (
            "openai-agents by what is registered",
            Announced { framework: Some("OpenAI-Agents"), ..Announced::default() },
            4_500,
        ),
        (
            "a read timeout that is announced",
            Announced { read_timeout: Some("600"), ..http("OpenAI/Python 3") },
            590_000,
        ),
    ];
    for (name, client, millis) in table {
        assert_eq!(held(&client), millis, "{name}");
    }
}

#[test]
fn the_shortest_counts() {
    let client = Announced { read_timeout: Some("20"), ..http("OpenAI/Python 3.52.0") };
    assert_eq!(held(&client), 18_000);
    let client = Announced { framework: Some("pygithub"), ..http("python-requests/2.34") };
    assert_eq!(held(&client), 13_500);
}

#[test]
fn nonsense_that_is_announced_is_not_believed() {
    for text in ["-1", "nan", "inf", "1e99", "", "soon", "0"] {
        assert_eq!(
            of(&Announced { read_timeout: Some(text), ..Announced::default() }, NOTHING_SET).alone(),
            UNKNOWN,
            "{text}"
        );
    }
}

#[test]
fn what_is_set_goes_before_the_table_and_the_nearest_first() {
    let five = Some(HoldTimeout::For(Duration::from_secs(5)));
    let ten = Some(HoldTimeout::For(Duration::from_secs(10)));
    let curl = http("curl/8");
    assert_eq!(of(&curl, [None, five, ten, None]).alone(), Duration::from_secs(5));
    assert_eq!(of(&curl, [Some(HoldTimeout::Auto), five, None, None]).alone(), Duration::from_secs(890));
    assert_eq!(of(&curl, [None, None, None, ten]).alone(), Duration::from_secs(10));
}

#[test]
fn every_row_says_where_it_comes_from() {
    for row in ROWS {
        assert!(!row.source.is_empty() && row.silent <= row.streamed, "{row:?}");
    }
}

#[test]
fn a_client_is_kept_longer_only_where_all_that_it_may_be_can_be() {
    let mcp = |agent| Announced { mcp: true, streamed: true, ..http(agent) };
    let beyond = |client: &Announced<'_>| {
        let beyond = of(client, NOTHING_SET).beyond;
        (beyond.rounds, beyond.polls)
    };
    assert_eq!(beyond(&mcp("node")), (true, false), "its timer runs on while it polls");
    assert_eq!(beyond(&mcp("python-httpx2/2.16.2")), (true, true));
    assert_eq!(beyond(&mcp("python-httpx/0.28.1")), (false, false), "it may be openai-agents");
    assert_eq!(beyond(&Announced { framework: Some("langchain"), ..mcp("python-httpx/0.28.1") }), (true, true));
    assert_eq!(beyond(&mcp("mystery/1")), (false, false));
    assert_eq!(beyond(&http("node")), (false, false));
    // What an operator sets is for all legs together.
    let minutes = Duration::from_secs(600);
    let patience = of(&mcp("node"), [Some(HoldTimeout::For(minutes)), None, None, None]);
    assert_eq!((patience.alone(), patience.leg()), (minutes, Duration::from_secs(54)));
}
