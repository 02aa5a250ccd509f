"""The clients: which driver runs them, what they talk to, and how they are known to wait."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Client:
    name: str
    """As the page names it, without its version."""
    driver: str
    """A file of `drivers`, with further words for it."""
    service: str
    """What it talks to: `web` (an echo that answers as OpenAI, Anthropic, Stripe, GitHub and a shop), `moto`,
    `everything` (MCP until 2025-11-25) or `modern` (fastmcp's server, up to 2026-07-28)."""
    package: str
    """Whose version is shown: `pypi:`, `npm:`, `crate:`, or a program."""
    limit: int | None = None
    """Seconds after which it gives up by default; None where it is longer than this suite waits."""
    attempts: int = 1
    """How often it sends one call when its timer runs out."""
    venv: str = "venv"
    bound: bool = False
    """Takes neither a path nor a header, and gets a listener of its own."""
    short_timeout: bool = True
    """Re-sends also when the program, and not its default, sets the timer."""

    lingers: bool = False
    """Leaves its request open when its own timer runs out, and tells nobody: the gate goes on holding it."""
    keyed: bool = False
    """Puts an `Idempotency-Key` of its own on each call of the program. A program that means the same call when it calls
    again must say so, by a key of the program's."""
    built: bool = False
    """Compiled by cargo first, which takes minutes: left to the long form."""
    loses: dict = field(default_factory=dict)
    """Situations in which the client itself keeps the answer's text from its caller, and what it says instead. Nothing
    that a gate says can change it; the page tells."""


CLIENTS = [
    Client("requests", "with_requests.py", "web", "pypi:requests"),
    Client("httpx", "with_httpx.py", "web", "pypi:httpx", limit=5),
    Client("aiohttp", "with_aiohttp.py", "web", "pypi:aiohttp", limit=300),
    Client("openai (Python)", "with_openai.py", "web", "pypi:openai", attempts=3),
    Client("anthropic (Python)", "with_anthropic.py", "web", "pypi:anthropic", attempts=3),
    Client("stripe (Python)", "with_stripe.py", "web", "pypi:stripe", limit=80, keyed=True),
    Client("PyGithub", "with_pygithub.py", "web", "pypi:PyGithub", limit=15, attempts=11, bound=True,
           loses={"down": "too many 502 error responses"}),
    Client("boto3 (DynamoDB)", "with_boto3.py dynamodb", "moto", "pypi:boto3", limit=60, attempts=4, bound=True),
    Client("boto3 (S3)", "with_boto3.py s3", "moto", "pypi:boto3", limit=60, attempts=3, bound=True),
    Client("Node fetch", "with_fetch.mjs", "web", "node", limit=300),
    Client("axios", "with_axios.mjs", "web", "npm:axios"),
    Client("openai (Node)", "with_openai.mjs", "web", "npm:openai", limit=300, attempts=3),
    Client("stripe (Node)", "with_stripe.mjs", "web", "npm:stripe", limit=80, attempts=3, bound=True, keyed=True),
    Client("octokit", "with_octokit.mjs", "web", "npm:octokit", limit=300, attempts=4, short_timeout=False),
    Client("curl", "with_curl.py", "web", "curl"),
    Client("MCP TypeScript 1.x", "with_mcp1.mjs", "everything", "npm:@modelcontextprotocol/sdk", limit=60),
    Client("MCP TypeScript 2.x", "with_mcp2.mjs", "everything", "npm:@modelcontextprotocol/client", limit=60),
    Client("MCP TypeScript 2.x, 2026-07-28", "with_mcp2.mjs auto", "modern", "npm:@modelcontextprotocol/client", limit=60),
    Client("MCP Python 1.x", "with_mcp1.py", "everything", "pypi:mcp", lingers=True),
    Client("MCP Python 2.x", "with_mcp2.py", "everything", "pypi:mcp", venv="venv-mcp2"),
    Client("MCP Python 2.x, 2026-07-28", "with_mcp2.py", "modern", "pypi:mcp", venv="venv-mcp2"),
    Client("fastmcp, 2026-07-28", "with_fastmcp.py", "modern", "pypi:fastmcp", venv="venv-mcp2"),
    Client("openai-agents (MCP)", "with_openai_agents.py", "everything", "pypi:openai-agents", limit=5, lingers=True),
    Client("rmcp (Rust)", "with-rmcp", "everything", "crate:rmcp", built=True),
    Client("langchain-mcp-adapters", "with_langchain.py", "everything", "pypi:langchain-mcp-adapters"),
]
