//! What is in deploy/ fits together, and to what it is about.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn objects() -> Vec<Value> {
    serde_saphyr::from_multiple(&text("deploy/kubernetes/daemonset.yaml")).expect("YAML")
}

fn object(kind: &str) -> Value {
    let mut found: Vec<_> = objects().into_iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0)
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().map(|item| item.as_str().expect("text").to_owned()).collect()
}

#[test]
fn the_pod_has_the_privileges_of_the_unit_and_no_others() {
    let unit = text("deploy/tracer.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("a set");
    let of_unit: BTreeSet<_> =
        line.split(' ').map(|name| name.strip_prefix("CAP_").expect("a name").to_owned()).collect();
    let pod = &object("DaemonSet")["spec"]["template"]["spec"];
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(strings(&container["capabilities"]["add"]), of_unit);
    assert_eq!(strings(&container["capabilities"]["drop"]), BTreeSet::from(["ALL".to_owned()]));
    assert_eq!(container["privileged"], Value::Null);
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["readOnlyRootFilesystem"], true);
    // Of the node it has the process ids, and neither network nor files.
    assert_eq!(pod["hostPID"], true);
    assert_eq!(pod["hostNetwork"], Value::Null);
    assert_eq!(pod["hostIPC"], Value::Null);
    let volumes = pod["volumes"].as_array().expect("a list");
    assert!(volumes.iter().all(|volume| volume["hostPath"].is_null()), "{volumes:?}");
}

#[test]
fn the_account_may_list_and_watch_pods_and_nothing_else() {
    let role = object("ClusterRole");
    let rules = role["rules"].as_array().expect("a list");
    assert_eq!(rules.len(), 1);
    assert_eq!(strings(&rules[0]["resources"]), BTreeSet::from(["pods".to_owned()]));
    assert_eq!(strings(&rules[0]["verbs"]), BTreeSet::from(["list".to_owned(), "watch".to_owned()]));
    let (binding, account) = (object("ClusterRoleBinding"), object("ServiceAccount"));
    assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
    assert_eq!(binding["subjects"][0]["name"], account["metadata"]["name"]);
    assert_eq!(binding["subjects"][0]["namespace"], account["metadata"]["namespace"]);
    let pod = &object("DaemonSet")["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
}

#[test]
fn the_daemon_set_selects_its_pods_and_its_variables_exist() {
    let set = object("DaemonSet");
    assert_eq!(set["spec"]["selector"]["matchLabels"], set["spec"]["template"]["metadata"]["labels"]);
    assert_eq!(set["metadata"]["namespace"], object("Namespace")["metadata"]["name"]);
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let example = text("deploy/tracer.example.toml");
    let variables = container["env"].as_array().expect("a list");
    for name in variables.iter().map(|variable| variable["name"].as_str().expect("a name")) {
        assert!(example.contains(&format!(" {name}\n")), "{name} is a variable of the configuration");
    }
    let node = variables.iter().find(|variable| variable["name"] == "TRACER_KUBERNETES_NODE").expect("it");
    assert_eq!(node["valueFrom"]["fieldRef"]["fieldPath"], "spec.nodeName");
    let volumes = strings(&Value::Array(
        container["volumeMounts"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|mount| mount["name"].clone())
            .collect(),
    ));
    let declared = set["spec"]["template"]["spec"]["volumes"].as_array().expect("a list");
    assert!(volumes.iter().all(|name| declared.iter().any(|volume| volume["name"] == name.as_str())));
}

/// Names that an expression takes from the tracer's metrics.
fn metrics(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let prefixes = ["http_server_", "http_client_", "traces_", "tracer_", "process_"];
    let ours = words.filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)));
    ours.map(str::to_owned).collect()
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_exist() {
    let rules: Value = serde_saphyr::from_str(&text("deploy/prometheus/rules.yaml")).expect("YAML");
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/services.json")).expect("JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let of_rules = list(&rules["groups"]).into_iter().flat_map(|group| list(&group["rules"]));
    let of_panels = list(&dashboard["panels"]).into_iter().flat_map(|panel| list(&panel["targets"]));
    let expressions: Vec<_> =
        of_rules.chain(of_panels).map(|item| item["expr"].as_str().expect("text").to_owned()).collect();
    assert!(expressions.len() > 15);
    let asked: BTreeSet<_> = expressions.iter().flat_map(|expression| metrics(expression)).collect();
    assert!(asked.len() > 8, "{asked:?}");
    let documented = text("docs/metrics.md");
    for name in asked {
        // A histogram has series of its own, and rules have names of theirs.
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let name = base.unwrap_or(&name);
        let is_recorded = documented.contains(&format!("`{name}")) || is_rule(&rules, name);
        assert!(is_recorded, "docs/metrics.md does not know {name}");
    }
}

/// Whether a word is part of the name of a recording rule.
fn is_rule(rules: &Value, word: &str) -> bool {
    let groups = rules["groups"].as_array().expect("a list").iter();
    let mut rules = groups.flat_map(|group| group["rules"].as_array().expect("a list"));
    rules.any(|rule| rule["record"].as_str().is_some_and(|name| name.split(':').any(|part| part == word)))
}

#[test]
fn names_in_expressions_are_found() {
    let found = metrics("sum by (le) (rate(http_server_x_bucket{a=\"b\"}[5m])) / tracer_y");
    assert_eq!(found, BTreeSet::from(["http_server_x_bucket".to_owned(), "tracer_y".to_owned()]));
}

/// The chart's templates are no YAML, so what must be alike is compared as text.
#[test]
fn the_chart_asks_for_no_more_than_the_daemon_set() {
    let block = |path: &str, from: &str, to: &str| -> String {
        let text = text(path);
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{path} has {from}"));
        rest.split_once(to).unwrap_or_else(|| panic!("{path} has {to}")).0.to_owned()
    };
    let plain = "deploy/kubernetes/daemonset.yaml";
    let chart = "deploy/helm/tracer/templates/daemonset.yaml";
    let privileges = ("          securityContext:\n", "          resources:");
    assert_eq!(block(chart, privileges.0, privileges.1), block(plain, privileges.0, privileges.1));
    let rules = ("\nrules:\n", "---\n");
    assert_eq!(
        block("deploy/helm/tracer/templates/account.yaml", rules.0, rules.1),
        block(plain, rules.0, rules.1)
    );
    for forbidden in ["privileged:", "hostNetwork:", "hostIPC:", "hostPath:"] {
        assert!(!text(chart).contains(forbidden), "{forbidden}");
    }
}
