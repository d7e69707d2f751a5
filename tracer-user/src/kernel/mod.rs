//! The kernel side as the daemon sees it: offsets, the object, loading and attaching. Kernel-facing: `unsafe` is allowed here.

pub mod btf;
pub mod loader;
pub mod preflight;
pub mod programs;
pub mod propagation;
pub mod rings;
