//! Serving a router on a bound listener, plain or with TLS, until told to stop.
//!
//! Connections are served by hyper itself rather than by `axum::serve`: a head that does not arrive
//! is given up, a TLS handshake does not keep others waiting, and live streams do not keep the
//! process from ending.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::input::Source;

/// Longest wait for a request's head, and for a TLS handshake.
const PATIENCE: Duration = Duration::from_secs(15);
/// After the call to stop: how long answers under way may take. Live streams end then.
const FAREWELL: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot read the certificate or key ({path}): {source}")]
    Pem { path: String, source: rustls::pki_types::pem::Error },
    #[error("certificate and key cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// Reads a certificate chain and its key (PEM). A crypto provider must have been installed.
///
/// # Errors
/// A file cannot be read, or the two do not belong together.
pub fn tls(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, ServeError> {
    let pem = |path: &Path| {
        let path = path.display().to_string();
        move |source| ServeError::Pem { path, source }
    };
    let chain =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(pem(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(pem(key))?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves until `stop` is done, then lets answers under way finish for a short while. Whoever drains
/// held calls completes `stop` after that, so that people can decide until the last call is answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    stop: impl Future<Output = ()>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, from) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    give_way(&error).await;
                    continue;
                }
            },
        };
        let _ = stream.set_nodelay(true);
        let (acceptor, watcher) = (acceptor.clone(), graceful.watcher());
        let router = router.clone();
        let source = Source(Some(from.ip()));
        tokio::spawn(async move {
            match acceptor {
                None => converse(stream, source, router, watcher).await,
                Some(acceptor) => match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => converse(stream, source, router, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    source: Source,
    router: Router,
    watcher: Watcher,
) {
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(source);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 * 1024);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(64 * 1024).max_concurrent_streams(100);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Out of file descriptors, or the like: waiting lets some go. A connection that was reset is nothing.
async fn give_way(error: &io::Error) {
    let passing = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !passing {
        tracing::warn!(%error, "cannot accept connections at the moment");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
