//! A process is described, once, just before its first data record: it may be gone when the daemon gets to read /proc.

use super::Header;
use crate::limits::{MAX_ARGS, MAX_ENVIRON, MAX_EXEC_PATH};

/// Facts taken in the process's own context.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Process {
    /// Common part.
    pub header: Header,
    /// Start of the process, nanoseconds since boot, suspend included (as in /proc/PID/stat, there in ticks).
    pub start_boottime_ns: u64,
    /// cgroup v2 id of the process.
    pub cgroup: u64,
    /// When the thread of `origin` started this process, or the one that it descends from, CLOCK_MONOTONIC nanoseconds.
    pub origin_ns: u64,
    /// The traced process that started this one, or one that it descends from: a thread group id, 0 where there is none or
    /// where this process runs its ancestor's program (fork without exec).
    pub origin_tgid: u32,
    /// The thread of `origin_tgid` that did.
    pub origin_tid: u32,
    /// The runtime's task that the thread was running then, as in `DataHeader::task`.
    pub origin_task: u32,
    /// Keeps the struct a multiple of eight.
    pub reserved: u32,
    /// Thread group id of the parent.
    pub parent_tgid: u32,
    /// Valid bytes of `args`.
    pub args_len: u32,
    /// Valid bytes of `environ`.
    pub environ_len: u32,
    /// Bytes that the two blocks really have were cut: bit 0 `args`, bit 1 `environ`.
    pub cut: u32,
    /// `task_struct::comm` of the thread that made the call.
    pub comm: [u8; 16],
    /// Path that the process was executed by, NUL-terminated; empty where it cannot be read. It follows the environment
    /// block (`AT_EXECFN`, create_elf_tables() in fs/binfmt_elf.c); of a script it is the script's.
    pub exec_path: [u8; MAX_EXEC_PATH],
    /// Argument block: NUL-separated.
    pub args: [u8; MAX_ARGS],
    /// Environment block: NUL-separated. Everything but `OTEL_*` is discarded on arrival.
    pub environ: [u8; MAX_ENVIRON],
}

const _: () =
    assert!(size_of::<Process>() == 24 + 8 + 8 + 24 + 16 + 16 + MAX_EXEC_PATH + MAX_ARGS + MAX_ENVIRON);
