//! The kernel side as the daemon sees it: offsets, the object, loading and attaching. Kernel-facing: `unsafe` is allowed here.

mod attaching;
mod bpf;
pub mod btf;
pub mod fill;
pub mod loader;
pub(crate) mod memory;
mod multi;
pub mod plan;
pub mod preflight;
pub mod privileges;
mod probes;
pub mod programs;
pub mod propagation;
pub mod rings;
pub mod uprobes;
