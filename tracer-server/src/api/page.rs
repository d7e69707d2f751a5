//! `GET /`: what there is, as plain HTML without scripts.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};

use super::{app::App, app::now_ns, error::ApiError};
use crate::{
    analysis::{Summary, summarise, traces},
    query::{Filter, Search},
    spans::TraceId,
};

/// Traces that are listed.
const LISTED: usize = 20;

/// How far back the list goes, nanoseconds.
const RECENT_NS: u64 = 3_600_000_000_000;

/// Nothing is loaded from anywhere and nothing runs, whatever the spans say.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'";

/// The paths that the page names, with what they answer.
const PATHS: [(&str, &str); 8] = [
    (
        "/api/v1/traces",
        "Recent traces; by service, operation, min_duration, max_duration, error, tag, start, end",
    ),
    ("/api/v1/services", "Services and their operations"),
    ("/api/v1/status", "What was taken and what was lost, by reason"),
    ("/api/services", "Jaeger's API, version 1"),
    ("/api/v3/services", "Jaeger's API, version 3"),
    ("/api/dependencies", "Which service calls which, as Jaeger has it"),
    ("/api/search", "Tempo's search; all of Tempo's API is under /tempo"),
    ("/api/echo", "Whether Tempo's API is here"),
];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/", get(page))
}

async fn page(State(app): State<Arc<App>>) -> Result<impl IntoResponse, ApiError> {
    let now = now_ns();
    let range = now.saturating_sub(RECENT_NS)..now.saturating_add(RECENT_NS);
    let filter = Filter { start_ns: range, conditions: Vec::new() };
    let search = Search { filter, limit: LISTED, count: false };
    let summaries = app
        .ask(move |store, deadline| {
            let found = store.find(&search, deadline);
            let ids: Vec<TraceId> = found.traces.iter().map(|trace| trace.trace_id).collect();
            let spans = store.traces(&ids, deadline).spans;
            let mut summaries: Vec<Summary> = traces(&spans).iter().map(summarise).collect();
            summaries.reverse();
            summaries
        })
        .await?;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, Html(render(&summaries))))
}

fn render(summaries: &[Summary]) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>tracer</title>\
         <style>body{font-family:sans-serif;margin:2rem;color-scheme:light dark}\
         td,th{text-align:left;padding:.2rem .8rem .2rem 0}</style><h1>tracer</h1><h2>Traces of the last hour</h2>",
    );
    if summaries.is_empty() {
        html += "<p>There are none. Send OTLP to port 4317 (gRPC) or 4318 (HTTP), or start <code>tracer run</code> and make a request \
                 to any service on this host.</p>";
    } else {
        html += "<table><tr><th>Trace<th>Service<th>Name<th>Duration<th>Spans<th>Errors";
    }
    for summary in summaries {
        // Writing to a String cannot fail.
        let _ = write!(
            html,
            "<tr><td><a href=\"/api/v1/traces/{id}\">{id}</a><td>{service}<td>{name}<td>{ms:.1} ms<td>{spans}<td>{errors}",
            id = escape(&summary.trace_id),
            service = escape(&summary.root_service),
            name = escape(&summary.root_name),
            ms = summary.duration_ns as f64 / 1e6,
            spans = summary.spans,
            errors = summary.errors,
        );
    }
    if !summaries.is_empty() {
        html += "</table>";
    }
    html += "<h2>What can be asked</h2><table>";
    for (path, what) in PATHS {
        let _ = write!(html, "<tr><td><a href=\"{path}\">{path}</a><td>{what}");
    }
    html + "</table></html>"
}

/// Text from spans as text of a page, also within quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}
