//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The gate between AI agents and everything they can break.
#[derive(Debug, Parser)]
#[command(name = "holdshort", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The configuration: a file, or a folder whose *.yaml files are merged.
    #[arg(long, global = true, value_name = "PATH", env = "HOLDSHORT_CONFIG", default_value = None)]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gate: the proxy for agents and the admin for people.
    Serve(ServeArgs),
    /// See it work: a gate, a service behind it and an agent, in one minute.
    Demo(DemoArgs),
    /// Set up a gate for one of your APIs: configuration, first agent, its key, a curl line, the sign-in link.
    Init(InitArgs),
    /// From where an agent runs: is the gate reached, the agent known, a call held, and does anything go around?
    Doctor(DoctorArgs),
    /// Read the configuration and say what is wrong with it.
    Check(CheckArgs),
    /// Say why a call is decided as it is: every route and policy with the value that failed.
    Explain(ExplainArgs),
    /// Run the rule tests that stand beside the configuration: this call, that decision.
    Test(TestArgs),
    /// Say what would change from one configuration to another, and what of it weakens the gate.
    Diff(DiffArgs),
    /// Make a first configuration from what an API says of itself; prints commented YAML.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Print routes for the calls that no route names yet, as the running gate has counted them.
    Suggest(SuggestArgs),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// The keys that sign permits.
    #[command(subcommand)]
    SigningKeys(SigningKeysCommand),
    /// Projects, each with a key of its own.
    #[command(subcommand)]
    Projects(ProjectsCommand),
    /// Registered agents and their keys.
    #[command(subcommand)]
    Agents(AgentsCommand),
    /// People who read and decide.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Teams and their members.
    #[command(subcommand)]
    Teams(TeamsCommand),
    /// Calls: what waits, what was decided, what came of it.
    #[command(subcommand)]
    Intents(IntentsCommand),
    /// Ask before a step of a pipeline: declare it, wait for people, print the permit.
    Gate(GateArgs),
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Permits.
    #[command(subcommand)]
    Permit(PermitCommand),
}

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// What is to be done, in snake_case.
    #[arg(required_unless_present_any = ["intent", "permit"])]
    pub(crate) action: Option<String>,
    /// What people are shown and policies look at: NAME=TEXT, or NAME:=JSON.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// What is only shown: NAME=TEXT, or NAME:=JSON.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) context: Vec<String>,
    /// Wait until people have decided.
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait, in seconds.
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    pub(crate) timeout: u64,
    /// Go on with what was declared before.
    #[arg(long, value_name = "ID", conflicts_with = "action")]
    pub(crate) intent: Option<String>,
    /// What kind of caller asks.
    #[arg(long, default_value = "devops", value_parser = ["ai_agent", "devops", "automation"])]
    pub(crate) source_type: String,
    /// Fingerprint of the agent, with a project's key.
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) source: Option<String>,
    /// Raises the tier that the configuration gives the action.
    #[arg(long, value_parser = ["low", "medium", "high", "critical"])]
    pub(crate) risk_tier: Option<String>,
    /// A team or an e-mail address that must approve too.
    #[arg(long = "approver", value_name = "WHO")]
    pub(crate) approvers: Vec<String>,
    /// Shortens the waiting for people: `30m`.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_in: Option<String>,
    /// The permit to report on.
    #[arg(long, value_name = "TOKEN", requires = "report", conflicts_with_all = ["action", "intent"])]
    pub(crate) permit: Option<String>,
    /// Say what came of what a permit allowed.
    #[arg(long, value_enum, requires = "permit")]
    pub(crate) report: Option<Outcome>,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    Completed,
    Failed,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Run only one half. Needs a store that several processes share (PostgreSQL).
    #[arg(long, value_enum)]
    pub(crate) role: Option<ServeRole>,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log: LogFormat,
    /// How long held calls are waited for when the gate is told to stop, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) drain: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServeRole {
    Proxy,
    Admin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArgs {
    /// Approve by itself instead of waiting for you in the browser.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Where the demo keeps its files.
    #[arg(long, value_name = "DIR", default_value = "holdshort-demo")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The API that the gate shall stand in front of.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: String,
    /// What to call it; also its mount, `/NAME`.
    #[arg(long, value_name = "NAME", default_value = "api")]
    pub(crate) name: String,
    /// The first agent.
    #[arg(long, value_name = "NAME", default_value = "my-agent")]
    pub(crate) agent: String,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The address that the agent uses, as `agents add` prints it. The key comes from HOLDSHORT_KEY or stands in the
    /// path. Default: each address of the configuration.
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Option<String>,
    /// The service's own address: it should not be reached from here. Default: as the configuration says.
    #[arg(long, value_name = "URL", requires = "address")]
    pub(crate) direct: Vec<String>,
    /// A call that people must approve, `METHOD PATH`: is it held? It is a real one; deny it then.
    #[arg(long, value_name = "CALL", requires = "address")]
    pub(crate) hold: Option<String>,
    /// The JSON body of that call.
    #[arg(short = 'd', long = "data", value_name = "BODY", requires = "hold")]
    pub(crate) data: Option<String>,
    /// How long to wait for that call, where the gate is set to hold it longer than this client announces.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(4..=600))]
    pub(crate) wait: u64,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// End with 1 when there are warnings.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) deny: Option<Denied>,
    /// How findings look: with a snippet for people, as JSON, or as GitHub Actions' workflow commands.
    #[arg(long, value_enum, default_value_t = FindingsFormat::Text)]
    pub(crate) format: FindingsFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The configuration as it is: a file or a folder.
    pub(crate) old: PathBuf,
    /// As it would be.
    pub(crate) new: PathBuf,
    /// Recorded intents, as `intents list --json` prints them: for which of them would be decided otherwise?
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// From an OpenAPI document (3.0 or 3.1, YAML or JSON): a route for each operation.
    Openapi {
        file: PathBuf,
        /// The API's address, where the document's own is not the one to use.
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        args: ImportArgs,
    },
    /// From an MCP server (Streamable HTTP): a route for each tool.
    Mcp {
        url: String,
        /// Sent with each request, `Name: value`; for servers that ask who is there.
        #[arg(long = "header", short = 'H', value_name = "HEADER")]
        headers: Vec<String>,
        #[command(flatten)]
        args: ImportArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// What to call the upstream; also its mount, `/NAME`. Default: from what the document calls itself.
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The method. Default: GET, with a body POST.
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A header, `name: value`; several are given one by one.
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// The body. Its type is JSON where it begins like that, else a form, unless a header says it.
    #[arg(short = 'd', long = "data", value_name = "BODY")]
    pub(crate) body: Option<String>,
    /// Who asks: an agent of the files. Default: the agent of the listener, else one that nothing is known of.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// The project of somebody who is no agent of the files. Default: one that reaches the upstream.
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// The address it calls from, for routes that ask for one. Where that is a trusted proxy, `-H x-forwarded-for: ...`
    /// counts as it does in the gate.
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<std::net::IpAddr>,
    /// When it asks, such as 2026-11-21T09:30:00Z. Default: now.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// What the agent asks for: a path with the mount, or a URL of the gate or of an upstream. Or an intent, `int_...`:
    /// what was looked at then, over the API.
    #[arg(value_name = "PATH|URL|INTENT")]
    pub(crate) call: String,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Files of tests. Default: `*.test.yaml` beside the configuration and in `tests/` there.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// List the routes and policies that no test hits.
    #[arg(long)]
    pub(crate) coverage: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Denied {
    Warnings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindingsFormat {
    Text,
    Json,
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct SuggestArgs {
    /// Only of this upstream.
    #[arg(long, value_name = "NAME")]
    pub(crate) upstream: Option<String>,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SigningKeysCommand {
    /// The keys, the signing one first.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Make a new signing key; the old one stays published until its permits have died.
    Rotate {
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectsCommand {
    /// Make a project; prints its key once.
    Add {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// The projects.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Give a project a new key; prints it once.
    RotateKey {
        name: String,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Register an agent (or give one from the files its key); prints the key once.
    Add {
        name: String,
        #[arg(long)]
        project: Option<String>,
        /// Made from the name when absent.
        #[arg(long)]
        fingerprint: Option<String>,
        /// E-mail address of the person it works for.
        #[arg(long)]
        owner: Option<String>,
        /// python, langchain, openai_assistants, autogen, crewai, other.
        #[arg(long)]
        framework: Option<String>,
        /// verified, established, active, new.
        #[arg(long)]
        trust: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// The agents, with their status and when they were last seen.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Give an agent a new key; prints it once. The one before stays good until the next rotation.
    RotateKey {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Refuse its calls until it is resumed. Over the API.
    Pause(OverApi),
    /// Let its calls through again. Over the API.
    Resume(OverApi),
    /// Refuse its calls for ever and deny what it has waiting. Over the API.
    Revoke(OverApi),
}

/// A deed that a person does: over the API, with that person's token.
#[derive(Debug, Args)]
pub(crate) struct OverApi {
    /// Id, or for agents their name.
    pub(crate) id: String,
    /// Why.
    #[arg(long, alias = "comment")]
    pub(crate) reason: Option<String>,
    /// What must be typed where the policy asks for it.
    #[arg(long)]
    pub(crate) confirmation: Option<String>,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ApiArgs {
    /// The admin's address. Default: as the configuration says, else http://127.0.0.1:8081.
    #[arg(long, value_name = "URL", env = "HOLDSHORT_URL")]
    pub(crate) url: Option<String>,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// Add a person; prints a personal token and a sign-in link once.
    Add {
        /// E-mail address, or another login name.
        name: String,
        #[arg(long, value_enum)]
        role: RoleArg,
        #[arg(long = "team", value_name = "TEAM")]
        teams: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// The people, with their roles and teams.
    List {
        #[arg(long)]
        json: bool,
    },
    /// End a person's access: their tokens, sessions and votes no longer count.
    Disable {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Mint another personal token; prints it once.
    Token {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Print a new one-time sign-in link. Without a name: the link that makes the first admin.
    Link {
        name: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    Admin,
    Approver,
    Viewer,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TeamsCommand {
    /// The teams and who is in them.
    List {
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum IntentsCommand {
    /// The calls, newest first.
    List {
        /// pending, approved, executing, executed, failed, unknown, denied, changes_requested, expired, cancelled.
        #[arg(long)]
        status: Option<String>,
        #[arg(long)]
        action: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// One call, whole.
    Show {
        id: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Approve a call that waits, as the person whose token is in HOLDSHORT_TOKEN.
    Approve(OverApi),
    /// Deny a call that waits; the agent reads the reason.
    Deny(OverApi),
    /// Print what waits, and what becomes of it, as it happens.
    Watch {
        #[command(flatten)]
        api: ApiArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Recompute the Merkle tree and check that the current state is what the events say.
    Verify {
        /// An earlier signed checkpoint: the log must extend it. `-` reads it from standard input.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The key that signed it, as `audit key` printed it then. Default: the key of this gate.
        #[arg(long, value_name = "KEY", requires = "checkpoint")]
        key: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Sign a checkpoint of the log as it is now, and print it.
    Checkpoint,
    /// Print the public key that checkpoints are verified with: give it to whoever will check them.
    Key,
    /// Print the events, oldest first.
    Export {
        #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
        format: ExportFormat,
        /// The first event to print.
        #[arg(long, default_value_t = 0, value_name = "SEQ")]
        from: u64,
        /// Where to stop: this event is not printed any more.
        #[arg(long, value_name = "SEQ")]
        to: Option<u64>,
    },
    /// Print the evidence of a call: its events, proven to stand in a signed log. Verifies without the gate.
    Prove {
        #[arg(value_name = "INTENT")]
        intent: String,
    },
    /// Check a file that `audit prove` printed; needs neither gate nor store.
    Check {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// The gate's key, as `audit key` printed it. Without it the file's own key is used, which proves nothing about
        /// who signed.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// The request's body, to be compared with what was sent.
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line, exact: leaves can be computed from it.
    Jsonl,
    /// For spreadsheets: a text that one would take for a formula gets an apostrophe in front.
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PermitCommand {
    /// Check a permit's signature, times and audience with a key set.
    Verify {
        token: String,
        /// The key set: a URL or a file.
        #[arg(long, value_name = "URL|FILE")]
        jwks: String,
        /// The upstream it must be for.
        #[arg(long)]
        audience: Option<String>,
        #[arg(long)]
        json: bool,
    },
}
