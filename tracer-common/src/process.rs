//! What the kernel side remembers of a process: the value of map `PROCESSES`, keyed by thread group id.

/// The process was described to the daemon.
pub const ANNOUNCED: u32 = 1;
/// The daemon's selection rules exclude it: nothing of it is captured.
pub const EXCLUDED: u32 = 2;
/// `tracer exec` started it or one of its ancestors.
pub const SELECTED: u32 = 4;
/// The map `RUNTIMES` says where its runtime keeps the identity of tasks.
pub const TASKS: u32 = 8;
/// The daemon's selection rules include it.
pub const INCLUDED: u32 = 16;
