//! The text files of the checkout.

use std::path::Path;

use anyhow::{Context as _, Result};

/// Directories that are not ours: build output, git, installed packages, and captured bytes of other programs.
const SKIPPED: [&str; 7] = ["target", ".git", "node_modules", "dist", "testdata", "corpus", "artifacts"];

/// Extensions of files that people write here, and whole names of those without one.
const WRITTEN: [&str; 15] = [
    "rs", "toml", "md", "sh", "py", "js", "mjs", "ts", "tsx", "html", "css", "service", "yaml", "yml", "run",
];

/// One file of the checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// Relative to the root of the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        self.extension() == Some("rs")
    }

    pub(super) fn is_markdown(&self) -> bool {
        self.extension() == Some("md")
    }

    /// Source that only tests, benchmarks, fuzzing or the build itself run.
    pub(super) fn is_test_code(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        let in_test_directory =
            parts.iter().any(|part| matches!(*part, "tests" | "benches" | "fuzz" | "examples"));
        let is_build_script = parts.len() == 2 && parts[1] == "build.rs";
        in_test_directory || is_build_script || parts.last() == Some(&"tests.rs")
    }

    fn extension(&self) -> Option<&str> {
        Path::new(&self.path).extension()?.to_str()
    }
}

/// Reads every file that people write, in order of their paths.
pub(super) fn read(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = std::fs::read_dir(&directory)
            .with_context(|| format!("the directory {} could not be read.", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // A link is looked at where it points to.
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    directories.push(path);
                }
            } else if WRITTEN.contains(&name.rsplit('.').next().unwrap_or(&name)) {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("{} could not be read as text.", path.display()))?;
                let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                files.push(File { path: relative, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_test_code(path: &str) -> bool {
        File { path: path.to_owned(), text: String::new() }.is_test_code()
    }

    #[test]
    fn test_code_is_known_by_its_place() {
        assert!(is_test_code("tracer-user/tests/replay.rs"));
        assert!(is_test_code("tracer-user/build.rs"));
        assert!(is_test_code("tracer-protocols/src/http1/tests.rs"));
        assert!(!is_test_code("xtask/src/build.rs"));
        assert!(!is_test_code("tracer-user/src/main.rs"));
    }

    #[test]
    fn build_output_and_captures_are_not_read() {
        let root = tempfile::tempdir().expect("a directory");
        for path in ["a/b.rs", "target/x.rs", "a/testdata/c.md", ".ci/run", "a/picture.png"] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, "text").expect("written");
        }
        let files = read(root.path()).expect("readable");
        assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), [".ci/run", "a/b.rs"]);
    }
}
