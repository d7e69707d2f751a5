//! A pod as the API server describes it (Kubernetes API, core/v1), as far as it is of use.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The annotation that sets an attribute, and the recommended labels: OpenTelemetry semantic conventions, "Specify resource
/// attributes using Kubernetes annotations".
const ANNOTATION: &str = "resource.opentelemetry.io/";

/// Longest value that is taken over, bytes. Kubernetes allows annotations of 256 KiB.
const MAX_VALUE: usize = 1024;
/// Most annotations of one pod that become attributes.
const MAX_ANNOTATIONS: usize = 64;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Pod {
    pub(crate) metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    name: String,
    namespace: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owner_references: Vec<Owner>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Owner {
    kind: String,
    name: String,
    uid: String,
    controller: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    start_time: String,
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    image: String,
    #[serde(rename = "containerID")]
    container_id: String,
    restart_count: u32,
}

/// An attribute of a resource.
pub(crate) type Attribute = (String, String);

impl Pod {
    /// Its containers: id, and what spans say of each.
    pub(crate) fn containers<'a>(
        &'a self,
        labels: &'a [String],
    ) -> impl Iterator<Item = (&'a str, Vec<Attribute>)> {
        let status = &self.status;
        let all = status.container_statuses.iter().chain(&status.init_container_statuses);
        all.chain(&status.ephemeral_container_statuses).filter_map(move |container| {
            // "containerd://4f5a...": the runtime, and what its cgroup is named by.
            let (_, id) = container.container_id.split_once("://")?;
            Some((id, self.attributes(container, labels)))
        })
    }

    /// Named as the collector's k8sattributes processor names them. What an annotation sets wins.
    fn attributes(&self, container: &ContainerStatus, labels: &[String]) -> Vec<Attribute> {
        let Metadata { name, namespace, uid, .. } = &self.metadata;
        let mut found = vec![
            ("k8s.namespace.name", namespace.clone()),
            ("k8s.pod.name", name.clone()),
            ("k8s.pod.uid", uid.clone()),
            ("k8s.pod.start_time", self.status.start_time.clone()),
            ("k8s.node.name", self.spec.node_name.clone()),
            ("k8s.container.name", container.name.clone()),
            ("k8s.container.restart_count", container.restart_count.to_string()),
        ];
        let (image, tag) = image(&container.image);
        found.push(("container.image.name", image.to_owned()));
        found.push(("container.image.tag", tag.to_owned()));
        found.extend(self.workload());
        found.push(("service.namespace", namespace.clone()));
        found.push(("service.name", self.service_name()));
        let mut attributes: Vec<Attribute> = found
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        for label in labels {
            if let Some(value) = self.metadata.labels.get(label) {
                attributes.push((format!("k8s.pod.label.{label}"), value.clone()));
            }
        }
        let annotated = self.metadata.annotations.iter();
        let annotated = annotated.filter_map(|(key, value)| Some((key.strip_prefix(ANNOTATION)?, value)));
        for (key, value) in annotated.filter(|(key, _)| !key.is_empty()).take(MAX_ANNOTATIONS) {
            let value = value[..value.floor_char_boundary(MAX_VALUE)].to_owned();
            match attributes.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => *known = value,
                None => attributes.push((key.to_owned(), value)),
            }
        }
        attributes
    }

    /// What the pod belongs to, from the name of its controller: the deployment of a replica set and the cron job of a job are
    /// in those names.
    fn workload(&self) -> Vec<(&'static str, String)> {
        let mut owners = self.metadata.owner_references.iter();
        let Some(owner) = owners.find(|owner| owner.controller) else { return Vec::new() };
        let (name, uid) = (owner.name.clone(), owner.uid.clone());
        match owner.kind.as_str() {
            "ReplicaSet" => {
                let mut found = vec![("k8s.replicaset.name", name), ("k8s.replicaset.uid", uid)];
                // The deployment controller names it "<deployment>-<pod-template-hash>".
                let hash = self.metadata.labels.get("pod-template-hash");
                let deployment =
                    hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
                found.extend(deployment.map(|name| ("k8s.deployment.name", name.to_owned())));
                found
            }
            "StatefulSet" => vec![("k8s.statefulset.name", name), ("k8s.statefulset.uid", uid)],
            "DaemonSet" => vec![("k8s.daemonset.name", name), ("k8s.daemonset.uid", uid)],
            "Job" => {
                // The cron job controller names it "<cron job>-<minutes since 1970>", eight digits in this century.
                let scheduled = owner.name.rsplit_once('-').filter(|(_, minutes)| {
                    minutes.len() == 8 && minutes.bytes().all(|byte| byte.is_ascii_digit())
                });
                let cron = scheduled.map(|(name, _)| ("k8s.cronjob.name", name.to_owned()));
                [("k8s.job.name", name), ("k8s.job.uid", uid)].into_iter().chain(cron).collect()
            }
            _ => Vec::new(),
        }
    }

    /// By the same conventions: the workload's name, the larger one first, else the pod's.
    fn service_name(&self) -> String {
        let workload = self.workload();
        let kinds = ["deployment", "replicaset", "statefulset", "daemonset", "cronjob", "job"];
        let name = kinds.iter().find_map(|kind| {
            let key = format!("k8s.{kind}.name");
            workload.iter().find(|(known, _)| *known == key)
        });
        name.map_or_else(|| self.metadata.name.clone(), |(_, name)| name.clone())
    }
}

/// Name and tag of an image; the port of a registry is no tag, and a digest is neither.
fn image(image: &str) -> (&str, &str) {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, ""),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(metadata: &Value) -> Pod {
        serde_json::from_value(json!({ "metadata": metadata })).expect("a pod")
    }

    fn workload(kind: &str, name: &str, hash: &str) -> Vec<String> {
        let pod = pod(&json!({
            "name": "p",
            "labels": { "pod-template-hash": hash },
            "ownerReferences": [
                { "kind": "Node", "name": "n" },
                { "kind": kind, "name": name, "controller": true },
            ],
        }));
        let found = pod.workload().into_iter().filter(|(key, _)| !key.ends_with("uid"));
        let mut found: Vec<_> = found.map(|(key, value)| format!("{key}={value}")).collect();
        found.push(pod.service_name());
        found
    }

    #[test]
    fn workloads_are_told_by_the_controller() {
        assert_eq!(
            workload("ReplicaSet", "shop-web-5d9", "5d9"),
            ["k8s.replicaset.name=shop-web-5d9", "k8s.deployment.name=shop-web", "shop-web"]
        );
        assert_eq!(workload("ReplicaSet", "own", "5d9"), ["k8s.replicaset.name=own", "own"]);
        assert_eq!(workload("StatefulSet", "db", ""), ["k8s.statefulset.name=db", "db"]);
        assert_eq!(workload("DaemonSet", "log", ""), ["k8s.daemonset.name=log", "log"]);
        assert_eq!(
            workload("Job", "nightly-29012345", ""),
            ["k8s.job.name=nightly-29012345", "k8s.cronjob.name=nightly", "nightly"]
        );
        assert_eq!(workload("Job", "import-1", ""), ["k8s.job.name=import-1", "import-1"]);
        assert_eq!(workload("Rollout", "x", ""), ["p"]);
    }

    #[test]
    fn images_have_names_and_tags() {
        assert_eq!(image("registry:5000/shop/web:1.2"), ("registry:5000/shop/web", "1.2"));
        assert_eq!(image("registry:5000/shop/web"), ("registry:5000/shop/web", ""));
        assert_eq!(image("web:1@sha256:ab"), ("web", "1"));
        assert_eq!(image("sha256:ab"), ("sha256", "ab"));
    }

    #[test]
    fn annotations_set_attributes() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {
                "name": "p", "namespace": "eu",
                "labels": { "team": "a", "secret": "x" },
                "annotations": {
                    "resource.opentelemetry.io/service.name": "own",
                    "resource.opentelemetry.io/tier": "é".repeat(600),
                    "resource.opentelemetry.io/": "nothing",
                    "other": "x",
                },
            },
            "status": { "containerStatuses": [
                { "name": "app", "containerID": "containerd://abc", "image": "web:1" },
                { "name": "waits" },
            ] },
        }))
        .expect("a pod");
        let labels = ["team".to_owned(), "absent".to_owned()];
        let containers: Vec<_> = pod.containers(&labels).collect();
        assert_eq!(containers.len(), 1, "a container that does not run has no id");
        let (id, attributes) = &containers[0];
        let value = |key: &str| {
            let mut found = attributes.iter().filter(|(known, _)| known == key);
            let first = found.next().map(|(_, value)| value.as_str());
            assert!(found.next().is_none(), "{key} once");
            first
        };
        assert_eq!(*id, "abc");
        assert_eq!(value("service.name"), Some("own"));
        assert_eq!(value("service.namespace"), Some("eu"));
        assert_eq!(value("k8s.container.name"), Some("app"));
        assert_eq!(value("k8s.pod.label.team"), Some("a"));
        assert_eq!(value("container.image.tag"), Some("1"));
        assert!(value("tier").is_some_and(|tier| tier.len() <= MAX_VALUE));
        assert_eq!(value("k8s.node.name"), None, "nothing is said of what is not known");
        let text = format!("{attributes:?}");
        assert!(!text.contains("secret") && !text.contains("nothing") && !text.contains("other"), "{text}");
    }
}
