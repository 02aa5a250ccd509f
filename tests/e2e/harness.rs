//! Builders over the real binary: `holdshort()` starts a gate, `upstream()` a recording service behind it.
//! `tests/bypass` shares them.
#![allow(dead_code, unused_imports, reason = "each of the test crates uses its part of it")]

mod agent;
mod browser;
mod gate;
mod people;
mod tools;
pub mod upstream;

pub use agent::{Agent, Answer, Call};
pub use browser::Browser;
pub use gate::{Builder, Gate, holdshort, run_holdshort, text};
pub use people::Person;
pub use tools::{python, tool};
pub use upstream::{Behaviour, Upstream, upstream};

use std::time::{Duration, Instant};

/// Waits until a condition holds; fails with the last state that was seen.
pub async fn eventually<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(last) if Instant::now() > deadline => panic!("waited 30 s for {what}; last seen: {last}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// An address that is free now.
pub fn free_address() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A client without a proxy; the TLS provider is installed once.
pub fn client() -> reqwest::ClientBuilder {
    // Whoever is second finds it installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}
