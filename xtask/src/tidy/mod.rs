//! `cargo xtask tidy`: the house rules that neither rustfmt nor clippy knows.
//!
//! Each rule is a pure function of a file (or of the workspace's manifests); this file reads the files, asks every
//! rule, and prints one line per finding.

mod files;
mod imports;
mod links;
mod machine_paths;
mod size;
mod tokens;
mod unsafe_rooms;
mod words;

use std::fmt;

use anyhow::{Result, bail};

use crate::shell::say;
use crate::workspace::Workspace;
use files::File;

/// Something to mend: `path:line: what, what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// Relative to the root of the workspace.
    path: String,
    /// Counted from 1.
    line: usize,
    /// What is wrong, and what to do about it.
    text: String,
    weight: Weight,
}

/// Whether a finding fails the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Worth a thought.
    Warning,
    /// Must be mended.
    Error,
}

impl Finding {
    fn error(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into(), weight: Weight::Error }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.weight == Weight::Warning { "warning: " } else { "" };
        write!(f, "{}:{}: {prefix}{}", self.path, self.line, self.text)
    }
}

/// `cargo xtask tidy`.
pub(crate) fn run() -> Result<()> {
    check(&Workspace::find()?)
}

/// Looks at every file; prints what it finds and fails if something must be mended.
#[expect(clippy::print_stdout, reason = "findings are the output of this command")]
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let files = files::read(workspace.root())?;
    let checkout = workspace.root().to_string_lossy().into_owned();

    let mut findings = imports::check_manifests(&workspace.metadata);
    for file in &files {
        findings.extend(machine_paths::check(file, &checkout));
        if file.is_markdown() {
            findings.extend(links::check(file, workspace.root()));
        }
        if file.is_rust() {
            findings.extend(check_rust(file));
        }
    }

    // One line per finding, however often a rule is broken in a line of code.
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    if errors > 0 {
        bail!(
            "tidy looked at {} files and found {errors} things to mend; each line above says where.",
            files.len()
        );
    }
    say(format!("tidy looked at {} files; nothing has to be mended.", files.len()));
    Ok(())
}

/// The rules for Rust source.
fn check_rust(file: &File) -> Vec<Finding> {
    let mut findings: Vec<Finding> = size::check(file).into_iter().collect();
    match tokens::read(&file.text) {
        Ok(source) => {
            findings.extend(words::check(file, &source));
            findings.extend(unsafe_rooms::check(file, &source));
            findings.extend(imports::check_source(file, &source));
        }
        Err(line) => {
            findings.push(Finding::error(
                &file.path,
                line,
                "this is not Rust that can be read, mend the syntax",
            ));
        }
    }
    findings
}
