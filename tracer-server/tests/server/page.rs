//! The page. Whether it was built or a message is in its place, these hold for both; the page itself is tested in a browser (`web/test`).

use crate::support::{Response, Running};

/// Every address of the page.
const VIEWS: [&str; 8] = [
    "/",
    "/search?service=shop",
    "/trace/01010101010101010101010101010101",
    "/compare",
    "/map",
    "/operations",
    "/live",
    "/status",
];

fn policy(response: &Response) -> &str {
    response.header("content-security-policy").expect("a policy")
}

#[test]
fn each_view_is_the_same_page_and_may_load_nothing_from_elsewhere() {
    let server = Running::start(|_| {});
    let first = server.get("/", &[]).text();
    assert!(first.contains("<title>tracer</title>"), "{first}");
    for view in VIEWS {
        let response = server.get(view, &[]);
        assert_eq!(response.status, 200, "{view}");
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(response.text(), first, "{view}");
        let policy = policy(&response);
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    }
}

#[test]
fn whatever_the_page_names_is_there() {
    let server = Running::start(|_| {});
    let page = server.get("/", &[]).text();
    let named = ["href=\"", "src=\""].iter().flat_map(|attribute| page.split(attribute).skip(1));
    let mut count = 0;
    for rest in named {
        let path = rest.split('"').next().expect("a closing quote");
        let response = server.get(path, &[]);
        assert_eq!(response.status, 200, "{path}");
        count += 1;
    }
    assert!(count >= 3, "{page}");
}

#[test]
fn the_page_holds_no_data_and_needs_no_token() {
    let server = Running::start(|settings| settings.token = Some("secret".to_owned()));
    assert_eq!(server.get("/", &[]).status, 200);
    assert_eq!(server.get("/trace/01", &[]).status, 200);
    for path in ["/api/v1/traces", "/api/v1/live", "/api/services", "/tempo/api/echo"] {
        assert_eq!(server.get(path, &[]).status, 401, "{path}");
    }
}

#[test]
fn a_page_that_the_client_has_is_not_sent_again() {
    let server = Running::start(|_| {});
    let first = server.get("/", &[]);
    let tag = first.header("etag").expect("a tag");
    let again = server.get("/", &[("if-none-match", tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(server.get("/", &[("if-none-match", "\"0\"")]).status, 200);
}
