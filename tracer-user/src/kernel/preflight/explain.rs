//! Why a start failed, for people.

use std::fmt::Write;

use super::{
    evaluate::{State, evaluate},
    facts::{Facts, Load, gather, with_causes},
};
use crate::kernel::loader::{Kernel, LoadError};

/// Says in full sentences what is missing, what that costs and what to do.
pub fn explain_start_failure(error: &LoadError) -> String {
    let reason = with_causes(error);
    let mut facts = gather(None::<fn() -> Result<Kernel, LoadError>>);
    facts.load = if matches!(error, LoadError::Stub) { Load::Stub } else { Load::Refused(reason) };
    explain(&facts)
}

/// As [`explain_start_failure`], from facts alone.
pub fn explain(facts: &Facts) -> String {
    let mut text = String::from("The tracer cannot start.");
    for finding in evaluate(facts).iter().filter(|finding| finding.state == State::Missing) {
        // Writing to memory does not fail.
        let _ = write!(text, "\n- {}", finding.means);
        if let Some(advice) = &finding.advice {
            let _ = write!(text, " {advice}");
        }
    }
    text.push_str("\n`tracer check` says what else there is to know of this host.");
    text
}

#[cfg(test)]
mod tests {
    use super::{super::tests::good, *};

    #[test]
    fn an_ordinary_user_is_told_what_is_missing_and_what_to_do() {
        let facts = Facts {
            uid: 1000,
            capabilities: 0,
            load: Load::Refused("the kernel refuses: EPERM".into()),
            ..good()
        };
        assert_eq!(
            explain(&facts),
            "The tracer cannot start.\n\
             - This process runs as an ordinary user without CAP_BPF and CAP_PERFMON: it may not load kernel programs. \
             Run it as root, or give the binary what it needs: \
             setcap cap_bpf,cap_perfmon,cap_net_admin,cap_sys_admin,cap_sys_ptrace,cap_dac_read_search+ep /path/to/tracer.\n\
             - The kernel refuses: EPERM. Solve what is missing above first.\n\
             `tracer check` says what else there is to know of this host."
        );
    }

    #[test]
    fn a_binary_without_programs_says_so() {
        let text = explain_start_failure(&LoadError::Stub);
        assert!(text.contains("cargo xtask build"), "{text}");
    }
}
