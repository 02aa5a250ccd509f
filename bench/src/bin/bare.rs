//! `bare --listen ADDRESS --upstream ADDRESS`: pingora passing calls on, and nothing else. The runtime,
//! the accept loop and the socket options are those of the gate, so that the difference is the gate's work.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use async_trait::async_trait;
use holdshort_bench::arguments::Arguments;
use holdshort_bench::listen;
use pingora_core::Result;
use pingora_core::apps::ServerApp;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::{GetSocketDigest, SocketDigest};
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session, http_proxy};
use tokio::sync::watch;

struct Bare(SocketAddr);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::read()?;
    let (address, upstream) = (arguments.get("listen")?, arguments.get("upstream")?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let conf = ServerConf { max_retries: 1, ..ServerConf::default() };
        let app = Arc::new(http_proxy(&Arc::new(conf), Bare(upstream)));
        let listener = listen::bind(address)?;
        let (_never, stopping) = watch::channel(false);
        loop {
            let (tcp, _) = listener.accept().await?;
            let (app, stopping) = (app.clone(), stopping.clone());
            tokio::spawn(async move {
                let digest = SocketDigest::from_raw_fd(tcp.as_raw_fd());
                let mut stream = Stream::from(tcp);
                stream.set_socket_digest(digest);
                app.process_new(Box::new(stream), &stopping).await;
            });
        }
    })
}
