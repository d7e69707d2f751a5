//! `[kubernetes]`: what the API server knows of pods.

use serde::Deserialize;

/// `[kubernetes]`: what the API server knows of pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kubernetes {
    /// Whether it is asked.
    pub enabled: bool,
    /// Name of the node whose pods are watched.
    pub node: String,
    /// Labels of pods that become attributes.
    pub labels: Vec<String>,
}
