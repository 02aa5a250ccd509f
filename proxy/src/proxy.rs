//! The proxy as a whole: made from a gate, bound, served, drained.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate::Gate;
use pingora_core::apps::HttpServerOptions;
use pingora_core::protocols::http::v2::server::default_h2_options;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, http_proxy};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::gateway::{Gateway, RequestIds, Shared};
use crate::listen::{self, Listener};
use crate::mcp::event_streams::EventStreams;
use crate::mcp::parked::Parked;
use crate::mcp::{HeldCalls, Sessions};
use crate::upstream::Lines;
use crate::upstream::dial::Dialer;

/// Held calls of one agent share an HTTP/2 connection: more than pingora's 100.
const STREAMS_PER_CONNECTION: u32 = 256;

/// An HTTP/2 connection without a call in flight is closed after this.
const IDLE_FOR: Duration = Duration::from_secs(300);

/// Why the proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("upstream {upstream}: {what}")]
    Upstream { upstream: String, what: String },
    #[error("{file}: {what}")]
    Tls { file: String, what: String },
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
}

/// The data path. Make it, [`Proxy::bind`] it, [`Proxy::serve`] it.
pub struct Proxy {
    shared: Arc<Shared>,
    folder: PathBuf,
    listeners: Vec<Listener>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("local_addrs", &self.local_addrs()).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Makes ready what the gate's rules name. Paths of certificates are relative to `folder`, the one
    /// of the configuration.
    ///
    /// # Errors
    /// An upstream cannot be used: its certificate authorities cannot be read.
    pub fn new(gate: Gate, folder: impl Into<PathBuf>) -> Result<Proxy, ProxyError> {
        let folder = folder.into();
        let lines = Lines::new(gate.rules(), folder.clone())?;
        let ids = RequestIds::new(&gate);
        let (sessions, held) = (Sessions::default(), Arc::new(HeldCalls::default()));
        let shared = Shared {
            gate,
            lines,
            dialer: Dialer::new(),
            sessions,
            held,
            tools: Arc::default(),
            parked: Parked::default(),
            streams: EventStreams::default(),
            rooms: Arc::default(),
            ids,
        };
        Ok(Proxy { shared: Arc::new(shared), folder, listeners: Vec::new() })
    }

    /// Whether every upstream of these rules can be used.
    ///
    /// # Errors
    /// As of [`Proxy::new`].
    pub fn check(rules: &Arc<rules::Ruleset>, folder: impl Into<PathBuf>) -> Result<(), ProxyError> {
        Lines::new(rules.clone(), folder.into()).map(drop)
    }

    /// Binds every address of the configuration: `proxy.listen` and the upstreams' own. Needs a tokio
    /// runtime. Later changes of the configuration change what is mounted, not what is bound.
    ///
    /// # Errors
    /// An address is taken, or the TLS files cannot be used.
    pub fn bind(&mut self) -> Result<(), ProxyError> {
        let rules = self.shared.gate.rules();
        let config = rules.config();
        let tls = config.proxy.tls.as_ref().map(|files| listen::tls::acceptor(files, &self.folder)).transpose()?;
        let own = config.upstreams.values().flat_map(|upstream| &upstream.listen).map(|listener| listener.address);
        let mut bound: Vec<SocketAddr> = Vec::new();
        for (address, shared_listener) in
            config.proxy.listen.iter().map(|address| (*address, true)).chain(own.map(|address| (address, false)))
        {
            if bound.contains(&address) && address.port() != 0 {
                continue;
            }
            bound.push(address);
            let socket = listen::bind(address).map_err(|source| ProxyError::Listen { address, source })?;
            // Rules know an upstream's listener by its configured address, also where the port is 0.
            let known_as = if shared_listener { socket.local_addr().unwrap_or(address) } else { address };
            let app = Arc::new(self.app(known_as));
            let (shared, tls) = (self.shared.clone(), tls.clone());
            self.listeners.push(Listener { socket, app, shared, tls, head_within: config.limits.head_timeout });
        }
        Ok(())
    }

    fn app(&self, listener: SocketAddr) -> HttpProxy<Gateway> {
        let conf = ServerConf { max_retries: 1, ..ServerConf::default() };
        let mut app = http_proxy(&Arc::new(conf), Gateway { shared: self.shared.clone(), listener });
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        options.h2_idle_timeout = Some(IDLE_FOR);
        app.server_options = Some(options);
        let mut h2 = default_h2_options();
        h2.max_concurrent_streams(STREAMS_PER_CONNECTION);
        app.h2_options = Some(h2);
        app
    }

    /// The bound addresses: first those of `proxy.listen`, then the upstreams' own.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.socket.local_addr().ok()).collect()
    }

    /// Serves until `shutdown` resolves. Then nothing more is accepted, held calls go on waiting for
    /// their verdict for `grace` and are told to come back after that, and what is in flight is
    /// finished; calls that then still run after another `grace` are left behind.
    pub async fn serve(self, shutdown: impl Future<Output = ()>, grace: Duration) {
        let (stop, stopping) = watch::channel(false);
        let mut listeners = JoinSet::new();
        for listener in self.listeners {
            listeners.spawn(listener.run(stopping.clone()));
        }
        // Ends with this.
        let mut sweeping = JoinSet::new();
        let shared = self.shared.clone();
        sweeping.spawn(async move { shared.dialer.sweep().await });
        shutdown.await;
        tracing::info!("draining");
        let _ = stop.send(true);
        let all = async { while listeners.join_next().await.is_some() {} };
        let mut all = std::pin::pin!(all);
        if tokio::time::timeout(grace, &mut all).await.is_ok() {
            return;
        }
        // Nothing is accepted any more, so nobody comes back.
        self.shared.parked.clear();
        let rest = async { tokio::join!(self.shared.gate.drain(), &mut all) };
        if tokio::time::timeout(grace.max(Duration::from_secs(5)), rest).await.is_err() {
            tracing::warn!("calls are still in flight; they are left behind");
        }
    }
}
