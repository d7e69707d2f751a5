//! Ids that a request keeps on its way: `X-Request-ID` and the like. They name no span, but a service that passes one on says which
//! request its call is for.

/// The headers that most proxies and frameworks use: Envoy and many frameworks the first
/// (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-request-id>), others the second. No standard has them.
pub const REQUEST_IDS: [&str; 2] = ["x-request-id", "x-correlation-id"];

/// Shorter values are numbers that are soon another request's.
const MIN: usize = 8;
/// Longer ones are no ids.
const MAX: usize = 256;

/// Whether a value may be the id of one request alone.
pub(super) fn is_id(value: &str) -> bool {
    (MIN..=MAX).contains(&value.len())
        && value.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_alphabetic())
}
