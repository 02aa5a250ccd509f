//! `upstream --listen ADDRESS`: the service behind what is measured, on one thread.

use std::net::SocketAddr;
use std::sync::Arc;

use holdshort_bench::arguments::Arguments;
use holdshort_bench::{listen, service};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = Arguments::read()?.get("listen")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        service::serve(listen::bind(address)?, Arc::new(service::Nobody)).await;
        Ok(())
    })
}
