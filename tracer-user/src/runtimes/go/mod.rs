//! Go: which goroutine works for which request.
//!
//! Nothing but the function table (`.gopclntab`) and the build information is needed, which a stripped program has too. A
//! version or a sequence of instructions that is not known is left alone.

mod build_info;
mod functions;
mod sites;

pub(crate) use build_info::minor_version;
pub(crate) use functions::Functions;
pub(crate) use sites::stack_check;

use std::{fs::File, path::Path};

use object::{File as Elf, Object, ObjectSection, ReadCache, ReadRef};
use tracer_common::runtime::Go;

use super::FileId;

/// A Go program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoProgram {
    /// Where the runtime keeps what.
    pub layout: Go,
    /// The file.
    pub file: FileId,
    /// File offset of an instruction in `net/http.(*persistConn).roundTrip` at which the arguments are in their registers; `None`
    /// where the program lacks it.
    pub round_trip: Option<u64>,
    /// The same in `(*loopyWriter).run` of grpc-go, which a goroutine runs that writes for whoever calls.
    pub shared_writer: Option<u64>,
    /// File offset of the call of `runtime.runqput` in `runtime.newproc`.
    pub new_goroutine: u64,
}

/// Offsets in `runtime.g` and `runtime.m` of a minor version, read from the debug information of 1.19.8, 1.21.13, 1.22.10, 1.23.9,
/// 1.24.11, 1.25.5, 1.26.5 and 1.27.3. Before 1.17 there is no register that holds the goroutine.
fn layout(minor: u32) -> Option<Go> {
    let (goid, current) = match minor {
        17..=22 => (152, 192),
        23 | 24 => (160, 192),
        25..=27 => (152, 184),
        _ => return None,
    };
    Some(Go { goid, current })
}

/// The Go program that process `pid` runs; `None` if it runs none, or one that is not known. `read` is [`read`], or remembers it.
pub(super) fn find(
    proc: &Path,
    pid: u32,
    read: impl FnOnce(FileId, File) -> Option<GoProgram>,
) -> Option<GoProgram> {
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    let file = File::open(proc.join(pid.to_string()).join("exe")).ok()?;
    read(FileId::of(&file).ok()?, file)
}

/// What a file tells.
pub(super) fn read(file: File, id: FileId) -> Option<GoProgram> {
    analyse(&ReadCache::new(file), id)
}

fn analyse<'a>(bytes: impl ReadRef<'a>, file: FileId) -> Option<GoProgram> {
    let elf = Elf::parse(bytes).ok()?;
    let info = elf.section_by_name(".go.buildinfo")?.data().ok()?;
    let layout = layout(minor_version(info)?)?;
    let sites = sites::find(&elf, &Functions::of(&elf, &sites::FUNCTIONS)?)?;
    let sites::Sites { round_trip, shared_writer, new_goroutine } = sites;
    Some(GoProgram { layout, file, round_trip, shared_writer, new_goroutine })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_versions_are_left_alone() {
        assert!(layout(16).is_none());
        assert!(layout(28).is_none());
    }

    #[test]
    fn files_that_are_no_go_program() {
        let own = File::open("/proc/self/exe").unwrap();
        let id = FileId::of(&own).unwrap();
        assert_eq!(analyse(&b""[..], id), None);
        assert_eq!(analyse(&b"\x7fELF\x02\x01\x01"[..], id), None);
        assert_eq!(read(own, id), None);
    }
}
