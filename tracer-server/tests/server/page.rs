//! The page at `/`.

use crate::support::{Running, now_ns, of_service, request, span, trace_hex};

#[test]
fn spans_cannot_put_anything_into_the_page() {
    let server = Running::start(|_| {});
    let hostile = "<script>alert('x')</script>\"onmouseover=\"x&";
    server.send(request(vec![of_service(hostile, vec![span(1, 1, 0, hostile, now_ns(), 0, 1)])]));
    let response = server.get("/", &[]);
    let page = response.text();
    assert!(page.contains(&trace_hex(1)), "{page}");
    assert!(!page.contains("<script") && !page.contains("\"onmouseover"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;onmouseover"), "{page}");
    let policy = response.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[test]
fn without_traces_the_page_says_what_to_do() {
    let server = Running::start(|_| {});
    let page = server.get("/", &[]).text();
    assert!(page.contains("There are none. Send OTLP to port 4317"), "{page}");
    // Every path that it names is there.
    for link in page.split("href=\"").skip(1) {
        let path = link.split('"').next().unwrap();
        assert_eq!(server.get(path, &[]).status, 200, "{path}");
    }
}
