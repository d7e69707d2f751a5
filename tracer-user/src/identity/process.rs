//! The facts of one process.

use std::{borrow::Cow, path::PathBuf, sync::Arc};

use tracer_k8s::Container;

use super::otel_env::OtelEnv;

/// Nanoseconds in one clock tick of `/proc/<pid>/stat`: USER_HZ, which is 100 on every architecture that eBPF runs on
/// (`include/asm-generic/param.h` of Linux).
pub const NS_PER_TICK: u64 = 10_000_000;

/// Longest `task_struct.comm`: TASK_COMM_LEN less its NUL.
const MAX_COMM_BYTES: usize = 15;
/// Programs that are many: what they do depends on the name they are called by.
const MULTI_CALL: [&str; 2] = ["busybox", "toybox"];
/// Most arguments that are kept of one process.
const MAX_ARGS: usize = 1024;

/// A block of NUL-separated strings as the kernel keeps it (arguments, environment).
#[derive(Clone, Copy, Debug, Default)]
pub struct Block<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Whether the block goes on after `bytes`.
    pub cut: bool,
}

/// What the kernel programs know of a process at its first request.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelProcess<'a> {
    /// Process id (thread group id) in the initial namespace.
    pub pid: u32,
    /// That of the parent.
    pub parent_pid: u32,
    /// `task_struct.start_boottime` of the group leader: nanoseconds since boot. 0 where unknown.
    pub start_ns: u64,
    /// `task_struct.comm`, NUL-padded.
    pub comm: &'a [u8],
    /// The path that it was executed by (`AT_EXECFN`), empty where unknown. What `/proc` says is better: this may be relative,
    /// a link or a script, but it is there for a process that is gone.
    pub exec_path: &'a [u8],
    /// `mm_struct.arg_start..arg_end`.
    pub args: Block<'a>,
    /// `mm_struct.env_start..env_end`.
    pub env: Block<'a>,
}

/// What is known of a process. Empty or `None` means unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessFacts {
    /// Process id.
    pub pid: u32,
    /// Nanoseconds since boot at which it started, 0 where unknown. From `/proc` it is whole ticks.
    pub start_ns: u64,
    /// Process id of its parent.
    pub parent_pid: u32,
    /// Name of its main thread, at most 15 bytes.
    pub comm: String,
    /// Path of its executable as seen from its own mount namespace; never opened.
    pub exe: Option<PathBuf>,
    /// Its arguments, the program's name first; a process may have replaced them by a title.
    pub args: Vec<String>,
    /// Whether there are more arguments than `args`.
    pub args_cut: bool,
    /// What its environment says for OpenTelemetry.
    pub env: OtelEnv,
    /// Whether there is more environment than was looked at.
    pub env_cut: bool,
    /// `/proc/<pid>/cgroup`.
    pub cgroup: Option<String>,
    /// Id of its container.
    pub container_id: Option<String>,
    /// Name of its container, where the cgroup or a container runtime tells.
    pub container_name: Option<String>,
    /// What Kubernetes knows of its container.
    pub kubernetes: Option<Arc<Container>>,
}

impl ProcessFacts {
    /// The facts as far as the kernel programs saw them.
    pub fn from_kernel(process: &KernelProcess<'_>) -> Self {
        let mut facts = Self {
            pid: process.pid,
            start_ns: process.start_ns,
            parent_pid: process.parent_pid,
            comm: text(process.comm.split(|&byte| byte == 0).next().unwrap_or_default()),
            exe: process.exec_path.starts_with(b"/").then(|| text(process.exec_path).into()),
            ..Self::default()
        };
        facts.set_args(process.args);
        facts.set_env(process.env);
        facts
    }

    /// Start in clock ticks since boot, the unit in which kernel and `/proc` agree. 0 where unknown.
    pub fn start_ticks(&self) -> u64 {
        self.start_ns / NS_PER_TICK
    }

    /// File name of the executable, else the name that the kernel keeps of it; empty where unknown.
    ///
    /// That of a program that goes by many names (busybox) is the one it was called by, so that the answer does not
    /// depend on whether the executable could be read.
    pub fn executable_name(&self) -> String {
        if let Some(name) = self.own_executable() {
            return name.into_owned();
        }
        let called = self.args.first().and_then(|arg| arg.rsplit('/').next()).unwrap_or_default();
        // `comm` is cut to 15 bytes; the first argument may be anything, so it counts only where it goes on from there.
        let longer = self.comm.len() == MAX_COMM_BYTES && called.starts_with(&self.comm);
        if longer || self.comm.is_empty() { called.to_owned() } else { self.comm.clone() }
    }

    /// File name of the executable, where it is known and says what runs.
    pub(super) fn own_executable(&self) -> Option<Cow<'_, str>> {
        let path = self.exe.as_deref()?;
        let name = path.file_name()?.to_string_lossy();
        // memfd_create(2): a program without a file, whose name is the program's own affair.
        let in_memory = path.as_os_str().as_encoded_bytes().starts_with(b"/memfd:");
        (!in_memory && !MULTI_CALL.contains(&&*name)).then_some(name)
    }

    /// Sets the arguments. One that may be incomplete is dropped: half a path would make a wrong name.
    pub(super) fn set_args(&mut self, block: Block<'_>) {
        let mut args: Vec<&[u8]> = block.bytes.split(|&byte| byte == 0).take(MAX_ARGS + 1).collect();
        // The piece after the last NUL: nothing where the block is whole, the start of an argument where it is cut.
        if block.cut || args.len() > MAX_ARGS {
            args.pop();
        }
        self.args_cut = block.cut;
        // A title that is shorter than the arguments it replaced is followed by NULs.
        while args.last().is_some_and(|arg| arg.is_empty()) {
            args.pop();
        }
        self.args = args.into_iter().map(text).collect();
    }

    /// Sets what the environment says.
    pub(super) fn set_env(&mut self, block: Block<'_>) {
        let complete = match block.bytes.iter().rposition(|&byte| byte == 0) {
            Some(end) if block.cut => &block.bytes[..end],
            None if block.cut => &[],
            _ => block.bytes,
        };
        self.env = OtelEnv::from_block(complete);
        self.env_cut = block.cut;
    }
}

/// Bytes as text; what is no UTF-8 becomes replacement characters.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
