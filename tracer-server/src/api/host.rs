//! Whose name a request goes by.
//!
//! A server without a token listens on the loopback, where every page that a browser on this host shows could ask it, if its own name led here (DNS
//! rebinding). The browser sends that name in `Host`, which a page cannot change.

use std::{net::IpAddr, sync::Arc};

/// The names that a server goes by.
#[derive(Clone, Debug)]
pub(crate) enum Hosts {
    /// Any: a token is asked for, which no other page has.
    Any,
    /// `localhost`, addresses, and these, in lower case.
    Local(Arc<[String]>),
}

impl Hosts {
    /// Of a server with or without a token, which also goes by these names.
    pub(crate) fn new(token: bool, names: &[String]) -> Self {
        if token {
            Self::Any
        } else {
            Self::Local(names.iter().map(|name| name.to_ascii_lowercase()).collect())
        }
    }

    /// Whether a request with this `Host` (or `:authority`) is for this server. Without one it comes from no browser.
    pub(crate) fn allow(&self, host: Option<&str>) -> bool {
        let (Self::Local(names), Some(host)) = (self, host) else { return true };
        names_this_host(host) || names.contains(&name_of(host))
    }
}

/// Whether a `Host` is no name that somebody else can have lead here: an address, or a name of this host alone (RFC 6761, section 6.3).
pub fn names_this_host(host: &str) -> bool {
    let name = name_of(host);
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

/// The name or address in a `Host`, in lower case, without port and brackets.
fn name_of(host: &str) -> String {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_others_can_give_are_refused() {
        let hosts = Hosts::new(false, &["Traces.example".to_owned()]);
        let good = [
            "localhost",
            "LocalHost:16686",
            "tracer.localhost:1",
            "127.0.0.1:16686",
            "[::1]:16686",
            "traces.example:443",
            "localhost.",
        ];
        for host in good {
            assert!(hosts.allow(Some(host)), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:16686", "", "notlocalhost"]
        {
            assert!(!hosts.allow(Some(host)), "{host}");
        }
        assert!(hosts.allow(None));
        assert!(Hosts::new(true, &[]).allow(Some("evil.example")));
    }
}
