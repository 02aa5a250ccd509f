//! TLS towards agents: HTTP/2 or HTTP/1.1 by ALPN.

use std::path::Path;
use std::sync::Arc;

use pingora_core::listeners::tls::Acceptor;
use rules::config::TlsFiles;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::ProxyError;

/// # Errors
/// The files cannot be read or do not belong together.
pub(crate) fn acceptor(files: &TlsFiles, folder: &Path) -> Result<Arc<Acceptor>, ProxyError> {
    let wrong =
        |file: &str, error: &dyn std::fmt::Display| ProxyError::Tls { file: file.to_owned(), what: error.to_string() };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(folder.join(&files.cert))
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&files.cert, &error))?;
    let key = PrivateKeyDer::from_pem_file(folder.join(&files.key)).map_err(|error| wrong(&files.key, &error))?;
    let provider = rustls::crypto::CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&files.cert, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&files.cert, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(Acceptor::from_server_config(Arc::new(config))))
}
