//! A page of another site whose name leads here learns nothing (DNS rebinding).

use crate::support::{Running, exchange};

#[test]
fn queries_by_another_name_are_refused() {
    let server = Running::start(|settings| settings.hosts = vec!["traces.example".to_owned()]);
    let status =
        |address, path: &str, host: &str| exchange(address, "GET", path, &[("host", host)], &[]).status;
    let query = server.addresses.query;
    let paths =
        ["/api/v1/traces", "/api/services", "/tempo/api/echo", "/zipkin/api/v2/services", "/", "/page.js"];
    for path in paths {
        assert_eq!(status(query, path, "evil.example"), 403, "{path}");
        for host in ["localhost:16686", "127.0.0.1", "[::1]:16686", "TRACES.example"] {
            assert_ne!(status(query, path, host), 403, "{path} {host}");
        }
    }
    assert_eq!(status(server.addresses.zipkin.unwrap(), "/api/v2/services", "evil.example"), 403);
    let refused = exchange(query, "GET", "/api/v1/traces", &[("host", "evil.example")], &[]).json();
    assert_eq!(refused["error"]["reason"], "other_host");
}

/// Whoever has the token is no page of another site.
#[test]
fn with_a_token_any_name_will_do() {
    let server = Running::start(|settings| settings.token = Some("secret".to_owned()));
    let headers = [("host", "tracer.example"), ("authorization", "Bearer secret")];
    assert_eq!(exchange(server.addresses.query, "GET", "/api/v1/traces", &headers, &[]).status, 200);
}
