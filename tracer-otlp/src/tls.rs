//! The TLS set-up: rustls with ring, the host's certificate authorities or a given one, and a client certificate.

use crate::settings::Settings;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use thiserror::Error;

/// Largest PEM file read, in bytes; a host's whole bundle of authorities is about 220 KiB.
const LARGEST_FILE: u64 = 4 << 20;

/// A certificate or key that cannot be used. The messages are complete: causes are part of them, not behind `source()`.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// The file cannot be read.
    #[error("The {what} {path} cannot be read: {problem}.")]
    Read {
        /// Which setting named it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// The file is not what it should be.
    #[error("The {what} {path} holds no usable PEM {expected}: {problem}.")]
    Content {
        /// Which setting named it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        expected: &'static str,
        /// What was found.
        problem: String,
    },
    /// Certificate and key do not belong together, or are of an unsupported kind.
    #[error("The client certificate {certificate} cannot be used with the key {key}: {problem}.")]
    Identity {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// Why.
        problem: rustls::Error,
    },
    /// A client certificate without a key, or the other way round.
    #[error("A client certificate needs both a certificate file and a key file, but only one is set.")]
    HalfIdentity,
    /// The TLS library cannot be set up.
    #[error("TLS cannot be set up: {0}.")]
    Setup(rustls::Error),
}

/// Builds the client's side of TLS. Files are read only if the endpoint is `https`.
pub(crate) fn client_config(settings: &Settings) -> Result<ClientConfig, CredentialError> {
    let tls = settings.endpoint.is_tls();
    let roots = match &settings.certificate {
        _ if !tls => RootCertStore::empty(),
        Some(path) => given_roots(path)?,
        None => host_roots(),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(CredentialError::Setup)?
        .with_root_certificates(roots);
    match (&settings.client_certificate, &settings.client_key) {
        _ if !tls => Ok(builder.with_no_client_auth()),
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(chain("client certificate", certificate)?, private_key(key)?)
            .map_err(|problem| CredentialError::Identity {
                certificate: certificate.clone(),
                key: key.clone(),
                problem,
            }),
        _ => Err(CredentialError::HalfIdentity),
    }
}

fn given_roots(path: &Path) -> Result<RootCertStore, CredentialError> {
    let what = "certificate file";
    let mut roots = RootCertStore::empty();
    for certificate in chain(what, path)? {
        roots.add(certificate).map_err(|problem| CredentialError::Content {
            what,
            path: path.to_owned(),
            expected: "certificate",
            problem: problem.to_string(),
        })?;
    }
    Ok(roots)
}

/// The authorities that this host trusts, else (in a bare container) Mozilla's list as compiled in.
fn host_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn chain(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let text = read(what, path)?;
    let certificates: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    let problem = match certificates {
        Ok(certificates) if certificates.is_empty() => "no certificate was found".to_owned(),
        Ok(certificates) => return Ok(certificates),
        Err(error) => error.to_string(),
    };
    Err(CredentialError::Content { what, path: path.to_owned(), expected: "certificate", problem })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialError> {
    let what = "client key";
    let text = read(what, path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| CredentialError::Content {
        what,
        path: path.to_owned(),
        expected: "private key",
        problem: error.to_string(),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, CredentialError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE).read_to_end(&mut text))
        .map_err(|problem| CredentialError::Read { what, path: path.to_owned(), problem })?;
    Ok(text)
}
