//! The page, as `build.rs` found it: a few files that never change while the program runs.
//!
//! They hold no data, so they are served without the token: the page itself asks for it and sends it with each question.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// Names and contents.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page itself.
const INDEX: &str = "index.html";

/// Where the page is found: it looks at the address and shows what belongs there. `/trace/{id}` and `/search` are as in Jaeger's page, so its
/// links lead here.
const VIEWS: [&str; 9] =
    ["/", "/search", "/trace/{id}", "/compare", "/map", "/operations", "/live", "/alerts", "/status"];

/// Nothing from elsewhere is loaded or asked, only the page's own file runs, and no text can become markup or code (Content Security Policy
/// Level 3; Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let views = VIEWS.iter().map(|view| ((*view).to_owned(), INDEX));
    let parts = FILES.iter().filter(|(name, _)| *name != INDEX).map(|(name, _)| (format!("/{name}"), *name));
    views.chain(parts).fold(Router::new(), |router, (path, name)| {
        router.route(&path, get(async move |request: HeaderMap| file(name, &request)))
    })
}

/// A file, unless the client has it already.
fn file(name: &str, request: &HeaderMap) -> Response {
    let Some((_, content)) = FILES.iter().find(|(file, _)| *file == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{:08x}\"", crc32fast::hash(content));
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, content_type(name)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, &tag),
    ];
    if known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, Bytes::from_static(content)).into_response()
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
