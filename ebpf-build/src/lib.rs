//! Where the eBPF toolchain is and how the kernel object is compiled with it: the one place that both the
//! daemon's build script and `cargo xtask` ask.
//!
//! The kernel programs need two things which a plain Rust installation lacks: a compiler that has the source of the
//! standard library beside it (`core` is compiled for the bpf target), and `bpf-linker`.
#![forbid(unsafe_code)]

mod compile;
mod script;
mod toolchain;

pub use compile::{CompileError, EBPF_PACKAGE, Job, Verb, compile, target_triple};
pub use script::build_script;
pub use toolchain::{
    BPF_LINKER_VERSION, LLVM_MAJOR, Linker, Missing, Rustc, Toolchain, find, linkers, rustcs, tools_dir,
};
