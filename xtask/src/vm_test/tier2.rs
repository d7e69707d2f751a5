//! Tier 2: HTTP by every system call that carries it makes the same traces on every kernel.

/// The job of the machine.
pub(super) const JOB: &str = "tests/vm/tier2";

/// Requests that each client makes (`tests/apps/syscalls.rs`).
const REQUESTS: usize = 2;

const FAMILIES: [&str; 3] = ["ipv4", "ipv6", "local"];

/// As `tests/apps/syscalls.rs` names them, one in a line.
const METHODS: &str = include_str!("../../../tests/apps/syscalls.methods");

/// What is received by splice from a unix socket, which has no sequence numbers, is not seen.
const UNSEEN: (&str, &str) = ("local", "splice-both");

/// The job with its blanks filled in.
pub(super) fn job(template: &str) -> String {
    template
        .replace("METHODS", &METHODS.lines().collect::<Vec<_>>().join(" "))
        .replace("UNSEEN", &format!("{}-{}", UNSEEN.0, UNSEEN.1))
}

/// How many traces have the expected form: a client's span, and the server's below it.
pub(super) fn count(output: &str) -> usize {
    paths().iter().map(|path| traces(output, path)).sum()
}

/// How many traces there are to be.
pub(super) fn expected() -> usize {
    paths().len() * REQUESTS
}

/// Paths of requests whose traces are not as they have to be.
pub(super) fn wrong(output: &str) -> Vec<String> {
    paths().into_iter().filter(|path| traces(output, path) != REQUESTS).collect()
}

fn paths() -> Vec<String> {
    let all = FAMILIES.iter().flat_map(|family| METHODS.lines().map(move |method| (*family, method)));
    all.filter(|pair| *pair != UNSEEN).map(|(family, method)| format!("/{family}/{method}")).collect()
}

/// Traces of exactly two spans for a path, as the daemon prints them: a line for the trace, one for each span.
fn traces(output: &str, path: &str) -> usize {
    let lines: Vec<_> = output.lines().collect();
    let is = |line: &str, start: &[&str]| line.split_whitespace().take(start.len()).eq(start.iter().copied());
    lines
        .windows(3)
        .filter(|three| {
            three[0].starts_with("trace ")
                && three[0].contains(" 2 spans")
                && is(three[1], &["syscalls", "→", "POST", "200"])
                && is(three[2], &["└─", "syscalls", "←", "POST", path, "200"])
        })
        .count()
}

/// What was printed of a path: whole traces, each behind an empty line.
pub(super) fn seen(output: &str, path: &str) -> String {
    let is_of = |trace: &&str| trace.split_whitespace().any(|word| word == path);
    output.split("\n\n").filter(is_of).flat_map(|trace| [trace, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "trace 87fd  6.8 ms  2 spans\nsyscalls → POST   200  9 ms  ███\n└─ syscalls ← POST /ipv4/dup  200  6.8 ms  █\n\n";

    #[test]
    fn whole_traces_are_counted() {
        assert_eq!(traces(&TRACE.repeat(2), "/ipv4/dup"), 2);
        assert_eq!(traces(TRACE, "/ipv4/dup2"), 0);
        assert_eq!(traces(&TRACE.replace("└─ syscalls", "syscalls"), "/ipv4/dup"), 0);
        assert_eq!(traces(&TRACE.replace("2 spans", "3 spans"), "/ipv4/dup"), 0);
        assert_eq!(traces(&TRACE.replace("200  6.8", "?  6.8"), "/ipv4/dup"), 0);
    }

    #[test]
    fn what_is_missing_is_named() {
        let wrong = wrong(&TRACE.repeat(2));
        assert_eq!(wrong.len(), expected() / REQUESTS - 1);
        assert!(!wrong.contains(&"/ipv4/dup".to_owned()) && wrong.contains(&"/ipv4/dup2".to_owned()));
        assert_eq!(count(&TRACE.repeat(2)), 2);
    }

    #[test]
    fn what_was_printed_of_a_path() {
        let printed = format!("{TRACE}{}", TRACE.replace("/ipv4/dup", "/ipv4/dup2"));
        assert_eq!(seen(&printed, "/ipv4/dup"), format!("{}\n", TRACE.trim_end()));
    }

    #[test]
    fn the_job_names_every_method() {
        let job = job("for method in METHODS; do [ $family-$method = UNSEEN ]");
        assert!(job.contains("read-write readv-writev") && job.contains("= local-splice-both ]"), "{job}");
    }
}
