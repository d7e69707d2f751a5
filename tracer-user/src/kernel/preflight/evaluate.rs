//! Facts become sentences.

use serde::Serialize;

use super::{
    capabilities,
    facts::{Capability, Facts, KernelTypes, Load, Lockdown},
};
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
    pub(super) fn ok(what: &'static str, means: impl Into<String>) -> Self {
        Self { what, state: State::Ok, means: means.into(), loses: None, advice: None }
    }

    pub(super) fn warning(what: &'static str, means: impl Into<String>) -> Self {
        Self { state: State::Warning, ..Self::ok(what, means) }
    }

    fn missing(what: &'static str, means: impl Into<String>) -> Self {
        Self { state: State::Missing, ..Self::ok(what, means) }.loses("Nothing can be traced.")
    }

    pub(super) fn loses(self, sentence: impl Into<String>) -> Self {
        Self { loses: Some(sentence.into()), ..self }
    }

    pub(super) fn advice(self, sentence: impl Into<String>) -> Self {
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
    findings.extend(propagation(facts));
    findings.push(lockdown(facts));
    findings.extend(capabilities::findings(facts));
    findings.extend(memlock(facts));
    findings.extend([tls(facts), file_systems(facts), compat(facts), io_uring(facts)]);
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
         setcap cap_bpf,cap_perfmon,cap_net_admin,cap_sys_admin,cap_sys_ptrace,cap_dac_read_search+ep /path/to/tracer."
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
    if may_load(facts) && !facts.has(Capability::NetAdmin) && !facts.has(Capability::SysAdmin) {
        finding.advice("Give the tracer CAP_NET_ADMIN, which the kernel wants for tables of sockets; it is dropped after the start.")
    } else if may_load(facts) {
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

fn propagation(facts: &Facts) -> Option<Finding> {
    let what = "trace context in requests";
    Some(match facts.propagation.as_ref()? {
        Ok(()) => Finding::ok(
            what,
            "The kernel writes it as it should (it was tried on a process of the tracer's own); [propagation] enabled = true \
             switches it on.",
        ),
        Err(reason) => Finding::warning(what, format!("It cannot be written: {reason}."))
            .loses("Between hosts, traces join only where applications pass trace context on themselves.")
            .advice("Leave [propagation] off, as it is by default, or solve this and try again."),
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

fn tls(facts: &Facts) -> Finding {
    let what = "TLS libraries";
    let loses = "TLS connections are not read.";
    if !cfg!(target_arch = "x86_64") {
        return Finding::warning(what, "Where their functions can be probed is known for x86_64 alone.")
            .loses(loses)
            .advice("Set `[tls] enabled = false`, so that nothing is looked for.");
    }
    if !facts.uprobes {
        return Finding::warning(what, "This kernel cannot probe functions of user programs.")
            .loses(loses)
            .advice("Boot a kernel that is built with CONFIG_UPROBE_EVENTS=y; those of all large distributions are.");
    }
    Finding::ok(what, "This kernel can probe their functions: connections of OpenSSL and GnuTLS are read.")
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
