//! TLS on every port.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring, pki_types::CertificateDer,
};
use tonic::transport::{Certificate, Channel, ClientTlsConfig};
use tracer_server::{Server, StartError, TlsFiles};

use crate::support::{Running, block_on, now_ns, settings, shop_trace, trace_hex};

/// A certificate of `localhost`, in files.
fn files(directory: &Path) -> (TlsFiles, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (files, made)
}

/// The answer to a GET over TLS, for a client that trusts this certificate.
fn get(address: SocketAddr, path: &str, trusted: &CertificateDer<'static>) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn spans_come_in_and_answers_go_out_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let (files, made) = files(directory.path());
    let server = Running::start(|settings| settings.tls = Some(files));
    // Clients that say nothing hold up nobody.
    let _silent: Vec<TcpStream> =
        (0..30).map(|_| TcpStream::connect(server.addresses.query).unwrap()).collect();
    block_on(async {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(made.cert.pem()))
            .domain_name("localhost");
        let endpoint = Channel::from_shared(format!("https://{}", server.addresses.otlp_grpc)).unwrap();
        let channel = endpoint.tls_config(tls).unwrap().connect().await.expect("a handshake");
        TraceServiceClient::new(channel).export(shop_trace(now_ns())).await.expect("accepted");
    });
    let path = format!("/api/v1/traces/{}", trace_hex(1));
    let answer = get(server.addresses.query, &path, made.cert.der());
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("GET /cart"), "{answer}");
    let answer = get(server.addresses.zipkin.unwrap(), "/health", made.cert.der());
    assert!(answer.contains("UP"), "{answer}");
    // In clear there is no answer.
    let mut clear = TcpStream::connect(server.addresses.query).unwrap();
    clear.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = clear.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |change: &dyn Fn(&mut TlsFiles)| -> String {
        let (mut files, _) = files(directory.path());
        change(&mut files);
        let mut settings = settings(directory.path());
        settings.tls = Some(files);
        match block_on(Server::bind(settings)) {
            Err(error @ StartError::Tls(_)) => error.to_string(),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it starts"),
        }
    };
    let missing = refused(&|files| files.key = directory.path().join("none"));
    assert!(missing.contains("none") && missing.contains("PEM"), "{missing}");
    let empty = refused(&|files| std::fs::write(&files.certificate, "").unwrap());
    assert!(empty.contains("certificate"), "{empty}");
    let other = refused(&|files| {
        let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
        std::fs::write(&files.key, other.signing_key.serialize_pem()).unwrap();
    });
    assert!(other.contains("The certificate and the key"), "{other}");
}
