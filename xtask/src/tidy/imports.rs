//! What may import what (ARCHITECTURE: rooms), from the manifests and from the sources.

use cargo_metadata::{DependencyKind, Metadata};

use super::Finding;
use super::files::File;
use super::tokens::Source;

/// Each package of the workspace, and the packages of the workspace that it may depend on outside its tests.
const PACKAGES: [(&str, &[&str]); 10] = [
    ("tracer-common", &[]),
    ("tracer-protocols", &[]),
    ("tracer-otlp", &[]),
    ("tracer-k8s", &[]),
    ("tracer-ebpf", &["tracer-common"]),
    (
        "tracer-user",
        &["tracer-common", "tracer-protocols", "tracer-otlp", "tracer-server", "tracer-k8s", "ebpf-build"],
    ),
    // All that it knows arrives as OTLP, and of how OTLP is sent it knows the codec.
    ("tracer-server", &["tracer-otlp"]),
    ("ebpf-build", &[]),
    ("xtask", &["ebpf-build"]),
    // Scenarios see the daemon from outside only.
    ("tracer-tests", &[]),
];

/// Rooms whose code is a function of its input and a passed-in time.
const PURE_ROOMS: [&str; 5] = [
    "tracer-protocols/src/",
    "tracer-user/src/connections/",
    "tracer-user/src/spans/",
    "tracer-user/src/traces/",
    "tracer-user/src/sampling/",
];

/// What pure code must not reach, and what to do instead.
const IMPURE: [(&str, &str); 9] = [
    ("Instant::now", "take the time as an argument"),
    ("SystemTime::now", "take the time as an argument"),
    ("aya", "leave the kernel to tracer-user/src/kernel"),
    ("tokio", "leave scheduling to the pipeline"),
    ("nix", "leave the system to tracer-user/src/kernel"),
    ("std::fs", "take the content as an argument"),
    ("std::env", "take the setting as an argument"),
    ("std::process", "leave processes to tracer-user/src/identity"),
    ("crate::kernel", "take plain data as an argument"),
];

/// Where errors end at a person, so that their type no longer matters: the commands return to main.
const ANYHOW_ROOMS: [&str; 4] = ["tracer-user/src/main.rs", "tracer-user/src/commands/", "xtask/", "tests/"];

/// Dependencies between packages that the table does not list.
pub(super) fn check_manifests(metadata: &Metadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    let root = &metadata.workspace_root;
    for package in &metadata.packages {
        let manifest = package.manifest_path.strip_prefix(root).unwrap_or(&package.manifest_path);
        let text = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
        let dependencies = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some() && dependency.kind != DependencyKind::Development);
        let names: Vec<&str> = dependencies.map(|dependency| dependency.name.as_str()).collect();
        for problem in check_package(&package.name, &names) {
            findings.push(Finding::error(manifest.as_str(), line_of(&text, problem.word), problem.text));
        }
    }
    findings
}

struct Problem<'a> {
    /// What to look for in the manifest.
    word: &'a str,
    text: String,
}

fn check_package<'a>(name: &'a str, dependencies: &[&'a str]) -> Vec<Problem<'a>> {
    let Some((_, allowed)) = PACKAGES.iter().find(|(package, _)| *package == name) else {
        let text = format!("{name} is not in the table of xtask/src/tidy/imports.rs, add what it may import");
        return vec![Problem { word: name, text }];
    };
    let forbidden = dependencies.iter().filter(|dependency| !allowed.contains(dependency));
    forbidden
        .map(|&dependency| Problem {
            word: dependency,
            text: format!(
                "{name} must not depend on {dependency}, pass plain data between the rooms instead"
            ),
        })
        .collect()
}

/// The first line that begins with a word or has it as a value.
fn line_of(manifest: &str, word: &str) -> usize {
    let is_here = |line: &str| line.starts_with(word) || line.contains(&format!("\"{word}\""));
    manifest.lines().position(is_here).map_or(1, |index| index + 1)
}

/// Paths in a source file that its room must not reach.
pub(super) fn check_source(file: &File, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.is_test_code() {
        return findings;
    }
    let is_pure = PURE_ROOMS.iter().any(|room| file.path.starts_with(room));
    let may_use_anyhow = ANYHOW_ROOMS.iter().any(|room| file.path.starts_with(room));
    for path in &source.paths {
        if is_pure && let Some((what, advice)) = IMPURE.iter().find(|(what, _)| reaches(&path.text, what)) {
            let text = format!("{what} makes this room depend on more than its input, {advice}");
            findings.push(Finding::error(&file.path, path.line, text));
        }
        if !may_use_anyhow && path.text.starts_with("anyhow") && reaches(&path.text, "anyhow") {
            let text = "anyhow hides which errors there are, use a thiserror enum outside main, commands, xtask and tests";
            findings.push(Finding::error(&file.path, path.line, text));
        }
    }
    findings
}

/// A path names `what`, or something in it: a crate at its beginning, anything longer also further on.
fn reaches(path: &str, what: &str) -> bool {
    let path: Vec<&str> = path.split("::").collect();
    let what: Vec<&str> = what.split("::").collect();
    match what.as_slice() {
        // A lone word may be a variable; with a second segment it is a crate.
        [krate] => path.len() > 1 && path[0] == *krate,
        longer => path.windows(longer.len()).any(|window| window == longer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tokens;

    fn findings(path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        let source = tokens::read(text).expect("Rust");
        check_source(&file, &source).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn pure_rooms_read_no_clock_and_no_system() {
        let text = "use std::time::Instant;\nfn f(now: Instant) {}\nfn g() { Instant::now(); }\nuse aya::Ebpf;\nuse crate::{a, kernel::b};";
        assert_eq!(findings("tracer-user/src/spans/assemble.rs", text), [3, 4, 5]);
        assert_eq!(findings("tracer-user/src/clock.rs", text), Vec::<usize>::new());
        assert_eq!(findings("tracer-protocols/src/http1/tests.rs", text), Vec::<usize>::new());
    }

    #[test]
    fn a_variable_is_no_crate() {
        assert_eq!(
            findings("tracer-user/src/spans/x.rs", "fn f(aya: u8) -> u8 { aya }"),
            Vec::<usize>::new()
        );
    }

    #[test]
    fn anyhow_stays_where_errors_end() {
        let text = "use anyhow::Result;";
        assert_eq!(findings("tracer-user/src/main.rs", text), Vec::<usize>::new());
        assert_eq!(findings("xtask/src/run.rs", text), Vec::<usize>::new());
        assert_eq!(findings("tracer-user/src/export/otlp.rs", text), [1]);
    }

    #[test]
    fn packages_depend_only_on_what_the_table_allows() {
        assert_eq!(check_package("tracer-user", &["tracer-common", "tracer-otlp"]).len(), 0);
        let problems = check_package("tracer-protocols", &["tracer-common"]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].text.contains("tracer-protocols must not depend on tracer-common"));
        assert_eq!(check_package("tracer-new", &[]).len(), 1);
    }

    #[test]
    fn a_finding_points_into_the_manifest() {
        let manifest = "[package]\nname = \"a\"\n\n[dependencies]\ntracer-user.workspace = true\n";
        assert_eq!(line_of(manifest, "tracer-user"), 5);
        assert_eq!(line_of(manifest, "a"), 2);
        assert_eq!(line_of(manifest, "nothing"), 1);
    }
}
