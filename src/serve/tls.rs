//! A certificate and its key, for servers that other machines reach.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

/// Who a server is for clients that ask over TLS. Cheap to clone; `Debug` shows nothing of the key.
#[derive(Clone)]
pub struct ServerTls(TlsAcceptor);

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls")
    }
}

impl ServerTls {
    /// Reads a certificate, with those that lead to it, and its private key, both in PEM.
    ///
    /// # Errors
    /// When a file cannot be read, holds none, or the two do not belong together. Nothing of the key is in the error.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<ServerTls> {
        let bad = |path: &Path, why: &str| Error::config(why.to_owned()).with_path(path);
        let chain: std::result::Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let chain = chain.map_err(|_| bad(certificate, "there is no certificate in PEM to be read"))?;
        if chain.is_empty() {
            return Err(bad(certificate, "there is no certificate in PEM to be read"));
        }
        let own =
            PrivateKeyDer::from_pem_file(key).map_err(|_| bad(key, "there is no private key in PEM to be read"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| bad(certificate, "TLS cannot be had"))?
            .with_no_client_auth()
            .with_single_cert(chain, own);
        let mut config = config.map_err(|_| bad(key, "this key is not the certificate's"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(ServerTls(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.0
    }
}
