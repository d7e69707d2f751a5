//! Every map of the object.

use aya_ebpf::{
    btf_maps::{Array, ArrayOfMaps, HashMap, LruHashMap, PerCpuArray, RingBuf, SkStorage, SockHash},
    macros::btf_map,
};
use tracer_common::{
    drops::KernelDrop,
    limits::{
        MAX_FAILED_CONNECTS, MAX_GO_CALLS, MAX_ORIGINS, MAX_PROCESSES, MAX_SEALED, MAX_TLS, MAX_VERDICTS,
    },
    propagation::{MAX_AWAITED, MAX_HANDS, MAX_PEERS, Outcome, streams, switch},
    runtime::{Go, MAX_ASKERS, MAX_CONTEXTS, MAX_GOROUTINES, MAX_RUNTIMES, MAX_THREADS, Python},
};

use crate::{
    conn::Conn,
    go::Asker,
    process::Origin,
    propagation::{Followed, Hand, Line, Peer, Server},
    task::Context,
    task_storage::TaskStorage,
    tls::{Call, GoCall, Goroutine, Key, Layer},
    turn::Turn,
};

/// One ring buffer of a CPU. The daemon creates them in the configured size; this one is the template.
pub(crate) type Ring = RingBuf<u64, 4096>;

/// CPU, masked -> its ring buffer, so that producers of different CPUs share little. Sized and filled by the daemon.
#[btf_map]
pub(crate) static RINGS: ArrayOfMaps<Ring, 1> = ArrayOfMaps::new();

/// Socket -> what is known of it. Freed by the kernel together with the socket, so it needs no bound of its own.
#[btf_map]
pub(crate) static CONNS: SkStorage<Conn> = SkStorage::new();

/// Connection id -> `tracer_common::verdict`. Written by the daemon.
#[btf_map]
pub(crate) static VERDICTS: LruHashMap<u64, u32, { MAX_VERDICTS as usize }> = LruHashMap::new();

/// Thread group id and port -> when that process failed to connect to it last, CLOCK_MONOTONIC nanoseconds.
#[btf_map]
pub(crate) static FAILED_CONNECTS: LruHashMap<u64, u64, { MAX_FAILED_CONNECTS as usize }> = LruHashMap::new();

/// Thread group id -> `tracer_common::process` flags. Written by both sides, deleted at process exit.
#[btf_map]
pub(crate) static PROCESSES: HashMap<u32, u32, { MAX_PROCESSES as usize }> = HashMap::new();

/// Thread group id -> which thread of a traced process it descends from. Deleted at process exit.
#[btf_map]
pub(crate) static ORIGINS: LruHashMap<u32, Origin, { MAX_ORIGINS as usize }> = LruHashMap::new();

/// Thread group id -> where its runtime keeps the identity of tasks. Written by the daemon.
#[btf_map]
pub(crate) static RUNTIMES: LruHashMap<u32, Python, { MAX_RUNTIMES as usize }> = LruHashMap::new();

/// Thread id -> its `PyThreadState`, checked before use.
#[btf_map]
pub(crate) static THREAD_STATES: LruHashMap<u32, u64, { MAX_THREADS as usize }> = LruHashMap::new();

/// Thread group id and place of a context -> the task that it was made for.
#[btf_map]
pub(crate) static CONTEXTS: LruHashMap<u64, Context, { MAX_CONTEXTS as usize }> = LruHashMap::new();

/// One cell: the last number of a context.
#[btf_map]
pub(crate) static LAST_CONTEXT: Array<u64, 1> = Array::new();

/// Thread group id -> what is known of the goroutines of a Go program. Written by the daemon.
#[btf_map]
pub(crate) static GO_RUNTIMES: LruHashMap<u32, Go, { MAX_RUNTIMES as usize }> = LruHashMap::new();

/// Thread group id and goroutine id -> the request that it works for, by a number that no other has.
#[btf_map]
pub(crate) static GOROUTINES: LruHashMap<u64, u32, { MAX_GOROUTINES as usize }> = LruHashMap::new();

/// Thread group id and file descriptor -> who handed a call over to be written there.
#[btf_map]
pub(crate) static ASKERS: LruHashMap<u64, Asker, { MAX_ASKERS as usize }> = LruHashMap::new();

/// Thread -> its turns, if they are numbered.
#[btf_map]
pub(crate) static TURNS: TaskStorage<Turn> = TaskStorage::new();

/// Object of a TLS library -> what is known of the connection that it serves. Deleted when the object is freed; the loader makes it
/// tiny where TLS is not read.
#[btf_map]
pub(crate) static TLS: LruHashMap<Key, Layer, { MAX_TLS as usize }> = LruHashMap::new();

/// Thread -> the call of a TLS library that it is in.
#[btf_map]
pub(crate) static TLS_CALLS: TaskStorage<Call> = TaskStorage::new();

/// Goroutine -> the call of crypto/tls that it is in.
#[btf_map]
pub(crate) static GO_CALLS: LruHashMap<Goroutine, GoCall, { MAX_GO_CALLS as usize }> = LruHashMap::new();

/// One cell: changes when an object of a TLS library that used a socket is given another transport.
#[btf_map]
pub(crate) static TLS_GENERATION: Array<u32, 1> = Array::new();

/// The value of [`TLS_GENERATION`].
#[inline(always)]
pub(crate) fn tls_generation() -> u32 {
    // SAFETY: an array element is always valid; a lost race is noticed at the next record.
    TLS_GENERATION.get_ptr(0).map_or(0, |cell| unsafe { *cell })
}

/// Bytes of a TLS record that are in no other one -> the object that made it.
#[btf_map]
pub(crate) static SEALED: LruHashMap<[u64; 2], Key, { MAX_SEALED as usize }> = LruHashMap::new();

/// `KernelDrop` -> count. Read by the daemon.
#[btf_map]
pub(crate) static DROPS: PerCpuArray<u64, { KernelDrop::COUNT as usize }> = PerCpuArray::new();

/// One cell: changes with the flags of any process. What was read of `PROCESSES` before is to be read again then.
#[btf_map]
pub(crate) static GENERATION: Array<u32, 1> = Array::new();

/// The value of [`GENERATION`].
#[inline(always)]
pub(crate) fn generation() -> u32 {
    // SAFETY: an array element is always valid; a lost race is noticed at the next record.
    GENERATION.get_ptr(0).map_or(0, |cell| unsafe { *cell })
}

/// Says that what is known of some process has changed.
#[inline(always)]
pub(crate) fn next_generation() {
    if let Some(generation) = GENERATION.get_ptr_mut(0) {
        // SAFETY: an array element is always valid; that it changes is enough.
        unsafe { *generation = (*generation).wrapping_add(1) };
    }
}

/// One cell: the last number of a Go program's request.
#[btf_map]
pub(crate) static LAST_REQUEST: Array<u64, 1> = Array::new();

/// One cell: the last connection id given out.
#[btf_map]
pub(crate) static LAST_CONN: Array<u64, 1> = Array::new();

/// One cell per CPU: when the daemon was last woken because of a full ring, nanoseconds.
#[btf_map]
pub(crate) static LAST_WAKE: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Thread id -> how far it is in a `sendmmsg` or `recvmmsg` call.
#[btf_map]
pub(crate) static BATCHES: LruHashMap<u32, crate::syscall::Batch, 1024> = LruHashMap::new();

/// Socket cookie -> a connected socket whose first message is awaited. Sockets leave it by themselves when they close.
#[btf_map]
pub(crate) static AWAITED: SockHash<u64, { MAX_AWAITED as usize }> = SockHash::new();

/// Socket -> the line that was written on it.
#[btf_map]
pub(crate) static LINES: SkStorage<Line> = SkStorage::new();

/// Socket -> how far its HTTP/2 frames were followed.
#[btf_map]
pub(crate) static FOLLOWED: SkStorage<Followed> = SkStorage::new();

/// Server -> until when connections to it are not enrolled, CLOCK_MONOTONIC nanoseconds, or that it speaks HTTP/2: see `propagation::peer`.
#[btf_map]
pub(crate) static PEERS: LruHashMap<Peer, u64, { MAX_PEERS as usize }> = LruHashMap::new();

/// Thread id -> the request that it has in hand. Deleted at the thread's exit.
#[btf_map]
pub(crate) static HANDS: LruHashMap<u32, Hand, { MAX_HANDS as usize }> = LruHashMap::new();

/// Thread group id of a process that receives requests -> what is known of these.
#[btf_map]
pub(crate) static SERVERS: LruHashMap<u32, Server, { MAX_PROCESSES as usize }> = LruHashMap::new();

/// `tracer_common::propagation::switch`, the process of the self-test, and `tracer_common::propagation::streams`. Written by the daemon.
#[btf_map]
pub(crate) static SWITCH: Array<u32, 3> = Array::new();

/// `Outcome` -> count. Read by the daemon.
#[btf_map]
pub(crate) static OUTCOMES: PerCpuArray<u64, { Outcome::COUNT as usize }> = PerCpuArray::new();

/// The third value of [`SWITCH`].
#[inline(always)]
pub(crate) fn written_streams() -> u32 {
    SWITCH.get(2).copied().unwrap_or(streams::NONE)
}

/// The first value of [`SWITCH`].
#[inline(always)]
pub(crate) fn switch_state() -> u32 {
    SWITCH.get(0).copied().unwrap_or(switch::OFF)
}
