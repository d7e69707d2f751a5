//! `[remote_sampling]`: where SDKs ask what to keep.

use std::net::SocketAddr;

use serde::Deserialize;

use super::metrics::address;

/// `[remote_sampling]`: where SDKs ask what to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteSampling {
    /// An address on the loopback; none for no such endpoint.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
}
