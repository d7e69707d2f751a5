//! How a gRPC call ended, by the semantic conventions for gRPC 1.44.

use std::sync::{Arc, LazyLock};

use super::{
    exchange::Exchange,
    render::Attributes,
    span::{SpanKind, Value},
};

/// The name of a call whose method is not known: `rpc.system.name`, as the conventions say.
pub(super) fn bare() -> Arc<str> {
    static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "grpc".into());
    NAME.clone()
}

/// Status and error. Returns whether the span failed.
///
/// A status that no trailers carried is left out: what the library made of a broken connection, its peer did not say.
pub(super) fn outcome(attributes: &mut Attributes, exchange: &Exchange) -> bool {
    let status = exchange.response.and_then(|response| response.grpc);
    if let Some(status) = status {
        attributes.put("rpc.status_code", Value::Static(status.name()));
        let failed = if exchange.kind == SpanKind::Server {
            status.is_server_error()
        } else {
            status.is_client_error()
        };
        if failed {
            attributes.put("error.type", Value::Static(status.name()));
        }
        return failed;
    }
    if let Some(failure) = exchange.failure {
        attributes.put("error.type", Value::Static(failure.error_type()));
        return true;
    }
    match exchange.response {
        // What stands in front of the server refused the call (`doc/http-grpc-status-mapping.md`).
        Some(response) if response.status != 200 => {
            attributes.put("error.type", Value::Str(response.status.to_string().into()));
            true
        }
        _ => false,
    }
}
