//! Where `unsafe` may stand.

use super::Finding;
use super::files::File;
use super::tokens::Source;

/// The rooms that touch the kernel.
const ALLOWED: [&str; 4] =
    ["tracer-ebpf/", "tracer-common/", "tracer-user/src/kernel/", "tracer-user/src/ingest/"];

/// `unsafe` outside those rooms. Tests may count allocations or make raw system calls: they are not shipped.
pub(super) fn check<'a>(file: &'a File, source: &'a Source) -> impl Iterator<Item = Finding> + 'a {
    let allowed = file.is_test_code() || ALLOWED.iter().any(|room| file.path.starts_with(room));
    source.words.iter().filter(move |word| !allowed && word.text == "unsafe").map(|word| {
        let text = "unsafe stands outside the kernel-facing rooms, use a safe crate or move it to tracer-user/src/kernel";
        Finding::error(&file.path, word.line, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tokens;

    fn findings(path: &str) -> usize {
        let text = "#![forbid(unsafe_code)]\nfn f() { unsafe { g() } }";
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&file, &tokens::read(text).expect("Rust")).count()
    }

    #[test]
    fn unsafe_stays_in_its_rooms() {
        assert_eq!(findings("tracer-user/src/kernel/probe.rs"), 0);
        assert_eq!(findings("tracer-protocols/tests/no_allocation.rs"), 0);
        assert_eq!(findings("tracer-user/src/spans/span.rs"), 1);
        assert_eq!(findings("tracer-protocols/src/lib.rs"), 1);
    }
}
