//! The language of a process, where its executable leaves no doubt.

use super::{interpreter::Interpreter, process::ProcessFacts};

/// The value of `telemetry.sdk.language`. Compiled programs are not told apart.
pub(super) fn of(facts: &ProcessFacts) -> Option<&'static str> {
    Some(match Interpreter::of(facts)? {
        Interpreter::Python => "python",
        Interpreter::Node => "nodejs",
        Interpreter::Java => "java",
        Interpreter::Ruby => "ruby",
        Interpreter::Php => "php",
        Interpreter::Dotnet => "dotnet",
        Interpreter::Bun | Interpreter::Deno | Interpreter::Perl | Interpreter::Shell => return None,
    })
}
