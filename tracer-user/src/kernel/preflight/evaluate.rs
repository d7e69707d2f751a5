//! Facts become sentences.

use serde::Serialize;

use super::facts::{Capability, Facts, KernelTypes, Load, Lockdown};
use crate::kernel::programs::{Need, PROGRAMS};

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Something is lost, but the tracer is of use.
    Warning,
    /// The tracer does not start.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// How good it is.
    pub state: State,
    /// What was found: a sentence.
    pub means: String,
    /// What the user loses: a sentence, where something is lost.
    pub loses: Option<String>,
    /// What to do about it: a sentence, where something can be done.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(what: &'static str, means: impl Into<String>) -> Self {
        Self { what, state: State::Ok, means: means.into(), loses: None, advice: None }
    }

    fn warning(what: &'static str, means: impl Into<String>) -> Self {
        Self { state: State::Warning, ..Self::ok(what, means) }
    }

    fn missing(what: &'static str, means: impl Into<String>) -> Self {
        Self { state: State::Missing, ..Self::ok(what, means) }.loses("Nothing can be traced.")
    }

    fn loses(self, sentence: impl Into<String>) -> Self {
        Self { loses: Some(sentence.into()), ..self }
    }

    fn advice(self, sentence: impl Into<String>) -> Self {
        Self { advice: Some(sentence.into()), ..self }
    }
}

/// Whether the tracer is of use here.
pub fn usable(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.state != State::Missing)
}

/// Says what the facts mean, the weightiest first.
pub fn evaluate(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![privileges(facts), types(facts), tracepoints(facts), maps(facts)];
    let explained = !usable(&findings);
    findings.extend(load(facts, explained));
    findings.extend([lockdown(facts), process_details(facts)]);
    findings.extend(memlock(facts));
    findings.extend([file_systems(facts), compat(facts), io_uring(facts)]);
    findings
}

fn may_load(facts: &Facts) -> bool {
    facts.has(Capability::SysAdmin) || (facts.has(Capability::Bpf) && facts.has(Capability::Perfmon))
}

fn privileges(facts: &Facts) -> Finding {
    let what = "privileges";
    if may_load(facts) {
        let who = if facts.uid == 0 { "root".into() } else { format!("user {}", facts.uid) };
        return Finding::ok(what, format!("This process runs as {who} and may load kernel programs."));
    }
    let lacking = lacking(facts, &[Capability::Bpf, Capability::Perfmon]);
    let advice = if facts.uid == 0 {
        "Give them to the container or service that it runs in (docker run --cap-add, AmbientCapabilities= of systemd)."
    } else {
        "Run it as root, or give the binary what it needs: \
         setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep /path/to/tracer."
    };
    let who = if facts.uid == 0 { "root, but without" } else { "an ordinary user without" };
    Finding::missing(what, format!("This process runs as {who} {lacking}: it may not load kernel programs."))
        .advice(advice)
}

/// Those of `wanted` that are not in force, as part of a sentence.
fn lacking(facts: &Facts, wanted: &[Capability]) -> String {
    let names: Vec<_> = wanted
        .iter()
        .filter(|&&capability| !facts.has(capability))
        .map(|capability| capability.name())
        .collect();
    names.join(" and ")
}

fn process_details(facts: &Facts) -> Finding {
    let what = "process details";
    let lacking = lacking(facts, &[Capability::SysPtrace, Capability::DacReadSearch]);
    if lacking.is_empty() {
        return Finding::ok(
            what,
            "What other processes are called and which container they run in can be read.",
        );
    }
    Finding::warning(what, format!("This process lacks {lacking}: parts of /proc of other users' processes are closed to it."))
        .loses(
            "Services may be named after their command instead of their executable, rules by executable do not match, \
             and what stands late in a large environment is not seen.",
        )
        .advice(format!("Run the tracer as root, or give it {lacking}."))
}

fn types(facts: &Facts) -> Finding {
    let what = "kernel type information";
    match &facts.types {
        KernelTypes::Unreadable(reason) => Finding::missing(what, format!("{}.", sentence(reason)))
            .advice("Boot a kernel that is built with CONFIG_DEBUG_INFO_BTF=y; those of all large distributions are."),
        KernelTypes::Searched(lacking) if !lacking.fields.is_empty() => {
            Finding::missing(what, format!("This kernel's structures lack {}.", lacking.fields.join(", ")))
                .advice("Report this together with the output of `tracer check --json`: the tracer has to learn this kernel.")
        }
        KernelTypes::Searched(_) => {
            Finding::ok(what, "It is there, and every structure field that the tracer reads was found.")
        }
    }
}

fn tracepoints(facts: &Facts) -> Finding {
    let what = "tracepoints";
    let KernelTypes::Searched(lacking) = &facts.types else {
        return Finding::warning(what, "They cannot be looked for without the kernel's type information.")
            .loses("Nothing more than what the missing type information costs.")
            .advice("See above.");
    };
    let absent = PROGRAMS.iter().filter(|program| lacking.tracepoints.contains(&program.tracepoint));
    let (required, useful): (Vec<_>, Vec<_>) = absent.partition(|program| program.need == Need::Required);
    let names = |programs: &[&crate::kernel::programs::ProgramSpec]| {
        programs.iter().map(|program| program.tracepoint).collect::<Vec<_>>().join(" and ")
    };
    if !required.is_empty() {
        return Finding::missing(what, format!("This kernel lacks {}.", names(&required)))
            .advice("Use kernel 6.3 or later, where these tracepoints are.");
    }
    if !useful.is_empty() {
        let losses: Vec<_> = useful.iter().map(|program| program.loss).collect();
        return Finding::warning(what, format!("This kernel lacks {}.", names(&useful)))
            .loses(format!("{}.", sentence(&losses.join("; "))))
            .advice("Use a later kernel if that matters to you.");
    }
    Finding::ok(what, "Every tracepoint that the tracer attaches to is there.")
}

fn maps(facts: &Facts) -> Finding {
    let what = "kernel maps";
    if facts.missing_maps.is_empty() {
        return Finding::ok(what, "Every kind of map that the tracer needs can be created.");
    }
    // One reason for all is the rule: it is said once.
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (kind, reason) in &facts.missing_maps {
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, kinds)) => kinds.push(kind),
            None => reasons.push((reason, vec![kind])),
        }
    }
    let reasons: Vec<_> =
        reasons.iter().map(|(reason, kinds)| format!("{} ({reason})", kinds.join(", "))).collect();
    let finding = Finding::missing(what, format!("These maps cannot be created: {}.", reasons.join("; ")));
    if may_load(facts) {
        finding.advice(
            "See whether the kernel is built with CONFIG_BPF_SYSCALL=y and whether a container's seccomp profile \
             refuses bpf(2).",
        )
    } else {
        finding.advice("Solve what is missing above first.")
    }
}

/// `explained`: what is missing above is reason enough for a refusal.
fn load(facts: &Facts, explained: bool) -> Option<Finding> {
    let what = "kernel programs";
    Some(match &facts.load {
        Load::Untried => return None,
        Load::Stub => {
            Finding::missing(what, "This binary was built without its kernel programs (TRACER_EBPF_STUB=1).")
                .advice("Build it with `cargo xtask build`.")
        }
        Load::Works(left_out) if left_out.is_empty() => {
            Finding::ok(what, "The kernel took every program (they were loaded for a moment, not attached).")
        }
        Load::Works(left_out) => {
            let names: Vec<_> = left_out.iter().map(|(name, _)| *name).collect();
            let reasons: Vec<_> = left_out.iter().map(|(_, reason)| reason.as_str()).collect();
            Finding::warning(what, format!("The kernel refuses {}.", names.join(" and ")))
                .loses(format!("{}.", sentence(&reasons.join("; "))))
                .advice("Report this together with the output of `tracer check --json`.")
        }
        Load::Refused(reason) => {
            let finding = Finding::missing(what, format!("{}.", sentence(reason)));
            if explained {
                finding.advice("Solve what is missing above first.")
            } else {
                finding.advice("Report this together with the output of `tracer check --json`.")
            }
        }
    })
}

fn lockdown(facts: &Facts) -> Finding {
    let what = "lockdown";
    match facts.lockdown {
        Lockdown::None => Finding::ok(what, "The kernel is not locked down."),
        Lockdown::Integrity => Finding::ok(
            what,
            "The kernel is locked down for integrity, as with Secure Boot; the tracer does nothing that this forbids.",
        ),
        Lockdown::Confidentiality => {
            let means =
                "The kernel is locked down for confidentiality: kernel programs may not read its memory.";
            Finding::missing(what, means)
                .advice("Boot with lockdown=integrity, or without lockdown, if your policy allows it.")
        }
        Lockdown::Unseen => Finding::ok(
            what,
            "Whether the kernel is locked down cannot be seen (securityfs is not mounted, or there is no lockdown); \
             what counts is whether it takes the programs.",
        ),
    }
}

fn file_systems(facts: &Facts) -> Finding {
    let what = "tracefs and bpffs";
    let mounted = match (facts.tracefs, facts.bpffs) {
        (true, true) => "Both are mounted",
        (true, false) => "bpffs is not mounted",
        (false, true) => "tracefs is not mounted",
        (false, false) => "Neither is mounted",
    };
    Finding::ok(what, format!("{mounted}; the tracer needs neither, so this makes no difference."))
}

fn memlock(facts: &Facts) -> Option<Finding> {
    let bytes = facts.memlock.filter(|_| !facts.missing_maps.is_empty() && may_load(facts))?;
    Some(
        Finding::warning(
            "locked memory",
            format!("The limit of locked memory (RLIMIT_MEMLOCK) is {bytes} bytes."),
        )
        .loses("Kernels before 5.11 count maps against it and refuse those that do not fit.")
        .advice(if facts.has(Capability::SysResource) {
            "Raise it: ulimit -l unlimited, or LimitMEMLOCK=infinity of systemd."
        } else {
            "Have it raised by root, or give the tracer CAP_SYS_RESOURCE."
        }),
    )
}

fn compat(facts: &Facts) -> Finding {
    let what = "32-bit processes";
    if facts.runs_32_bit {
        Finding::ok(what, "They can run on this kernel.")
            .loses("What a 32-bit process sends and reads is seen by its length alone and makes no spans.")
    } else {
        Finding::ok(what, "They cannot run on this kernel, so none goes untraced.")
    }
}

fn io_uring(facts: &Facts) -> Finding {
    let what = "io_uring";
    if facts.io_uring_off {
        Finding::ok(what, "It is switched off, so nothing goes past the tracer through it.")
    } else {
        Finding::ok(what, "Processes may use it.")
            .loses("What goes through it is seen by its length alone and makes no spans.")
    }
}

/// A part of a message as the start of a sentence: its first letter upper-case, no full stop at its end.
fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kernel::btf::Lacking;

    /// A host where everything is as it should be.
    pub(in crate::kernel::preflight) fn good() -> Facts {
        Facts {
            kernel: "6.12.0 x86_64".into(),
            uid: 0,
            capabilities: u64::MAX,
            types: KernelTypes::Searched(Lacking::default()),
            missing_maps: Vec::new(),
            load: Load::Works(Vec::new()),
            lockdown: Lockdown::None,
            tracefs: true,
            bpffs: true,
            runs_32_bit: false,
            io_uring_off: true,
            memlock: Some(65_536),
        }
    }

    fn without(capabilities: &[Capability]) -> u64 {
        capabilities.iter().fold(u64::MAX, |all, &capability| all & !(1 << capability as u32))
    }

    fn state(facts: &Facts, what: &str) -> State {
        evaluate(facts).into_iter().find(|finding| finding.what == what).map(|finding| finding.state).unwrap()
    }

    #[test]
    fn a_good_host_is_usable_and_nothing_is_lost() {
        let findings = evaluate(&good());
        assert!(usable(&findings));
        for finding in &findings {
            assert_eq!(
                (finding.state, &finding.loses, &finding.advice),
                (State::Ok, &None, &None),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn capabilities_count_not_the_user() {
        let user = Facts { uid: 1000, ..good() };
        assert!(usable(&evaluate(&user)));
        let plain = Facts { uid: 1000, capabilities: 0, load: Load::Refused("EPERM".into()), ..good() };
        assert_eq!(state(&plain, "privileges"), State::Missing);
        let text = format!("{:?}", evaluate(&plain));
        assert!(text.contains("CAP_BPF and CAP_PERFMON") && text.contains("setcap"), "{text}");
        // A container's root is root by name alone.
        let contained = Facts { capabilities: 0, ..good() };
        assert_eq!(state(&contained, "privileges"), State::Missing);
        assert!(format!("{:?}", evaluate(&contained)).contains("--cap-add"));
    }

    #[test]
    fn the_old_capability_still_does() {
        let facts = Facts { capabilities: without(&[Capability::Bpf, Capability::Perfmon]), ..good() };
        assert_eq!(state(&facts, "privileges"), State::Ok);
        let facts = Facts { capabilities: without(&[Capability::Bpf, Capability::SysAdmin]), ..good() };
        assert_eq!(state(&facts, "privileges"), State::Missing);
        assert!(!evaluate(&facts)[0].means.contains("CAP_PERFMON"), "that one is there");
    }

    #[test]
    fn closed_proc_costs_names_but_not_traces() {
        let facts = Facts { capabilities: without(&[Capability::SysPtrace]), ..good() };
        assert_eq!(state(&facts, "process details"), State::Warning);
        assert!(usable(&evaluate(&facts)));
    }

    #[test]
    fn an_old_kernel_lacks_the_socket_tracepoints() {
        let lacking = Lacking { fields: vec![], tracepoints: vec!["sock_recv_length", "sock_send_length"] };
        let facts = Facts { types: KernelTypes::Searched(lacking), ..good() };
        let findings = evaluate(&facts);
        assert!(!usable(&findings));
        assert!(format!("{findings:?}").contains("sock_recv_length and sock_send_length"));
    }

    #[test]
    fn a_refusal_is_worth_a_report_only_where_nothing_explains_it() {
        let refused = Facts { load: Load::Refused("no".into()), ..good() };
        let advice = |facts: &Facts| {
            let findings = evaluate(facts);
            let finding = findings.into_iter().find(|finding| finding.what == "kernel programs");
            finding.and_then(|finding| finding.advice).unwrap()
        };
        assert!(advice(&refused).starts_with("Report this"));
        assert!(advice(&Facts { capabilities: 0, ..refused }).starts_with("Solve what is missing above"));
    }

    #[test]
    fn a_tracepoint_that_is_only_useful_is_a_warning_that_says_what_is_lost() {
        let lacking = Lacking { fields: vec![], tracepoints: vec!["sched_process_exec"] };
        let facts = Facts { types: KernelTypes::Searched(lacking), ..good() };
        let finding = evaluate(&facts).into_iter().find(|finding| finding.what == "tracepoints").unwrap();
        assert_eq!(finding.state, State::Warning);
        assert_eq!(finding.loses.unwrap(), "A process that replaces its program keeps its old name.");
    }

    #[test]
    fn without_type_information_nothing_works() {
        let facts = Facts { types: KernelTypes::Unreadable("no such file".into()), ..good() };
        assert_eq!(state(&facts, "kernel type information"), State::Missing);
        let lacking = Lacking { fields: vec!["tcp_sock.write_seq".into()], tracepoints: vec![] };
        let facts = Facts { types: KernelTypes::Searched(lacking), ..good() };
        assert_eq!(state(&facts, "kernel type information"), State::Missing);
    }

    #[test]
    fn lockdown_is_only_in_the_way_where_memory_may_not_be_read() {
        for (mode, expected) in [
            (Lockdown::None, State::Ok),
            (Lockdown::Integrity, State::Ok),
            (Lockdown::Unseen, State::Ok),
            (Lockdown::Confidentiality, State::Missing),
        ] {
            assert_eq!(state(&Facts { lockdown: mode, ..good() }, "lockdown"), expected, "{mode:?}");
        }
    }

    #[test]
    fn locked_memory_matters_only_where_maps_fail() {
        let named = |facts: &Facts| evaluate(facts).iter().any(|finding| finding.what == "locked memory");
        assert!(!named(&good()));
        let failing = Facts { missing_maps: vec![("ring buffers", "not permitted".into())], ..good() };
        assert!(named(&failing) && !usable(&evaluate(&failing)));
        assert!(!named(&Facts { memlock: None, ..failing }));
    }

    #[test]
    fn limits_are_told_without_being_warnings() {
        let facts = Facts { runs_32_bit: true, io_uring_off: false, tracefs: false, bpffs: false, ..good() };
        let findings = evaluate(&facts);
        assert!(findings.iter().all(|finding| finding.state == State::Ok));
        assert_eq!(findings.iter().filter(|finding| finding.loses.is_some()).count(), 2);
    }

    #[test]
    fn every_text_is_made_of_full_sentences() {
        let bad = Facts {
            uid: 1000,
            capabilities: 0,
            types: KernelTypes::Unreadable("the file is gone".into()),
            missing_maps: vec![("ring buffers", "not permitted".into())],
            load: Load::Refused("the kernel says no.".into()),
            lockdown: Lockdown::Confidentiality,
            runs_32_bit: true,
            io_uring_off: false,
            ..good()
        };
        let partly =
            Facts { load: Load::Works(vec![("process_fork", "no; without it, x".into())]), ..good() };
        for facts in [good(), bad, partly, Facts { load: Load::Stub, ..good() }] {
            for finding in evaluate(&facts) {
                for text in [Some(&finding.means), finding.loses.as_ref(), finding.advice.as_ref()]
                    .into_iter()
                    .flatten()
                {
                    assert!(text.ends_with('.') && !text.ends_with(".."), "{text}");
                    assert!(!text.starts_with(char::is_whitespace) && !text.contains("  "), "{text}");
                }
                assert!(
                    finding.state == State::Ok || (finding.loses.is_some() && finding.advice.is_some()),
                    "{finding:?}"
                );
            }
        }
    }
}
