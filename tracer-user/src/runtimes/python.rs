//! CPython: where its thread states are.
//!
//! The layout of `PyThreadState` and `PyInterpreterState` belongs to a minor version and does not change within it. The
//! offsets below were read off running interpreters of these versions (64-bit, default build) by looking for the values that
//! `PyThreadState_Get()`, `PyInterpreterState_Get()`, `pthread_self()` and `id(copy_context())` return. A version
//! that is not listed is left alone.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use object::{Object, ObjectSegment, ObjectSymbol, ReadCache, ReadRef};
use tracer_common::runtime::Python;

use super::{FileId, code_at};

/// Offsets of one minor version, bytes.
struct Layout {
    /// `_PyRuntimeState.interpreters.main`
    main: u64,
    /// `PyInterpreterState.tstate_head` or `.threads.head`
    threads: u32,
    /// `PyThreadState.thread_id`
    thread_id: u32,
    /// `PyThreadState.context`
    context: u32,
}

/// `PyThreadState.next` in all of them.
const NEXT: u32 = 8;

fn layout(minor: u32) -> Option<Layout> {
    let (main, threads, thread_id, context) = match minor {
        9 | 10 => (40, 8, 176, 240),
        11 => (48, 16, 152, 224),
        12 => (48, 72, 136, 208),
        13 => (640, 7344, 152, 208),
        _ => return None,
    };
    Some(Layout { main, threads, thread_id, context })
}

/// A CPython.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonProgram {
    /// Where the process keeps its thread states.
    pub layout: Python,
    /// The program or library that holds the runtime.
    pub file: FileId,
    /// Its path, by way of /proc.
    pub path: PathBuf,
    /// File offset of `PyContext_CopyCurrent`, which makes the context of a task to be. `None` where it begins with an instruction
    /// that is dear to probe.
    pub new_context: Option<u64>,
}

/// The CPython in process `pid`; `None` if it runs none, or one that is not known. `read` is [`read`], or remembers it.
pub(super) fn find(
    proc: &Path,
    pid: u32,
    mut read: impl FnMut(FileId, File) -> Option<Symbols>,
) -> Option<PythonProgram> {
    let process = proc.join(pid.to_string());
    if !is_python(&process) {
        return None;
    }
    let maps = fs::read_to_string(process.join("maps")).ok()?;
    // Either the program or its library holds the runtime.
    maps.lines().filter_map(interpreter).find_map(|(start, path, minor)| {
        let layout = layout(minor)?;
        // The file as the process sees it, in its own mount namespace.
        let path = process.join("root").join(path.strip_prefix("/").ok()?);
        let file = File::open(&path).ok()?;
        let id = FileId::of(&file).ok()?;
        let symbols = read(id, file)?;
        let layout = Python {
            main: start.checked_add(symbols.runtime)? + layout.main,
            threads: layout.threads,
            next: NEXT,
            thread_id: layout.thread_id,
            context: layout.context,
        };
        Some(PythonProgram { layout, file: id, path, new_context: symbols.new_context })
    })
}

/// Whether the program of a process, given by its folder below /proc, is named as an interpreter is.
pub(super) fn is_python(process: &Path) -> bool {
    let Ok(program) = fs::read_link(process.join("exe")) else { return false };
    program.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains("python"))
}

/// Start address, path and minor version, if a line of /proc/PID/maps is the first of an interpreter.
fn interpreter(line: &str) -> Option<(u64, PathBuf, u32)> {
    // address perms offset dev inode path
    let mut fields = line.split_ascii_whitespace();
    let (range, offset) = (fields.next()?, fields.nth(1)?);
    let path = fields.nth(2)?;
    if u64::from_str_radix(offset, 16) != Ok(0) {
        return None;
    }
    let name = path.rsplit('/').next()?;
    let version = name.strip_prefix("libpython3.").or_else(|| name.strip_prefix("python3."))?;
    let minor = version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let start = u64::from_str_radix(range.split('-').next()?, 16).ok()?;
    Some((start, path.into(), minor))
}

/// What a file tells: megabytes, of which the symbol table is all that is read.
pub(super) fn read(file: File) -> Option<Symbols> {
    symbols(&ReadCache::new(file))
}

/// Where symbols are in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbols {
    /// Distance of `_PyRuntime` from where the file's first byte is mapped.
    runtime: u64,
    /// See [`PythonProgram::new_context`].
    new_context: Option<u64>,
}

fn symbols<'a>(file: impl ReadRef<'a>) -> Option<Symbols> {
    let file = object::File::parse(file).ok()?;
    let first = file.segments().find(|segment| segment.file_range().0 == 0)?.address();
    let (mut runtime, mut new_context) = (None, None);
    for symbol in file.dynamic_symbols().filter(ObjectSymbol::is_definition) {
        match symbol.name() {
            Ok("_PyRuntime") => runtime = symbol.address().checked_sub(first),
            Ok("PyContext_CopyCurrent") => new_context = cheap_site(&file, symbol.address()),
            _ => {}
        }
    }
    Some(Symbols { runtime: runtime?, new_context })
}

/// The file offset of a function, if its first instruction is one that the kernel emulates: a push of a register
/// (`push_setup_xol_ops` in arch/x86/kernel/uprobes.c). Any other would cost ten times as much.
fn cheap_site<'a, R: ReadRef<'a>>(file: &object::File<'a, R>, address: u64) -> Option<u64> {
    let (code, offset) = code_at(file, address, address.checked_add(2)?)?;
    let push = match *code {
        // push r8 .. r15; push rax .. rdi
        [0x41, 0x50..=0x57] | [0x50..=0x57, _] => true,
        _ => false,
    };
    push.then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_interpreters() {
        let line = "7f0db0c00000-7f0db0d00000 r--p 00000000 08:01 1234    /usr/lib/libpython3.11.so.1.0";
        assert_eq!(interpreter(line), Some((0x7f0d_b0c0_0000, "/usr/lib/libpython3.11.so.1.0".into(), 11)));
        let program = "00400000-00420000 r--p 00000000 08:01 99 /usr/bin/python3.9";
        assert_eq!(interpreter(program), Some((0x40_0000, "/usr/bin/python3.9".into(), 9)));
        for other in [
            "7f0db0c00000-7f0db0d00000 r-xp 00100000 08:01 1234 /usr/lib/libpython3.11.so.1.0",
            "7f0db0c00000-7f0db0d00000 r--p 00000000 08:01 1234 /usr/lib/libc.so.6",
            "7ffd0000-7ffe0000 rw-p 00000000 00:00 0 [stack]",
            "x",
            "",
        ] {
            assert_eq!(interpreter(other), None, "{other}");
        }
    }

    #[test]
    fn unknown_versions_are_left_alone() {
        assert!(layout(8).is_none());
        assert!(layout(99).is_none());
    }

    #[test]
    fn files_that_are_no_elf() {
        assert!(symbols(&b""[..]).is_none());
        assert!(symbols(&b"\x7fELF\x02\x01\x01"[..]).is_none());
    }
}
