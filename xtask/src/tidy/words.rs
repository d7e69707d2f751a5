//! Words that must not be committed.

use super::Finding;
use super::files::File;
use super::tokens::Source;

/// Macro, and what to do instead.
const FORBIDDEN: [(&str, &str); 3] = [
    ("todo!", "write the code or leave the feature out"),
    ("unimplemented!", "write the code or leave the feature out"),
    ("dbg!", "remove it or use tracing"),
];

/// Unfinished code.
pub(super) fn check<'a>(file: &'a File, source: &'a Source) -> impl Iterator<Item = Finding> + 'a {
    source.words.iter().filter_map(|word| {
        let (name, advice) = FORBIDDEN.iter().find(|(name, _)| *name == word.text)?;
        Some(Finding::error(&file.path, word.line, format!("{name} is not for committed code, {advice}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tokens;

    #[test]
    fn unfinished_code_is_found() {
        let text = "fn a() {\n    todo!()\n}\nfn b() { std::dbg!(1); }\n// unimplemented!()\nfn todo() {}";
        let file = File { path: "a/src/x.rs".to_owned(), text: text.to_owned() };
        let lines: Vec<usize> =
            check(&file, &tokens::read(text).expect("Rust")).map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 4]);
    }
}
