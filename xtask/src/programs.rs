//! How large the kernel programs are, in instructions.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

use crate::workspace::Workspace;

/// Every eBPF instruction is 64 bits wide, except the load of a 64-bit constant, which counts as two (RFC 9669, 3).
const INSTRUCTION_BYTES: u64 = 8;

/// The section in which subprograms lie, which are called by programs and counted by the verifier with them.
const SUBPROGRAMS: &str = ".text";

/// One program or subprogram.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    section: String,
    name: String,
    instructions: u64,
}

/// The object that the daemon's build script has compiled last.
pub(crate) fn object(workspace: &Workspace) -> PathBuf {
    let endian = if cfg!(target_endian = "big") { "big" } else { "little" };
    let triple = ebpf_build::target_triple(endian);
    workspace.target_dir().join("ebpf").join(triple).join("release").join(ebpf_build::EBPF_PACKAGE)
}

/// A table of the kernel programs in an object, largest first.
pub(crate) fn report(object: &Path) -> Result<String> {
    let bytes = std::fs::read(object)
        .with_context(|| format!("the kernel object {} could not be read.", object.display()))?;
    let programs = programs(&bytes)
        .with_context(|| format!("{} is not an object that can be read.", object.display()))?;
    let (subprograms, entries): (Vec<_>, Vec<_>) =
        programs.into_iter().partition(|program| program.section == SUBPROGRAMS);
    let total: u64 = entries.iter().chain(&subprograms).map(|program| program.instructions).sum();
    let mut text = format!(
        "{} kernel programs and {} subprograms, {total} instructions:",
        entries.len(),
        subprograms.len()
    );
    for Program { section, name, instructions } in entries.iter().chain(&subprograms) {
        write!(text, "\n  {instructions:>6}  {name}  ({section})")?;
    }
    Ok(text)
}

/// The functions of an object, largest first.
fn programs(bytes: &[u8]) -> Result<Vec<Program>> {
    let file = object::File::parse(bytes)?;
    let mut programs = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let Some(index) = symbol.section_index() else { continue };
        programs.push(Program {
            section: file.section_by_index(index)?.name()?.to_owned(),
            name: symbol.name()?.to_owned(),
            instructions: symbol.size() / INSTRUCTION_BYTES,
        });
    }
    programs.sort_by(|a, b| b.instructions.cmp(&a.instructions).then_with(|| a.name.cmp(&b.name)));
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_object_is_refused() {
        assert!(programs(b"").is_err());
        assert!(programs(b"\x7fELF but no more").is_err());
    }

    #[test]
    fn the_functions_of_an_object_are_found() {
        // The test binary itself is an ELF file with functions.
        let bytes = std::fs::read(std::env::current_exe().expect("own path")).expect("own file");
        let programs = programs(&bytes).expect("an ELF file");
        let main = programs.iter().find(|program| program.name == "main").expect("a test binary has main");
        assert_eq!(main.section, SUBPROGRAMS);
        assert!(programs.is_sorted_by(|a, b| a.instructions >= b.instructions));
    }
}
