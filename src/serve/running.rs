//! A gate at work: its parts composed in one process, and how they stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use admin::{Options, Reload as _};
use anyhow::Context as _;
use gate::{Clock as _, Gate, SystemClock};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use permit::KeyRing;
use proxy::Proxy;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::reload::Reloader;
use super::{checkpoints, files};
use crate::configuration::Configuration;
use crate::{audit, exit, local};

/// Everything that runs. Dropping it ends nothing; [`Running::stop`] does.
#[derive(Debug)]
pub(crate) struct Running {
    gate: Gate,
    reloader: Arc<Reloader>,
    proxy_addresses: Vec<SocketAddr>,
    ready: watch::Sender<bool>,
    stop_proxy: watch::Sender<bool>,
    stop_admin: watch::Sender<bool>,
    proxy: JoinHandle<()>,
    admin: Vec<JoinHandle<()>>,
    keys: JoinHandle<()>,
    files: JoinHandle<()>,
    checkpoints: JoinHandle<()>,
    checkpoint: PathBuf,
}

impl Running {
    /// Opens the store, binds every address, and serves. Nothing is bound before everything could be
    /// read and opened. `grace`: how long held calls may go on waiting once the gate is told to stop.
    pub(crate) async fn start(configuration: Configuration, grace: Duration) -> anyhow::Result<Running> {
        let metrics = recorder();
        let store = local::store(&configuration).await?;
        let clock = Arc::new(SystemClock);
        let folder = configuration.resolve(&configuration.config().permit.keys);
        let keys = KeyRing::open(&folder, configuration.algorithm(), clock.now().seconds())
            .map_err(|error| exit::unavailable(format!("{:#}", anyhow::Error::from(error))))?;
        let gate = Gate::open(store, clock, keys, configuration.rules.clone())
            .await
            .map_err(|error| exit::unavailable(format!("opening the store: {error}")))?
            .signing_checkpoints(audit::log_key(&configuration)?);

        gate.note_config(&configuration.config().digest)
            .await
            .map_err(|error| exit::unavailable(format!("recording the configuration: {error}")))?;

        let mut proxy = Proxy::new(gate.clone(), configuration.folder.clone())
            .map_err(|error| exit::configuration(error.to_string()))?;
        proxy.bind().map_err(|error| exit::unavailable(error.to_string()))?;
        let proxy_addresses = proxy.local_addrs();

        let config = configuration.config();
        let (ready, is_ready) = watch::channel(false);
        let reloader = Arc::new(Reloader::new(&configuration, gate.clone()));
        let scheme = if config.proxy.tls.is_some() { "https" } else { "http" };
        let people = bind(config.admin.listen).await?;
        let agents = match config.admin.agents_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let options = Options {
            url: config.admin.url.clone(),
            listen: people.local_addr().context("the admin's own address")?,
            proxy_url: proxy_addresses.first().map(|address| format!("{scheme}://{address}")).unwrap_or_default(),
            reload: reloader.clone(),
            metrics: Arc::new(move || metrics.render()),
            ready: is_ready,
        };
        let tls = config
            .admin
            .tls
            .as_ref()
            .map(|files| admin::serve::tls(&configuration.resolve(&files.cert), &configuration.resolve(&files.key)))
            .transpose()
            .map_err(|error| exit::configuration(error.to_string()))?;

        let (stop_proxy, proxy_stops) = watch::channel(false);
        let (stop_admin, admin_stops) = watch::channel(false);
        let mut admins = Vec::new();
        if let Some(listener) = agents {
            let address = listener.local_addr().context("the agents' own address")?;
            let router = admin::agents_router(gate.clone(), Options { listen: address, ..options.clone() });
            admins.push(tokio::spawn(admin::serve(listener, router, tls.clone(), told(admin_stops.clone()))));
        }
        let router = admin::router(gate.clone(), options);
        admins.push(tokio::spawn(admin::serve(people, router, tls, told(admin_stops))));
        let proxy = tokio::spawn(proxy.serve(told(proxy_stops), grace));
        let keys = tokio::spawn(follow_keys(folder, configuration.algorithm(), gate.clone()));
        let files = tokio::spawn(files::follow(reloader.clone()));
        let checkpoint = configuration.resolve(&configuration.config().audit.checkpoint);
        let checkpoints = tokio::spawn(checkpoints::follow(gate.clone(), checkpoint.clone()));
        ready.send_replace(true);
        Ok(Running {
            keys,
            files,
            checkpoints,
            checkpoint,
            gate,
            reloader,
            proxy_addresses,
            ready,
            stop_proxy,
            stop_admin,
            proxy,
            admin: admins,
        })
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The addresses agents use, for a log line.
    pub(crate) fn proxy_addresses(&self) -> String {
        self.proxy_addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Loads the configuration again; what goes wrong is logged and shown, and the old rules stay.
    pub(crate) async fn reload(&self) {
        // The reloader has said it where it is seen.
        let _ = self.reloader.reload().await;
    }

    /// Stops accepting calls, lets those under way end, then closes the admin: people can approve until
    /// the last held call was answered.
    pub(crate) async fn stop(self) {
        self.ready.send_replace(false);
        self.stop_proxy.send_replace(true);
        let _ = self.proxy.await;
        self.gate.drain().await;
        self.stop_admin.send_replace(true);
        for server in self.admin {
            let _ = server.await;
        }
        self.checkpoints.abort();
        checkpoints::write(&self.gate, &self.checkpoint).await;
        self.keys.abort();
        self.files.abort();
    }
}

/// How often a running gate looks whether its signing keys were rotated.
const KEYS_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Signs with the newest key, also when `holdshort signing-keys rotate` made it beside the running gate.
async fn follow_keys(folder: PathBuf, algorithm: permit::Algorithm, gate: Gate) {
    let mut known = None;
    loop {
        let now = gate.now().seconds();
        let opened = tokio::task::spawn_blocking({
            let folder = folder.clone();
            move || KeyRing::open(&folder, algorithm, now)
        });
        match opened.await {
            Ok(Ok(keys)) => {
                let listed = keys.list();
                if known.as_ref().is_some_and(|known| *known != listed) {
                    tracing::info!("the signing keys were rotated");
                    gate.swap_keys(keys);
                }
                known = Some(listed);
            }
            // What signs now goes on signing.
            Ok(Err(error)) => tracing::warn!("reading the signing keys again: {:#}", anyhow::Error::from(error)),
            Err(error) => tracing::warn!("reading the signing keys again: {error}"),
        }
        tokio::time::sleep(KEYS_LOOKED_AT_EVERY).await;
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| exit::unavailable(format!("cannot listen on {address}: {error}")))
}

/// Resolves when it is told so, or when nobody is left who could.
async fn told(mut channel: watch::Receiver<bool>) {
    let _ = channel.wait_for(|stop| *stop).await;
}

/// One recorder a process.
fn recorder() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // In a process that runs a second gate the first recorder stays.
    let _ = metrics::set_global_recorder(recorder);
    handle
}
