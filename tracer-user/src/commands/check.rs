//! `tracer check`: what this kernel and these privileges allow.

use std::{fmt::Write, process::ExitCode};

use crate::{
    agent::{load_kernel, terminal_style},
    config::Config,
    kernel::preflight::{Facts, Finding, State, evaluate, gather, usable},
};

/// Say what this host lets the tracer do, sentence by sentence.
///
/// Probes privileges and kernel, and loads the kernel programs for a moment without attaching them: nothing on the host notices.
/// Ends with exit code 0 where the tracer is of use, 1 where it is not.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// One JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Columns of text where there is no terminal.
const USUAL_WIDTH: usize = 100;
/// Columns in front of the sentences.
const INDENT: usize = 36;

/// Looks and says what there is.
pub fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = Config::default();
    // With everything that any command needs.
    let facts = gather(Some(|| load_kernel(&config, true)));
    let findings = evaluate(&facts);
    let text = if args.json {
        serde_json::to_string_pretty(&serde_json::json!({
            "kernel": facts.kernel,
            "usable": usable(&findings),
            "findings": findings,
        }))? + "\n"
    } else {
        to_text(&facts, &findings, terminal_style(&std::io::stdout()).width.unwrap_or(USUAL_WIDTH))
    };
    super::print(text)?;
    Ok(if usable(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn to_text(facts: &Facts, findings: &[Finding], width: usize) -> String {
    let width = width.max(INDENT + 30);
    let mut text = format!("Kernel {}\n\n", facts.kernel);
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Missing => "MISSING",
        };
        let head = format!("{state:<9}{:<1$}", finding.what, INDENT - 9);
        let word = if finding.state == State::Ok { "Limit" } else { "Lost" };
        let loses = finding.loses.iter().map(|sentence| format!("{word}: {sentence}"));
        let advice = finding.advice.iter().map(|sentence| format!("To do: {sentence}"));
        let mut lines = std::iter::once(finding.means.clone())
            .chain(loses)
            .chain(advice)
            .flat_map(|sentence| wrap(&sentence, width - INDENT));
        // Writing to memory does not fail.
        let _ = writeln!(text, "{head}{}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(text, "{:INDENT$}{line}", "");
        }
    }
    text += "\n";
    text += verdict(findings);
    text
}

fn verdict(findings: &[Finding]) -> &'static str {
    if !usable(findings) {
        "The tracer is of no use here until what is marked MISSING is solved.\n"
    } else if findings.iter().any(|finding| finding.state == State::Warning) {
        "Services on this host can be traced, with the losses named above.\n"
    } else {
        "Services on this host can be traced.\n"
    }
}

/// Lines of at most `width` characters, broken at spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incompressible x", 5), ["incompressible", "x"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn the_text_ends_with_its_verdict() {
        let facts = gather(None::<fn() -> _>);
        let finding = |state| Finding {
            what: "a thing",
            state,
            means: "It is so.".into(),
            loses: Some("Much.".into()),
            advice: None,
        };
        let text = to_text(&facts, &[finding(State::Warning)], 80);
        assert!(text.contains("warning  a thing                    It is so.\n"), "{text}");
        assert!(text.ends_with("with the losses named above.\n"), "{text}");
        assert!(to_text(&facts, &[finding(State::Missing)], 80).ends_with("is solved.\n"));
        assert!(to_text(&facts, &[finding(State::Ok)], 80).ends_with("can be traced.\n"));
    }
}
