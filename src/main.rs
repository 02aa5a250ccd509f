//! The command line: parse, load the configuration, compose, serve, drain. Each subcommand is one
//! file; what they share is here in the words of the parts they compose.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use clap::Parser;

mod addresses;
mod agents;
mod api;
mod audit;
mod check;
mod cli;
mod configuration;
mod declare;
mod demo;
mod diff;
mod doctor;
mod exit;
mod explain;
mod import;
mod init;
mod intents;
mod local;
mod log;
mod output;
mod permits;
mod projects;
mod schema;
mod serve;
mod signing_keys;
mod suggest;
mod test;
mod users;

use cli::{Cli, Command};
use exit::Exit;

/// A call allocates some hundreds of times, and its buffers of 64 KiB come and go: this one takes a third of the time
/// that glibc's takes, and keeps less of what held calls leave. SQLite and the signing take theirs from it, too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    // Both of rustls' providers are compiled in (pingora brings ring, jsonwebtoken aws-lc): choose once.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        note!("holdshort: another TLS provider was installed before");
        return Exit::Finding.into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note!("holdshort: starting the runtime: {error}");
            return Exit::Unavailable.into();
        }
    };
    match (runtime.block_on(run(cli)), output::lost()) {
        (Ok(_), Some(kind)) => exit::report(&exit::unavailable(format!("the output cannot be written: {kind}"))),
        (Ok(exit), None) => exit.into(),
        (Err(error), _) => exit::report(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { config, command } = cli;
    match command {
        Command::Serve(args) => serve::run(config.as_deref(), &args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Init(args) => init::run(config.as_deref(), &args).await,
        Command::Doctor(args) => doctor::run(config.as_deref(), &args).await,
        Command::Check(args) => check::run(config.as_deref(), &args),
        Command::Explain(args) => explain::run(config.as_deref(), args).await,
        Command::Test(args) => test::run(config.as_deref(), &args),
        Command::Diff(args) => diff::run(&args),
        Command::Import(command) => import::run(command).await,
        Command::Suggest(args) => suggest::run(config.as_deref(), &args).await,
        Command::Schema => schema::run(),
        Command::SigningKeys(command) => signing_keys::run(config.as_deref(), &command),
        Command::Projects(command) => projects::run(config.as_deref(), command).await,
        Command::Agents(command) => agents::run(config.as_deref(), command).await,
        Command::Users(command) => users::run(config.as_deref(), command).await,
        Command::Gate(args) => declare::run(config.as_deref(), args).await,
        Command::Teams(command) => users::teams(config.as_deref(), &command).await,
        Command::Intents(command) => intents::run(config.as_deref(), command).await,
        Command::Audit(command) => audit::run(config.as_deref(), &command).await,
        Command::Permit(command) => permits::run(command).await,
    }
}
