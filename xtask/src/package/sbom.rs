//! What the binary is made of, as CycloneDX 1.6 in JSON (ECMA-424; <https://cyclonedx.org/docs/1.6/json/>).
//!
//! Written here and not by a tool: cargo knows it all, and only this repository knows that the kernel programs are inside the
//! daemon, so that their dependencies belong to it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::shell::cargo;
use crate::workspace::Workspace;

/// The packages that end up in the binary.
const ROOTS: [&str; 2] = ["tracer-user", ebpf_build::EBPF_PACKAGE];

/// The bill of materials of the daemon on the machine's own architecture.
pub(crate) fn of_the_daemon(workspace: &Workspace) -> Result<Value> {
    // Not from `cargo metadata`, which names what any feature of any package of the workspace would bring.
    let mut tree = cargo(workspace.root());
    tree.args(["tree", "--locked", "--prefix", "depth", "--format", "|{p}|{l}"]);
    // What only runs at build time or in tests is not in the binary.
    tree.args(["--edges", "normal,no-proc-macro"]);
    tree.args(["--target", &format!("{}-unknown-linux-gnu", std::env::consts::ARCH)]);
    tree.args(ROOTS.iter().flat_map(|package| ["--package", package]));
    let output = tree.output().context("cargo could not be started.")?;
    ensure!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    bill(&String::from_utf8(output.stdout)?)
}

#[derive(Default)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    license: &'a str,
    uses: BTreeSet<String>,
}

impl Package<'_> {
    /// Package URL: <https://github.com/package-url/purl-spec>.
    fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// From lines such as `2|serde v1.0.0|MIT OR Apache-2.0`, with the depth in front. What was shown before is not shown in full
/// again.
fn bill(tree: &str) -> Result<Value> {
    let mut packages: BTreeMap<String, Package<'_>> = BTreeMap::new();
    let mut above: Vec<String> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let package = read(line).with_context(|| format!("cargo tree says {line:?}, which is not known."))?;
        let (depth, package) = package;
        let purl = package.purl();
        above.truncate(depth);
        if let Some(user) = above.last().and_then(|user| packages.get_mut(user)) {
            user.uses.insert(purl.clone());
        }
        packages.entry(purl.clone()).or_insert(package);
        above.push(purl);
    }
    let (mut components, mut graph, mut main) = (Vec::new(), Vec::new(), Value::Null);
    for (purl, package) in &packages {
        let mut component = json!({
            "type": "library",
            "bom-ref": purl,
            "name": package.name,
            "version": package.version,
            "purl": purl,
        });
        if !package.license.is_empty() {
            // Before there were SPDX expressions, cargo took a slash for "or".
            component["licenses"] = json!([{ "expression": package.license.replace('/', " OR ") }]);
        }
        if package.name == ROOTS[0] {
            component["type"] = json!("application");
            main = component;
        } else {
            components.push(component);
        }
        graph.push(json!({ "ref": purl, "dependsOn": package.uses }));
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": main },
        "components": components,
        "dependencies": graph,
    }))
}

fn read(line: &str) -> Option<(usize, Package<'_>)> {
    let mut fields = line.trim_end_matches(" (*)").split('|');
    let depth = fields.next()?.parse().ok()?;
    // "name v1.2.3", with the path of a package of the workspace behind.
    let mut package = fields.next()?.split(' ');
    let (name, version) = (package.next()?, package.next()?.strip_prefix('v')?);
    Some((depth, Package { name, version, license: fields.next()?, uses: BTreeSet::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_listed_and_what_is_not_is_not() {
        let bill = of_the_daemon(&Workspace::find().expect("a workspace")).expect("a bill");
        let components = bill["components"].as_array().expect("a list");
        let names: Vec<_> = components.iter().filter_map(|component| component["name"].as_str()).collect();
        assert_eq!(bill["metadata"]["component"]["name"], "tracer-user");
        for linked in ["tracer-common", "aya", "aya-ebpf", "tokio", "rustls"] {
            assert!(names.contains(&linked), "{linked} is in the binary");
        }
        // Tests, macros and what compiles kernel programs.
        for absent in ["proptest", "rcgen", "serde_derive", "ebpf-build", "xtask", "tracer-tests"] {
            assert!(!names.contains(&absent), "{absent} is not in the binary");
        }
        let refs: BTreeSet<_> = components.iter().map(|component| component["bom-ref"].as_str()).collect();
        assert_eq!(refs.len(), components.len(), "each component once");
        let used = bill["dependencies"].as_array().expect("a list").iter();
        for used in used.flat_map(|entry| entry["dependsOn"].as_array().expect("a list")) {
            assert!(refs.contains(&used.as_str()), "{used} is listed");
        }
    }

    #[test]
    fn edges_are_read_from_depths() {
        let tree =
            "0|tracer-user v0.1.0 (/x)|MIT\n1|a v1.0.0|MIT/Apache-2.0\n2|b v2.0.0|ISC\n1|b v2.0.0|ISC (*)\n";
        let bill = bill(tree).expect("a bill");
        assert_eq!(bill["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        let uses: Vec<_> = bill["dependencies"].as_array().expect("a list").iter().collect();
        assert_eq!(uses[0]["dependsOn"], json!(["pkg:cargo/b@2.0.0"]));
        assert_eq!(uses[2]["dependsOn"], json!(["pkg:cargo/a@1.0.0", "pkg:cargo/b@2.0.0"]));
        assert!(super::bill("nonsense").is_err());
    }
}
