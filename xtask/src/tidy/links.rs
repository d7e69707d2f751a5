//! Links in the documentation lead somewhere.

use std::path::Path;

use super::Finding;
use super::files::File;

/// Relative links to files that are not there.
pub(super) fn check(file: &File, root: &Path) -> Vec<Finding> {
    let directory = root.join(&file.path).parent().map(Path::to_owned).unwrap_or_default();
    links(&file.text)
        .into_iter()
        .filter(|(_, target)| !directory.join(target).exists())
        .map(|(line, target)| {
            let text = format!("the link to {target} leads nowhere, mend it or write the page");
            Finding::error(&file.path, line, text)
        })
        .collect()
}

/// Targets of relative links with their lines: without anchors, and not those in code.
fn links(markdown: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (index, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Every second part is between backticks.
        for text in line.split('`').step_by(2) {
            let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
            let files = targets.filter_map(|target| target.split('#').next());
            let relative = files.filter(|target| !target.is_empty() && !target.contains(':'));
            links.extend(relative.map(|target| (index + 1, target)));
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_are_found() {
        let text = "See [a](docs/a.md) and [b](b.md#part \"title\").\n[web](https://x.y/) [here](#part)\n```\n[c](c.md)\n```\n`[d](d.md)` [e](e.md)";
        assert_eq!(links(text), [(1, "docs/a.md"), (1, "b.md"), (6, "e.md")]);
    }

    #[test]
    fn a_link_is_relative_to_its_file() {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(root.path().join("docs")).expect("created");
        std::fs::write(root.path().join("docs/a.md"), "").expect("written");
        let file = |path: &str| File { path: path.to_owned(), text: "[a](a.md)".to_owned() };
        assert_eq!(check(&file("docs/index.md"), root.path()), []);
        assert_eq!(check(&file("README.md"), root.path()).len(), 1);
    }
}
