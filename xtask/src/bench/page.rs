//! Pages under docs/ with figures: tables are put between a pair of markers, the text around them is written by people.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// What tracing costs, from the root of the workspace.
pub(super) const OVERHEAD: &str = "docs/overhead.md";
/// What reading TLS costs, from the root of the workspace.
pub(super) const TLS: &str = "docs/tls.md";
/// What the backend's store costs, from the root of the workspace.
pub(super) const STORE: &str = "docs/store.md";
/// How many traces are right, from the root of the workspace.
pub(super) const ACCURACY: &str = "docs/accuracy.md";

/// Puts the tables of a benchmark into a page.
pub(super) fn write(root: &Path, page: &str, benchmark: &str, tables: &str) -> Result<()> {
    let file = root.join(page);
    let text = fs::read_to_string(&file).with_context(|| format!("{page} cannot be read."))?;
    let new = replace(&text, benchmark, tables).with_context(|| {
        format!("{page} lacks the lines <!-- {benchmark}:begin --> and <!-- {benchmark}:end -->, one behind the other.")
    })?;
    fs::write(&file, new).with_context(|| format!("{page} cannot be written."))?;
    crate::shell::say(format!("the tables are in {page}."));
    Ok(())
}

fn replace(text: &str, benchmark: &str, tables: &str) -> Option<String> {
    let begin = format!("<!-- {benchmark}:begin -->\n");
    let end = format!("<!-- {benchmark}:end -->");
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{}\n{end}{after}", tables.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = "a\n<!-- idle:begin -->\nold\n<!-- idle:end -->\nb\n";
        let new = "a\n<!-- idle:begin -->\nnew\n<!-- idle:end -->\nb\n";
        assert_eq!(replace(text, "idle", "new\n\n").as_deref(), Some(new));
        assert_eq!(replace(text, "start", "new"), None);
    }
}
