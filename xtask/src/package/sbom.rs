//! What the binary is made of, as CycloneDX 1.6 in JSON (ECMA-424; <https://cyclonedx.org/docs/1.6/json/>).
//!
//! Written here and not by a tool: cargo knows it all, and only this repository knows that the kernel programs are inside the
//! daemon, so that their dependencies belong to it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use serde_json::{Value, json};

use crate::workspace::Workspace;

/// The packages that end up in the binary.
const ROOTS: [&str; 2] = ["tracer-user", ebpf_build::EBPF_PACKAGE];

/// The bill of materials of the daemon on the machine's own architecture.
pub(crate) fn of_the_daemon(workspace: &Workspace) -> Result<Value> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = MetadataCommand::new()
        .current_dir(workspace.root())
        .other_options(["--locked".to_owned(), "--filter-platform".to_owned(), target])
        .exec()
        .context("cargo metadata failed, so what the binary is made of is unknown.")?;
    bill(&metadata)
}

fn bill(metadata: &Metadata) -> Result<Value> {
    let uses = dependencies(metadata)?;
    let roots = metadata.packages.iter().filter(|package| ROOTS.contains(&package.name.as_str()));
    let mut reached: BTreeSet<&PackageId> = BTreeSet::new();
    let mut todo: Vec<&PackageId> = roots.map(|package| &package.id).collect();
    while let Some(id) = todo.pop() {
        if reached.insert(id) {
            todo.extend(uses.get(id).into_iter().flatten());
        }
    }
    let (mut components, mut graph, mut main) = (Vec::new(), Vec::new(), Value::Null);
    for &id in &reached {
        let package = &metadata[id];
        let purl = |id: &PackageId| format!("pkg:cargo/{}@{}", metadata[id].name, metadata[id].version);
        let mut component = json!({
            "type": "library",
            "bom-ref": purl(id),
            "name": package.name.as_str(),
            "version": package.version.to_string(),
            "purl": purl(id),
        });
        if let Some(license) = &package.license {
            // Before there were SPDX expressions, cargo took a slash for "or".
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        if package.name == ROOTS[0] {
            component["type"] = json!("application");
            main = component;
        } else {
            components.push(component);
        }
        let used: BTreeSet<String> = uses.get(id).into_iter().flatten().map(|id| purl(id)).collect();
        graph.push(json!({ "ref": purl(id), "dependsOn": used }));
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

/// What each package links in. What only runs at build time or in tests is not in the binary.
fn dependencies(metadata: &Metadata) -> Result<BTreeMap<&PackageId, Vec<&PackageId>>> {
    let resolve = metadata.resolve.as_ref().context("cargo metadata resolved nothing.")?;
    let is_macro = |id: &PackageId| metadata[id].targets.iter().any(cargo_metadata::Target::is_proc_macro);
    Ok(resolve
        .nodes
        .iter()
        .map(|node| {
            let linked = node.deps.iter().filter(|dependency| {
                let mut kinds = dependency.dep_kinds.iter();
                kinds.any(|kind| kind.kind == DependencyKind::Normal) && !is_macro(&dependency.pkg)
            });
            (&node.id, linked.map(|dependency| &dependency.pkg).collect())
        })
        .collect())
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
}
