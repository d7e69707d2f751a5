//! What runs in a container has the attributes of its pod, as the API server tells them.

use std::process::Command;

use tracer_tests::{
    apps::{certificate, curl, python},
    cgroup::Cgroup,
    daemon::{Daemon, tracer},
    ports::free_port,
    scenario::Scenario,
    service::{Listens, Service},
    wait::wait_until,
};

/// As the kubelet mounts it, in a place of the daemon's own.
const POD: &str = "mount -t tmpfs tmpfs /var/run && cd /var/run && mkdir -p secrets/kubernetes.io/serviceaccount && \
                   cd secrets/kubernetes.io/serviceaccount && echo t0ken > token && cp \"$0\" ca.crt && exec \"$@\"";

#[test]
fn spans_name_pod_and_workload() {
    let scenario = Scenario::start("kubernetes-pod");
    let container = format!("{:064x}", std::process::id());
    let cgroup = Cgroup::named(&format!("docker-{container}.scope"));

    let port = free_port();
    let mut api = python("kube_api.py", [port.to_string(), container.clone()]);
    api.env("TLS_CERTIFICATE", certificate(&scenario));
    let api = Service::start(&scenario, "kube_api", api, Listens::port(port));
    let port = free_port();
    let app = cgroup.inside(&python("threaded_backend.py", [port.to_string()]));
    let app = Service::start(&scenario, "app", app, Listens::port(port));

    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation=private", "sh", "-ec", POD]).arg(certificate(&scenario));
    command.arg(tracer().get_program()).args(["agent", "--socket"]).arg(scenario.file("tracer.sock"));
    command.envs([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", scenario.receiver.endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", scenario.receiver.transport().protocol().to_owned()),
        ("KUBERNETES_SERVICE_HOST", "127.0.0.1".to_owned()),
        ("KUBERNETES_SERVICE_PORT", api.port().to_string()),
        ("TRACER_KUBERNETES_ENABLED", "true".to_owned()),
        ("TRACER_KUBERNETES_NODE", "node-1".to_owned()),
        ("TRACER_KUBERNETES_LABELS", "team".to_owned()),
    ]);
    let daemon = Daemon::start_command(&scenario, "tracer", command, "tracer is attached");
    // Requests that come before the server has told of the pod go without.
    wait_until("the pod is known", || {
        curl([app.url("/pod/hello")]);
        let spans = scenario.receiver.spans_under("/pod");
        spans.iter().any(|span| span.resource.contains_key("k8s.pod.name"))
    });
    daemon.stop();
    let spans = scenario.receiver.spans_under("/pod");
    let known = spans.iter().find(|span| span.resource.contains_key("k8s.pod.name")).unwrap();
    for (key, value) in [
        ("service.name", "shop"),
        ("service.namespace", "eu"),
        ("container.id", container.as_str()),
        ("k8s.pod.name", "shop-5d9-x"),
        ("k8s.pod.uid", "u-1"),
        ("k8s.namespace.name", "eu"),
        ("k8s.node.name", "node-1"),
        ("k8s.deployment.name", "shop"),
        ("k8s.replicaset.name", "shop-5d9"),
        ("k8s.container.name", "app"),
        ("k8s.pod.label.team", "a"),
        ("container.image.name", "shop"),
        ("container.image.tag", "7"),
    ] {
        assert_eq!(known.resource.get(key).map(String::as_str), Some(value), "{key}");
    }
    let outside: Vec<_> = spans.iter().filter(|span| span.service() == "curl").collect();
    assert!(!outside.is_empty(), "the client is traced too");
    for span in outside {
        assert!(span.resource.keys().all(|key| !key.starts_with("k8s.")), "{:?}", span.resource);
    }
}
