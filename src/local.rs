//! What sets a gate up works on its store directly, also beside a running `serve`, which takes note.

use std::path::Path;
use std::sync::Arc;

use gate::store::sqlite::SqliteStore;
use gate::{Gate, Store, SystemClock};

use crate::configuration::Configuration;
use crate::exit;

/// The store that the configuration names.
pub(crate) async fn store(configuration: &Configuration) -> anyhow::Result<Arc<dyn Store>> {
    let url = configuration.config().database.expose();
    if url.is_empty() {
        return Err(exit::configuration("database: the secret that it stands in is not set here"));
    }
    let Some(path) = url.strip_prefix("sqlite:") else {
        return Err(exit::configuration(
            "database: this build keeps its records in SQLite only; write `database: sqlite:holdshort.db`",
        ));
    };
    let path = configuration.resolve(path.trim_start_matches("//"));
    let store = SqliteStore::open(&path)
        .await
        .map_err(|error| exit::unavailable(format!("opening the store {}: {error}", path.display())))?;
    Ok(Arc::new(store))
}

/// A gate for setting things up: knows the directory and the log, sends nothing, leaves running calls alone.
pub(crate) async fn gate(path: Option<&Path>) -> anyhow::Result<(Configuration, Gate)> {
    let configuration = Configuration::load_without_secrets(path)?;
    let store = store(&configuration).await?;
    let gate = Gate::beside(store, Arc::new(SystemClock), configuration.rules.clone())
        .await
        .map_err(|error| exit::unavailable(format!("opening the store: {error}")))?;
    Ok((configuration, gate))
}
