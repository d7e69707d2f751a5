//! What the kernel side remembers of a process: the value of map `PROCESSES`, keyed by thread group id.

/// The process was described to the daemon.
pub const ANNOUNCED: u32 = 1;
/// The daemon's selection rules exclude it: nothing of it is captured.
pub const EXCLUDED: u32 = 2;
/// `tracer exec` started it or one of its ancestors.
pub const SELECTED: u32 = 4;
/// The map `RUNTIMES` says where its runtime keeps the identity of tasks.
pub const TASKS: u32 = 8;
/// Its connections are in epoll sets, as those of event loops are: the turns of its threads are numbered.
pub const TURNS: u32 = 16;
/// Its loop sends what a read leads to before it reads anything else.
pub const PROMPT: u32 = 32;
/// It is a Go program whose goroutines are known: see map `GO_RUNTIMES`.
pub const GOROUTINES: u32 = 64;
/// A `TlsSeen` record was made for it.
pub const TLS_SEEN: u32 = 128;
/// The daemon's selection rules include it.
pub const INCLUDED: u32 = 256;
/// Its threads wait for many connections at a time by select(2) or poll(2), which their sockets do not show.
pub const POLLS: u32 = 512;
