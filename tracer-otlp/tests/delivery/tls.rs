//! TLS: a private authority, a client certificate, and files that are not what they should be.

use crate::{
    backend::{GrpcBackend, HttpBackend},
    credentials::Credentials,
    support::{batch, eventually, finish, free_address, names, settings_for, start},
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{sync::Arc, time::Duration};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use tracer_otlp::{Exporter, Headers, Protocol, Settings, Stats};

/// A gRPC server's side; it wants a client certificate.
fn grpc_server(credentials: &Credentials) -> ServerTlsConfig {
    let (certificate, key) = &credentials.server;
    ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(&credentials.authority))
}

/// An HTTP server's side; it wants a client certificate if `mutual`.
fn http_server(credentials: &Credentials, mutual: bool) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if mutual {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(credentials.authority.as_bytes()).unwrap()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let (certificate, key) = &credentials.server;
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    builder.with_single_cert(vec![certificate], key).unwrap()
}

fn trusting(settings: &mut Settings, credentials: &Credentials) {
    settings.certificate = Some(credentials.file("ca.pem", &credentials.authority));
}

fn identified(settings: &mut Settings, credentials: &Credentials) {
    settings.client_certificate = Some(credentials.file("client.pem", &credentials.client.0));
    settings.client_key = Some(credentials.file("client.key", &credentials.client.1));
}

#[test]
fn grpc_over_mutual_tls_with_a_private_authority() {
    let credentials = Credentials::new();
    let backend = GrpcBackend::start_at(free_address(), Vec::new(), Some(grpc_server(&credentials)));
    let url = format!("https://localhost:{}", backend.address.port());
    let mut settings = settings_for(Protocol::Grpc, &url);
    trusting(&mut settings, &credentials);
    identified(&mut settings, &credentials);
    settings.headers = Headers::parse("authorization=Bearer%20token").unwrap();
    let (exporter, _) = start(settings);
    exporter.offer(batch(&["a"])).unwrap();
    finish(exporter);
    let seen = backend.desk.seen();
    assert_eq!(names(&seen), ["a"]);
    assert_eq!(seen[0].header("authorization"), "Bearer token");
}

#[test]
fn http_over_tls_with_a_private_authority() {
    let credentials = Credentials::new();
    for mutual in [false, true] {
        let server = http_server(&credentials, mutual);
        let backend = HttpBackend::start_at(free_address(), Vec::new(), Some(server));
        // An address works as well as a name if the certificate holds it.
        let mut settings = settings_for(Protocol::HttpProtobuf, &format!("https://{}", backend.address));
        trusting(&mut settings, &credentials);
        if mutual {
            identified(&mut settings, &credentials);
        }
        let (exporter, _) = start(settings);
        exporter.offer(batch(&["a"])).unwrap();
        finish(exporter);
        assert_eq!(names(&backend.desk.seen()), ["a"]);
    }
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    let (ours, theirs) = (Credentials::new(), Credentials::new());
    let backend = HttpBackend::start_at(free_address(), Vec::new(), Some(http_server(&theirs, false)));
    for certificate in [None, Some(ours.file("ca.pem", &ours.authority))] {
        let mut settings = settings_for(Protocol::HttpProtobuf, &format!("https://{}", backend.address));
        settings.certificate = certificate;
        let (exporter, stats) = start(settings);
        exporter.offer(batch(&["a"])).unwrap();
        eventually("the attempt has failed", || stats.snapshot().failing);
        let error = stats.snapshot().last_error.unwrap().text;
        assert!(error.contains("invalid peer certificate"), "{error}");
        exporter.shutdown(Duration::ZERO);
    }
    assert!(backend.desk.seen().is_empty());
}

#[test]
fn a_missing_client_certificate_is_told() {
    let credentials = Credentials::new();
    let backend = HttpBackend::start_at(free_address(), Vec::new(), Some(http_server(&credentials, true)));
    let mut settings = settings_for(Protocol::HttpProtobuf, &format!("https://{}", backend.address));
    trusting(&mut settings, &credentials);
    let (exporter, stats) = start(settings);
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the attempt has failed", || stats.snapshot().failing);
    exporter.shutdown(Duration::ZERO);
    assert!(backend.desk.seen().is_empty());
}

#[test]
fn unusable_files_are_named_at_start() {
    let credentials = Credentials::new();
    let text = credentials.file("text.pem", "not PEM");
    let broken =
        credentials.file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let missing = text.with_file_name("missing.pem");
    let certificate = credentials.file("client.pem", &credentials.client.0);
    let other_key = credentials.file("other.key", &credentials.server.1);
    let base = || settings_for(Protocol::Grpc, "https://localhost:4317");
    let with_authority = |path| Settings { certificate: Some(path), ..base() };
    let with_identity =
        |certificate, key| Settings { client_certificate: Some(certificate), client_key: key, ..base() };
    for (settings, words) in [
        (with_authority(missing), ["certificate file", "missing.pem"]),
        (with_authority(text.clone()), ["no certificate was found", "text.pem"]),
        (with_authority(broken), ["certificate file", "broken.pem"]),
        (with_identity(certificate.clone(), Some(text.clone())), ["private key", "text.pem"]),
        (with_identity(text, Some(other_key.clone())), ["client certificate", "text.pem"]),
        (with_identity(certificate.clone(), Some(other_key)), ["client.pem", "other.key"]),
        (with_identity(certificate, None), ["certificate file", "key file"]),
    ] {
        let error =
            Exporter::start(settings, Arc::new(Stats::default())).err().expect("an error").to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
}

#[test]
fn files_are_not_read_for_plain_text() {
    let mut settings = settings_for(Protocol::Grpc, "http://localhost:4317");
    settings.certificate = Some("/nonexistent/ca.pem".into());
    finish(start(settings).0);
}
