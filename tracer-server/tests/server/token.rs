//! Who may come in.

use std::net::SocketAddr;

use prost::Message as _;
use tonic::{Code, Request, metadata::MetadataValue};
use tracer_server::{Server, Settings};

use crate::support::{Running, block_on, grpc_client, now_ns, settings, shop_trace};

#[test]
fn beyond_loopback_a_token_is_needed() {
    let open = SocketAddr::from(([0, 0, 0, 0], 0));
    let changes: [fn(&mut Settings, SocketAddr); 3] = [
        |settings, address| settings.otlp_grpc = address,
        |settings, address| settings.otlp_http = address,
        |settings, address| settings.query = address,
    ];
    for change in changes {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(directory.path());
        change(&mut settings, open);
        let error = block_on(Server::bind(settings.clone())).err().expect("refused").to_string();
        assert!(error.contains("can be reached from other hosts, and there is no token"), "{error}");
        settings.token = Some("secret".to_owned());
        assert!(block_on(Server::bind(settings)).is_ok());
    }
}

#[test]
fn without_the_token_nothing_is_taken_and_nothing_told() {
    let server = Running::start(|settings| settings.token = Some("secret".to_owned()));
    let sent = shop_trace(now_ns());
    let body = sent.encode_to_vec();
    let protobuf = ("content-type", "application/x-protobuf");
    for (header, status) in [("Bearer wrong", 401), ("Basic secret", 401), ("Bearer secret", 200)] {
        let authorization = ("authorization", header);
        assert_eq!(server.post(&[protobuf, authorization], &body).status, status, "{header}");
        for path in ["/api/services", "/api/v3/services", "/tempo/api/echo", "/api/v1/traces"] {
            assert_eq!(server.get(path, &[authorization]).status, status, "{header} {path}");
        }
    }
    block_on(async {
        let mut client = grpc_client(server.addresses.otlp_grpc).await;
        let refused = client.export(sent.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let mut request = Request::new(sent);
        request.metadata_mut().insert("authorization", MetadataValue::from_static("Bearer secret"));
        client.export(request).await.expect("accepted");
    });
    let status = server.get("/api/v1/status", &[("authorization", "Bearer secret")]).json();
    let refused =
        status["spans"]["losses"].as_array().unwrap().iter().find(|loss| loss["reason"] == "unauthorized");
    assert_eq!(
        (status["spans"]["accepted"].as_u64(), refused.unwrap()["count"].as_u64()),
        (Some(6), Some(3))
    );
}
