//! Log lines: on standard error, as text or as one JSON object a line.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;
use crate::configuration::variable;

/// pingora calls it an error when a pooled connection is not yet free for the next call, which then gets a
/// new one. What goes wrong on the way to an upstream is logged by our own code.
const QUIET: &str = "pingora_core::connectors=off";

/// `HOLDSHORT_LOG` chooses what is logged, in the syntax of `tracing_subscriber`'s filter; default: `info`
/// for our own crates and warnings for the rest.
pub(crate) fn start(format: LogFormat) {
    start_with(
        format,
        &format!("warn,{QUIET},holdshort=info,holdshort_proxy=info,holdshort_gate=info,holdshort_admin=info"),
    );
}

/// Only what goes wrong, for commands that speak on standard output.
pub(crate) fn start_quietly() {
    start_with(LogFormat::Text, &format!("warn,{QUIET}"));
}

fn start_with(format: LogFormat, usual: &str) {
    let filter = variable("HOLDSHORT_LOG").unwrap_or_else(|| usual.to_owned());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second start (the demo runs after tests in one process, say) keeps the first.
    let _ = match format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
