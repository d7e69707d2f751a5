//! Tier 1: every kernel program is loaded and attached, or `tracer check` says what is missing.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// The job of the machine.
pub(super) const JOB: &str = "tests/vm/tier1";

/// What was found on a kernel.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    /// Whether the tracer is of use there, as `tracer check` says.
    pub(super) usable: bool,
    /// Programs that are attached.
    pub(super) attached: Vec<String>,
    /// What is missing or was refused: sentences.
    pub(super) missing: Vec<String>,
}

#[derive(Deserialize)]
struct Check {
    usable: bool,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    what: String,
    state: String,
    means: String,
}

#[derive(Deserialize)]
struct Status {
    programs: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    name: String,
    attached: bool,
    reason: Option<String>,
}

/// Reads the job's output.
pub(super) fn read(output: &str) -> Result<Found> {
    let part = |from: &str, to: &str| output.split_once(from)?.1.split_once(to).map(|(part, _)| part.trim());
    let check = part("@check\n", "@status\n").context("The machine did not run `tracer check`.")?;
    let check: Check = serde_json::from_str(check).context("The answer of `tracer check` makes no sense.")?;
    let mut found = Found { usable: check.usable, ..Found::default() };
    for finding in check.findings.iter().filter(|finding| finding.state != "ok") {
        found.missing.push(format!("{}: {}", finding.what, finding.means));
    }
    let status = part("@status\n", "@agent\n").unwrap_or_default();
    if let Ok(status) = serde_json::from_str::<Status>(status) {
        for program in status.programs {
            if program.attached {
                found.attached.push(program.name);
            } else {
                found.missing.push(format!("{}: {}", program.name, program.reason.unwrap_or_default()));
            }
        }
    } else if check.usable {
        let said = part("@agent\n", "@end").unwrap_or_default();
        found
            .missing
            .push(format!("the daemon does not run although `tracer check` says that it can: {said}"));
    }
    Ok(found)
}

impl Found {
    /// What is wrong with it, for a kernel on which everything has to be traced, or not.
    pub(super) fn fault(&self, traces: bool) -> Option<&'static str> {
        match (traces, self.usable) {
            (true, _) if !self.missing.is_empty() || self.attached.is_empty() => {
                Some("not everything is attached")
            }
            (false, true) => {
                Some("it is traced, and no longer expected not to be: say so in tests/vm/packages.json")
            }
            (false, false) if self.missing.is_empty() => Some("nothing says why it cannot be traced"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"@check
{"usable": true, "findings": [{"what": "a", "state": "ok", "means": "Good."}]}
@status
{"programs": [{"name": "sock_send", "attached": true, "reason": null}]}
@agent
@end"#;

    #[test]
    fn what_is_attached_is_told() {
        let found = read(GOOD).expect("a whole output");
        assert_eq!((found.usable, found.attached.as_slice()), (true, &["sock_send".to_owned()][..]));
        assert_eq!(found.fault(true), None);
        assert!(found.fault(false).is_some());
    }

    #[test]
    fn a_program_that_is_refused_is_a_fault() {
        let refused =
            GOOD.replace(r#""attached": true, "reason": null"#, r#""attached": false, "reason": "no""#);
        let found = read(&refused).expect("a whole output");
        assert_eq!(found.missing, ["sock_send: no"]);
        assert!(found.fault(true).is_some());
    }

    #[test]
    fn a_daemon_that_does_not_come_up_is_a_fault() {
        let dead = GOOD.replace("{\"programs\"", "").replace("@agent\n", "@agent\nit says why\n");
        let found = read(&dead).expect("a check at least");
        assert!(found.missing[0].ends_with("it says why"), "{found:?}");
        assert!(read("@end").is_err());
    }

    #[test]
    fn an_old_kernel_has_to_be_explained() {
        let silent = Found::default();
        assert!(silent.fault(false).is_some());
        let explained =
            Found { missing: vec!["kernel helpers: It lacks them.".to_owned()], ..Found::default() };
        assert_eq!(explained.fault(false), None);
    }
}
