//! Language runtimes of traced processes: where each keeps the identity of its tasks. Read from files and maps of the
//! process; nothing in the process is touched. And what is known of event loops by the name of their program.

pub(crate) mod go;
mod python;

use std::{collections::HashMap, fs::File, io, os::unix::fs::MetadataExt, path::Path};

use foldhash::fast::RandomState;
use object::{File as Elf, Object, ObjectSegment, ReadRef};

pub use go::GoProgram;
pub use python::PythonProgram;
use python::Symbols;

/// A runtime that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// CPython.
    Python(PythonProgram),
    /// Go.
    Go(GoProgram),
}

/// Files that are remembered at a time.
const MAX_FILES: usize = 1024;

/// What the files that processes run have told: short processes of one program need not read it again each time.
#[derive(Debug, Default)]
pub struct Runtimes {
    python: HashMap<FileId, Option<Symbols>, RandomState>,
    go: HashMap<FileId, Option<GoProgram>, RandomState>,
}

impl Runtimes {
    /// What process `pid` runs; `None` where that is not known, or not a version that is. `proc` is `/proc`.
    pub fn find(&mut self, proc: &Path, pid: u32) -> Option<Runtime> {
        let Self { python, go } = self;
        let python = python::find(proc, pid, |id, file| remembered(python, id, || python::read(file)))
            .map(Runtime::Python);
        python.or_else(|| {
            go::find(proc, pid, |id, file| remembered(go, id, || go::read(file, id))).map(Runtime::Go)
        })
    }
}

/// What is known of a file, or what reading it tells.
fn remembered<T: Clone>(
    known: &mut HashMap<FileId, Option<T>, RandomState>,
    id: FileId,
    read: impl FnOnce() -> Option<T>,
) -> Option<T> {
    if known.len() >= MAX_FILES && !known.contains_key(&id) {
        known.clear();
    }
    known.entry(id).or_insert_with(read).clone()
}

/// Identity of a file and of what it holds: device, inode, size in bytes, and time of the last write (seconds and nanoseconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    inode: (u64, u64),
    size: u64,
    written: (i64, i64),
}

impl FileId {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// The bytes in `[start, end)` of a program, given by their addresses, and their place in its file.
pub(crate) fn code_at<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, start: u64, end: u64) -> Option<(&'a [u8], u64)> {
    let segment = elf.segments().find(|segment| {
        let within = start.checked_sub(segment.address());
        within.is_some_and(|within| within < segment.file_range().1)
    })?;
    let bytes = segment.data_range(start, end.checked_sub(start)?).ok()??;
    Some((bytes, segment.file_range().0 + (start - segment.address())))
}

/// Whether process `pid` runs an interpreter whose runtime is a library that it loads a moment after its start.
pub(crate) fn is_interpreter(proc: &Path, pid: u32) -> bool {
    python::is_python(&proc.join(pid.to_string()))
}

/// Programs whose event loop handles one event at a time: what a read leads to is sent before the next read, or later by a
/// timer. (haproxy, envoy and tokio read from many sockets first.)
pub const PROMPT_LOOPS: [&str; 3] = ["nginx", "node", "nodejs"];
