//! Where a language runtime keeps the identity of the task that a thread is running, so that it can be read at a system
//! call: the values of map `RUNTIMES`, keyed by thread group id.

/// Processes with a known runtime, at a time.
pub const MAX_RUNTIMES: u32 = 4096;
/// Thread states that are looked through for the current thread's, the first time; newer ones come first.
pub const MAX_THREAD_STATES: usize = 128;
/// Threads whose state is remembered, at a time; the least recently used one makes room.
pub const MAX_THREADS: u32 = 16_384;

/// CPython: the current thread's `PyThreadState` is looked for in the list of the main interpreter; what it is doing is told
/// by its current context (PEP 567), which asyncio copies for every task.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Python {
    /// Address of `_PyRuntime.interpreters.main` in the process.
    pub main: u64,
    /// Offset of the first thread state in `PyInterpreterState`, bytes.
    pub threads: u32,
    /// Offset of `PyThreadState.next`, bytes.
    pub next: u32,
    /// Offset of `PyThreadState.thread_id` (what pthread_self() returns), bytes.
    pub thread_id: u32,
    /// Offset of `PyThreadState.context`, bytes.
    pub context: u32,
}

const _: () = assert!(size_of::<Python>() == 24);

/// Go: what is known of goroutines.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Go {
    /// Offset of `goid` in `runtime.g`, bytes.
    pub goid: u32,
    /// Offset of `curg` in `runtime.m`, bytes.
    pub current: u32,
}

/// Goroutines that work for a request, at a time; the least recently used one makes room.
pub const MAX_GOROUTINES: u32 = 65_536;
/// Calls that were handed over and are not written yet, at a time.
pub const MAX_ASKERS: u32 = 16_384;

/// A context at this address, in a few bits. Objects are aligned to 16 bytes (Objects/obmalloc.c), and no process has two contexts
/// 32 GiB apart.
pub const fn place_of(context: u64) -> u32 {
    (context >> 4) as u32 & !BY_PLACE
}

/// Set in `DataHeader::task` where nothing but the place of the context tells tasks apart, which another one may have later.
pub const BY_PLACE: u32 = 1 << 31;

/// Contexts that are remembered, at a time; the least recently used one makes room.
pub const MAX_CONTEXTS: u32 = 65_536;
