//! The routes, and how a question is put to the store.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{Request, State},
    http::header,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tokio::sync::Semaphore;

use super::{error::ApiError, host::Hosts, jaeger, own, page, tempo, zipkin};
use crate::{agents::Agents, alerts::Engine, counters::Counters, query::Deadline, store::Store};

/// Longest that a question is worked on; what is found by then is the answer, marked as partial.
const PATIENCE: Duration = Duration::from_secs(10);

/// Questions that are worked on at once: what each may hold in memory is bounded, and so is their sum.
const AT_ONCE: usize = 4;

/// What every handler has.
pub(crate) struct App {
    pub(crate) store: Arc<Store>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) alerts: Arc<Engine>,
    pub(crate) agents: Arc<Agents>,
    turns: Semaphore,
    token: Option<Arc<str>>,
    hosts: Hosts,
}

impl App {
    pub(crate) fn new(
        store: Arc<Store>,
        counters: Arc<Counters>,
        alerts: Arc<Engine>,
        agents: Arc<Agents>,
        token: Option<Arc<str>>,
        hosts: Hosts,
    ) -> Self {
        Self { store, counters, alerts, agents, turns: Semaphore::new(AT_ONCE), token, hosts }
    }

    /// Puts a question to the store, away from the threads that serve connections.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Store, Deadline) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        let _turn = turn.ok().and_then(Result::ok).ok_or(ApiError::Busy)?;
        let store = Arc::clone(&self.store);
        let deadline = Deadline(Some(Instant::now() + PATIENCE));
        let answer = tokio::task::spawn_blocking(move || question(&store, deadline)).await;
        answer.map_err(|_| ApiError::Failed)
    }
}

/// Nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64)
}

/// Every route of the query API, and the page.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(own::routes())
        .merge(jaeger::routes())
        .merge(tempo::routes())
        .nest("/zipkin", zipkin::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), authorize))
        // Behind the layer, so without the token: see there.
        .merge(page::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), look_at_host))
        .with_state(app)
}

/// Zipkin's API alone, where its clients look for it.
pub(crate) fn zipkin_router(app: Arc<App>) -> Router {
    zipkin::routes()
        .layer(middleware::from_fn_with_state(Arc::clone(&app), authorize))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), look_at_host))
        .with_state(app)
}

async fn look_at_host(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::HOST).map(header::HeaderValue::as_bytes);
    let host =
        header.map(String::from_utf8_lossy).or_else(|| Some(request.uri().authority()?.as_str().into()));
    if app.hosts.allow(host.as_deref()) {
        next.run(request).await
    } else {
        ApiError::OtherHost(host.unwrap_or_default().into_owned()).into_response()
    }
}

async fn authorize(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes);
    if crate::token::is_good(app.token.as_deref(), header) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}
