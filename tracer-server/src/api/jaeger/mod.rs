//! Jaeger's HTTP API: the paths that its page and Grafana use (v1), and the stable v3.
//!
//! Shapes: jaeger, `cmd/query/app/http_handler.go`, `model/json/model.go` and `proto/api_v3/query_service.proto`.

mod v1;
mod v3;

use std::sync::Arc;

use axum::Router;

use super::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    v1::routes().merge(v3::routes())
}
