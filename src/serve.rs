//! `holdshort serve`: composes the parts in one process and one runtime, and drains them when told to stop.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{ServeArgs, ServeRole};
use crate::configuration::{Configuration, located};
use crate::exit::{self, Exit};
use crate::log;
use crate::say;

mod checkpoints;
mod files;
mod reload;
mod running;

pub(crate) use running::Running;

/// "File size limit exceeded": 25 on every Linux but those for MIPS.
const SIGXFSZ: i32 = 25;

pub(crate) async fn run(path: Option<&Path>, args: &ServeArgs) -> anyhow::Result<Exit> {
    log::start(args.log);
    let path = located(path)?;
    let configuration = Configuration::load(Some(&path))?;
    if let Some(role) = args.role {
        let role = if role == ServeRole::Proxy { "proxy" } else { "admin" };
        return Err(exit::configuration(format!(
            "--role {role}: one half alone needs a store that several processes share, and this build keeps its \
             records in SQLite only; run `holdshort serve` without --role"
        )));
    }
    for warning in &configuration.warnings.list {
        tracing::warn!(place = %format_args!("{}:{}", warning.place.file, warning.place.line), "{}", warning.message);
    }
    let admin_url = configuration.config().admin.url.clone();
    let running = Running::start(configuration, Duration::from_secs(args.drain)).await?;
    if running.gate().needs_first_admin() {
        let token = running.gate().offer_link(None, &gate::Actor::Gate).await?;
        // On standard output, not in the log: whoever reads logs should not become the admin.
        say!("No admin yet. Sign in (once, within an hour): {admin_url}/link/{token}");
    }
    tracing::info!(
        agents = %running.proxy_addresses(),
        people = %admin_url,
        "holdshort {} is ready",
        env!("CARGO_PKG_VERSION")
    );
    stopped(&running).await?;
    tracing::info!("stopping: held calls are answered or told to come back; approving goes on meanwhile");
    running.stop().await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Returns on SIGTERM or SIGINT; reloads the configuration on SIGHUP.
async fn stopped(running: &Running) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    // A limit on the size of files then refuses the write, like a full disk, instead of ending the process.
    let _refused_instead = signal(SignalKind::from_raw(SIGXFSZ)).context("listening for SIGXFSZ")?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => running.reload().await,
        }
    }
}
