//! What Kubernetes knows of the containers of this node: pod, namespace, workload, labels.
//!
//! A thread lists the pods of the node at the API server and watches them from there on; whoever has a container's id asks
//! [`Pods::container`], which never waits. Failures are tried again with growing pauses, and what was known stays known.
//! A client of a few hundred lines on the HTTP and TLS that the exporter is made of, in place of the `kube` crates, which bring
//! their own generated types of the whole API.

#![forbid(unsafe_code)]

mod client;
mod pod;
mod settings;
mod store;
mod watch;

pub use crate::{
    client::ClientError,
    settings::{Settings, SettingsError},
    store::{Container, Pods},
    watch::{Stats, Watcher},
};
