//! The routes, and how a question is put to the store.

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderValue,
        header::{self, HeaderName},
    },
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tokio::sync::Semaphore;

use super::{error::ApiError, host::Hosts, jaeger, own, page, tempo, zipkin};
use crate::{agents::Agents, alerts::Engine, counters::Counters, query::Deadline, store::Store};

/// Longest that a question is worked on; what is found by then is the answer, marked as partial.
const PATIENCE: Duration = Duration::from_secs(10);

/// The header of every answer that may lack something: most of the APIs served here have no word for it.
const PARTIAL: HeaderName = HeaderName::from_static("x-tracer-partial");

tokio::task_local! {
    /// Whether what this request has been told so far may lack something.
    static IS_PARTIAL: Cell<bool>;
}

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
        question: impl FnOnce(&Store, &Deadline) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        let _turn = turn.ok().and_then(Result::ok).ok_or(ApiError::Busy)?;
        let store = Arc::clone(&self.store);
        let deadline = Deadline::after(PATIENCE);
        let asked = deadline.clone();
        let answer = tokio::task::spawn_blocking(move || question(&store, &asked)).await;
        if deadline.is_partial() {
            // Outside of a request nobody hears of it.
            let _ = IS_PARTIAL.try_with(|partial| partial.set(true));
        }
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
        .layer(middleware::from_fn(tell_partial))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), authorize))
        // Behind the layer, so without the token: see there.
        .merge(page::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), look_at_host))
        .with_state(app)
}

/// Zipkin's API alone, where its clients look for it.
pub(crate) fn zipkin_router(app: Arc<App>) -> Router {
    zipkin::routes()
        .layer(middleware::from_fn(tell_partial))
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

/// Says in a header of the answer whether it may lack something.
async fn tell_partial(request: Request, next: Next) -> Response {
    let answer = async {
        let mut response = next.run(request).await;
        if IS_PARTIAL.with(Cell::get) {
            response.headers_mut().insert(PARTIAL, HeaderValue::from_static("true"));
        }
        response
    };
    IS_PARTIAL.scope(Cell::new(false), answer).await
}

async fn authorize(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if crate::token::is_good(app.token.as_deref(), header) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}
