//! The budget for the length of a file.

use super::files::File;
use super::{Finding, Weight};

/// Lines without tests; a longer file holds more than one thing.
const LIMIT: usize = 600;

/// From here on one should think about where the second thing begins.
const WARNING: usize = 350;

/// A file that is too long.
pub(super) fn check(file: &File) -> Option<Finding> {
    if file.is_test_code() {
        return None;
    }
    let lines = lines_without_tests(&file.text);
    if lines > LIMIT {
        let text =
            format!("{lines} lines without tests, the limit is {LIMIT}; give each noun a file of its own");
        return Some(Finding::error(&file.path, LIMIT + 1, text));
    }
    (lines > WARNING).then(|| Finding {
        path: file.path.clone(),
        line: WARNING + 1,
        text: format!(
            "{lines} lines without tests, most files stay under {WARNING}; look for a second noun in it"
        ),
        weight: Weight::Warning,
    })
}

/// The lines in front of the file's test module, which comes last.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    tests.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize, end: &str) -> File {
        File { path: path.to_owned(), text: "//\n".repeat(lines) + end }
    }

    #[test]
    fn the_limit_is_600_lines() {
        assert_eq!(check(&file("a/src/x.rs", 350, "")), None);
        assert_eq!(check(&file("a/src/x.rs", 351, "")).map(|finding| finding.weight), Some(Weight::Warning));
        assert_eq!(check(&file("a/src/x.rs", 601, "")).map(|finding| finding.weight), Some(Weight::Error));
    }

    #[test]
    fn tests_may_be_longer() {
        assert_eq!(check(&file("a/tests/x.rs", 900, "")), None);
        let text = "#[cfg(test)]\nmod tests {\n".to_owned() + &"//\n".repeat(900) + "}\n";
        assert_eq!(check(&file("a/src/x.rs", 100, &text)), None);
    }
}
