//! Paths that exist only on the machine where a file was written.

use super::Finding;
use super::files::File;

/// The home of root: a path under it is somebody's own. In two parts, so that this file does not find itself.
const ROOT_HOME: &str = concat!("/ro", "ot/");

/// Absolute paths of a development machine.
pub(super) fn check(file: &File, checkout: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(path) = [checkout, ROOT_HOME].into_iter().find(|path| names(line, path)) {
            let text = format!("{path} is a path of one machine, write it relative to the workspace");
            findings.push(Finding::error(&file.path, index + 1, text));
        }
    }
    findings
}

/// `path` begins somewhere in the line. Inside a longer path it does not: `/proc/1/root/` is fine.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before
            .is_none_or(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | '=' | ':' | '<' | '['))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_writers_machine_are_found() {
        let text = format!("a\nlet x = \"/checkout/here/a.rs\";\n{ROOT_HOME}.cargo/bin\n");
        let file = File { path: "a.rs".to_owned(), text };
        let lines: Vec<usize> =
            check(&file, "/checkout/here").into_iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 3]);
    }

    #[test]
    fn the_root_of_a_process_is_no_home() {
        let text = format!("/proc/1{ROOT_HOME}etc and {{proc}}{ROOT_HOME}x");
        assert_eq!(check(&File { path: "a.rs".to_owned(), text }, "/checkout"), []);
    }
}
