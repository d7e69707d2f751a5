//! Spans as they come in: server-sent events (WHATWG HTML, section 9.2).

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::super::{app::App, error::ApiError, params::Params};
use crate::store::{LiveBatch, LiveSpan};

/// Watchers at once.
const WATCHERS: usize = 32;

/// Events that wait for a slow connection.
const BACKLOG: usize = 64;

/// Something is sent at least this often, so that dead connections are noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) async fn live(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let service = params.get("service").map(str::to_owned);
    let errors_only = params.flag("error")?;
    let longer_than = params.duration("min_duration")?.unwrap_or(0);
    let is_wanted = move |span: &LiveSpan| {
        service.as_ref().is_none_or(|service| *service == span.service)
            && (span.is_error || !errors_only)
            && span.duration_ns >= longer_than
    };
    let batches = app.store.watch(WATCHERS).ok_or(ApiError::Busy)?;
    let (sender, body) = Channel::<Bytes>::new(BACKLOG);
    tokio::spawn(send(batches, sender, is_wanted));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(body)).into_response())
}

/// Sends until the client is gone, or the server.
async fn send(
    mut batches: Receiver<Arc<LiveBatch>>,
    mut sender: Sender<Bytes>,
    is_wanted: impl Fn(&LiveSpan) -> bool,
) {
    // Says at once that it works.
    let mut text = ": spans as they come in\n\n".to_owned();
    loop {
        if !text.is_empty() && sender.send_data(Bytes::from(std::mem::take(&mut text))).await.is_err() {
            return;
        }
        match tokio::time::timeout(HEARTBEAT, batches.recv()).await {
            Ok(Ok(batch)) => {
                for span in batch.spans.iter().filter(|span| is_wanted(span)) {
                    text.push_str("event: span\ndata: ");
                    text.push_str(&span.json);
                    text.push_str("\n\n");
                }
                if batch.left_out > 0 {
                    text.push_str(&left_out("spans", batch.left_out as u64));
                }
            }
            Ok(Err(RecvError::Lagged(batches))) => {
                text.push_str(&left_out("batches", batches));
            }
            Ok(Err(RecvError::Closed)) => return,
            Err(_) => text.push_str(":\n\n"),
        }
    }
}

/// The event that says how much was too much.
fn left_out(what: &str, count: u64) -> String {
    format!("event: left_out\ndata: {{\"{what}\":{count}}}\n\n")
}
