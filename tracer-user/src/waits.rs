//! How the threads of a process wait. A socket in an epoll set shows that its thread may serve many; one that a thread waits for by
//! select(2) or poll(2) does not, and such a loop would be taken for a thread that serves one connection. So a thread that reads a
//! request is looked at now and then: what it sleeps in, and on which sockets, /proc says (proc_pid_syscall(5)).

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::BufRead,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use foldhash::fast::RandomState;

use crate::connections::By;

/// Processes that are looked at, at a time.
const MAX_PROCESSES: usize = 16_384;
/// Threads of one process that are looked at when the tracer starts.
const MAX_THREADS: usize = 64;
/// Descriptors of one call that are looked at. A longer list is taken for an event loop's as it is.
const MAX_FDS: usize = 4096;
/// Between the first two looks at a process, nanoseconds; the time doubles with each.
const FIRST_PAUSE_NS: u64 = 2_000_000;
/// Between two looks, at most, nanoseconds.
const MAX_PAUSE_NS: u64 = 10_000_000_000;

/// When each process is to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    by_process: HashMap<u32, Next, RandomState>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Next {
    due_ns: u64,
    pause_ns: u64,
    /// It waits for many: there is nothing more to find out.
    found: bool,
}

impl Waits {
    /// A thread read a request. If it is time to, looks what the thread does now; true once it is found to wait for many connections.
    pub(crate) fn look(&mut self, proc: &Path, by: By, now_ns: u64) -> bool {
        if self.by_process.len() >= MAX_PROCESSES && !self.by_process.contains_key(&by.tgid) {
            return false;
        }
        let next = self.by_process.entry(by.tgid).or_default();
        if next.found || now_ns < next.due_ns {
            return false;
        }
        next.pause_ns = next.pause_ns.saturating_mul(2).clamp(FIRST_PAUSE_NS, MAX_PAUSE_NS);
        next.due_ns = now_ns + next.pause_ns;
        next.found = waits_for_many(&proc.join(by.tgid.to_string()), by.tid);
        next.found
    }

    /// A process ended, or runs another program.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.by_process.remove(&pid);
    }
}

/// Whether a thread of process `pid` waits for many connections now. `proc` is `/proc`.
pub(crate) fn is_event_loop(proc: &Path, pid: u32) -> bool {
    let process = proc.join(pid.to_string());
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let tids = threads.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    tids.take(MAX_THREADS).any(|tid| waits_for_many(&process, tid))
}

/// Whether a thread waits for a client, or for new ones, and for other connections beside.
///
/// One that serves a single connection may wait for a call's answer and for something that wakes it up, but not for those.
fn waits_for_many(process: &Path, tid: u32) -> bool {
    let Ok(line) = fs::read_to_string(process.join("task").join(tid.to_string()).join("syscall")) else {
        return false;
    };
    let Some(waiting) = Waiting::read(&line) else { return false };
    let Some(fds) = waiting.descriptors(process) else { return false };
    let inodes: HashSet<u64> = fds.into_iter().filter_map(|fd| socket(process, fd)).collect();
    inodes.len() > 1 && is_of_a_loop(&tcp(process), &inodes)
}

/// A call that waits for descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// `struct pollfd` of that number, at that address.
    Poll { array: u64, count: u64 },
    /// Descriptors below that number, as bits at that address.
    Select { bits: u64, below: u64 },
}

impl Waiting {
    /// Reads `number argument...`, in hexadecimal but for the number; a thread that runs is `running`.
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let number: i64 = fields.next()?.parse().ok()?;
        let mut argument = || u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok();
        let (first, second) = (argument()?, argument()?);
        if POLL.contains(&number) {
            Some(Self::Poll { array: first, count: second })
        } else if SELECT.contains(&number) {
            Some(Self::Select { bits: second, below: first })
        } else {
            None
        }
    }

    /// The descriptors that are waited for, to be read.
    fn descriptors(self, process: &Path) -> Option<Vec<u32>> {
        let (place, len) = match self {
            Self::Poll { array, count } => (array, usize::try_from(count).ok()?.min(MAX_FDS) * POLLFD),
            Self::Select { bits, below } => {
                (bits, usize::try_from(below).ok()?.min(MAX_FDS).div_ceil(64) * 8)
            }
        };
        let mut bytes = vec![0; len];
        File::open(process.join("mem")).ok()?.read_exact_at(&mut bytes, place).ok()?;
        Some(match self {
            Self::Poll { .. } => polled(&bytes),
            Self::Select { below, .. } => selected(&bytes, below),
        })
    }
}

/// Size of `struct pollfd`: an `int` and two `short`s (poll(2)).
const POLLFD: usize = 8;

/// poll(2), ppoll(2), by number (arch/x86/entry/syscalls/syscall_64.tbl).
#[cfg(target_arch = "x86_64")]
const POLL: &[i64] = &[7, 271];
/// select(2), pselect6(2).
#[cfg(target_arch = "x86_64")]
const SELECT: &[i64] = &[23, 270];
/// ppoll(2), by number (include/uapi/asm-generic/unistd.h): there is no other.
#[cfg(not(target_arch = "x86_64"))]
const POLL: &[i64] = &[73];
/// pselect6(2).
#[cfg(not(target_arch = "x86_64"))]
const SELECT: &[i64] = &[72];

/// The descriptors of an array of `struct pollfd`; negative ones are none.
fn polled(bytes: &[u8]) -> Vec<u32> {
    let entries = bytes.as_chunks::<POLLFD>().0.iter();
    entries.filter_map(|[a, b, c, d, ..]| i32::from_ne_bytes([*a, *b, *c, *d]).try_into().ok()).collect()
}

/// The descriptors of an `fd_set`: an array of `long`s.
fn selected(bytes: &[u8], below: u64) -> Vec<u32> {
    let words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word));
    let fds = words.zip((0..).step_by(64)).flat_map(|(word, first)| {
        (0..64_u32).filter(move |bit| word >> bit & 1 != 0).map(move |bit| first + bit)
    });
    fds.filter(|&fd| u64::from(fd) < below).collect()
}

/// The inode of a descriptor, if it is a socket.
fn socket(process: &Path, fd: u32) -> Option<u64> {
    let link = fs::read_link(process.join("fd").join(fd.to_string())).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// A TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tcp {
    inode: u64,
    port: u16,
    state: u8,
}

/// TCP states as `/proc/net/tcp` has them (include/net/tcp_states.h).
const ESTABLISHED: u8 = 1;
/// See [`ESTABLISHED`]: the peer sends nothing more, which is not known to the application yet.
const CLOSE_WAIT: u8 = 8;
/// See [`ESTABLISHED`].
const LISTEN: u8 = 10;

/// The TCP sockets of a process's network namespace.
fn tcp(process: &Path) -> Vec<Tcp> {
    let tables = ["net/tcp", "net/tcp6"].map(|table| -> PathBuf { process.join(table) });
    let files = tables.iter().filter_map(|path| File::open(path).ok());
    let lines = files.flat_map(|file| std::io::BufReader::new(file).lines().map_while(Result::ok));
    lines.filter_map(|line| Tcp::read(&line)).collect()
}

impl Tcp {
    /// Reads `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode` (proc_pid_net(5)).
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, state) = (fields.next()?, fields.nth(1)?);
        let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
        Some(Self { inode: fields.nth(5)?.parse().ok()?, port, state: u8::from_str_radix(state, 16).ok()? })
    }
}

/// Whether only an event loop waits for these sockets at once: for clients or new ones, and for a connection beside.
fn is_of_a_loop(table: &[Tcp], waited_for: &HashSet<u64>) -> bool {
    let listening: HashSet<u16> =
        table.iter().filter(|socket| socket.state == LISTEN).map(|socket| socket.port).collect();
    let (mut connections, mut of_server, mut all) = (0, 0, 0);
    for socket in table.iter().filter(|socket| waited_for.contains(&socket.inode)) {
        let open = matches!(socket.state, ESTABLISHED | CLOSE_WAIT);
        if open || socket.state == LISTEN {
            all += 1;
            connections += usize::from(open);
            of_server += usize::from(listening.contains(&socket.port));
        }
    }
    all > 1 && connections > 0 && of_server > 0
}

#[cfg(test)]
#[path = "waits_tests.rs"]
mod tests;
