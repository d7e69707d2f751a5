//! The kernel side as the daemon sees it: offsets, the object, loading and attaching. Kernel-facing: `unsafe` is allowed here.

pub mod btf;
pub mod loader;
mod memory;
pub mod preflight;
pub mod privileges;
mod probes;
pub mod programs;
pub mod propagation;
pub mod rings;
pub mod uprobes;
