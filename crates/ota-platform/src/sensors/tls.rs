//! TLS to a source, set up from files that are read at each connection.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whom to trust, and how to prove who the gateway is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM certificates of those who may sign the peer's; the system's where there is none.
    pub ca: Option<PathBuf>,
    /// The gateway's own PEM certificate chain and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// TLS 1.2 and 1.3; or a clause that says which file cannot be used.
    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, String> {
        let roots = match &self.ca {
            Some(path) => trusted(path)?,
            None => system_roots()?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be used: {error}"))?
            .with_root_certificates(roots);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let secret = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!("the file {} holds no usable key: {error}", key.display()))?;
                builder.with_client_auth_cert(certificates(certificate)?, secret).map_err(|error| {
                    format!("the certificate {} cannot be used with its key: {error}", certificate.display())
                })?
            }
        };
        Ok(Arc::new(config))
    }
}

fn trusted(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| format!("the file {} holds an unusable certificate: {error}", path.display()))?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err("this system trusts no certificate authority".to_owned()) } else { Ok(roots) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("the file {} holds no certificate", path.display())),
        Err(error) => Err(format!("the file {} holds no usable certificate: {error}", path.display())),
    }
}
