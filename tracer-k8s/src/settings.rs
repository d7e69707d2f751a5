//! Where the API server is, and who asks.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use hyper::Uri;
use thiserror::Error;

/// Where every pod finds its service account (Kubernetes: "Accessing the Kubernetes API from a Pod").
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What is watched, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://10.0.0.1:443`, without a path.
    pub server: Uri,
    /// The file of the bearer token. Read for each request, since the kubelet renews it.
    pub token: Option<PathBuf>,
    /// The file of the authorities that may vouch for the server, in PEM.
    pub authorities: Option<PathBuf>,
    /// Only pods of this node.
    pub node: String,
    /// Labels of pods that become `k8s.pod.label.<key>`.
    pub labels: Vec<String>,
    /// The first pause after a failure; it doubles up to a minute.
    pub pause: Duration,
}

/// The settings make no sense.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// This is no pod.
    #[error(
        "The variables KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: the tracer does not run in a pod. \
         Set kubernetes.enabled = false."
    )]
    NoPod,
    /// The node's name is not known.
    #[error(
        "The node's name is not known. Set kubernetes.node, or TRACER_KUBERNETES_NODE to the pod's spec.nodeName as \
         deploy/kubernetes/daemonset.yaml does."
    )]
    NoNode,
    /// The address is none.
    #[error("The API server's address {0:?} is none: {1}.")]
    Address(String, hyper::http::uri::InvalidUri),
}

impl Settings {
    /// Those of a pod, from the variables that the kubelet sets.
    pub fn of_this_pod(
        node: &str,
        labels: Vec<String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let host = set("KUBERNETES_SERVICE_HOST").ok_or(SettingsError::NoPod)?;
        let port = set("KUBERNETES_SERVICE_PORT").ok_or(SettingsError::NoPod)?;
        if node.is_empty() {
            return Err(SettingsError::NoNode);
        }
        // RFC 3986, section 3.2.2: addresses of IPv6 stand in brackets.
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let address = format!("https://{host}:{port}");
        let server = address.parse().map_err(|error| SettingsError::Address(address, error))?;
        Ok(Self {
            server,
            token: Some(Path::new(ACCOUNT).join("token")),
            authorities: Some(Path::new(ACCOUNT).join("ca.crt")),
            node: node.to_owned(),
            labels,
            pause: Duration::from_secs(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_variables_are_enough() {
        let variables = |host: &'static str| {
            move |name: &str| match name {
                "KUBERNETES_SERVICE_HOST" => Some(host.to_owned()),
                "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
                _ => None,
            }
        };
        let server =
            |host| Settings::of_this_pod("n", vec![], variables(host)).map(|it| it.server.to_string());
        assert_eq!(server("10.0.0.1").unwrap(), "https://10.0.0.1:443/");
        assert_eq!(server("fd00::1").unwrap(), "https://[fd00::1]:443/");
        assert!(matches!(server("a b"), Err(SettingsError::Address(..))));
        assert!(matches!(Settings::of_this_pod("n", vec![], |_| None), Err(SettingsError::NoPod)));
        assert!(matches!(Settings::of_this_pod("", vec![], variables("x")), Err(SettingsError::NoNode)));
    }
}
