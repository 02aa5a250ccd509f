//! What the binary brings: addresses, and handles on what this crate does not own.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use gate::Timestamp;
use tokio::sync::watch;

#[derive(Clone)]
pub struct Options {
    /// `admin.url`: how people reach the dashboard; scheme, host, optional port.
    pub url: String,
    /// The address of the listener, as bound.
    pub listen: SocketAddr,
    /// Where agents reach the proxy, for the lines shown with a new key.
    pub proxy_url: String,
    pub reload: Arc<dyn Reload>,
    /// Renders the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// `true` from when everything serves until draining begins.
    pub ready: watch::Receiver<bool>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("url", &self.url).field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// The configuration as the binary loads it.
#[async_trait]
pub trait Reload: Send + Sync {
    fn status(&self) -> ConfigStatus;

    /// Loads the files again and swaps the rules when they are good.
    ///
    /// # Errors
    /// The findings as text, with file, line and column; the old rules stay.
    async fn reload(&self) -> Result<ConfigStatus, String>;
}

#[derive(Debug, Clone)]
pub struct ConfigStatus {
    /// SHA-256 (hex) of the files in force.
    pub digest: String,
    pub loaded_at: Timestamp,
    /// Why the last attempt to load was refused; the older rules are in force then.
    pub error: Option<String>,
}
