//! Finds out what there is.

use std::{fs, path::Path};

use aya::{
    maps::MapType,
    sys::{SyscallError, is_map_supported},
};
use nix::sys::{
    resource::{Resource, getrlimit},
    utsname::uname,
};

use crate::kernel::{
    btf::{self, Lacking, VMLINUX},
    loader::{Kernel, LoadError},
    programs::PROGRAMS,
    propagation::Propagation,
};

/// A capability that matters, by its bit number (include/uapi/linux/capability.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Capability {
    /// Read other processes' files regardless of their modes.
    DacReadSearch = 2,
    /// Sockets and networks.
    NetAdmin = 12,
    /// Look into other processes.
    SysPtrace = 19,
    /// Everything that has no capability of its own.
    SysAdmin = 21,
    /// Raise the priority of processes.
    SysNice = 23,
    /// Raise resource limits.
    SysResource = 24,
    /// Read kernel and user memory from kernel programs.
    Perfmon = 38,
    /// Load kernel programs and maps.
    Bpf = 39,
    /// Read the files of other processes' mappings (kernel 5.9).
    CheckpointRestore = 40,
}

impl Capability {
    /// As capabilities(7) writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DacReadSearch => "CAP_DAC_READ_SEARCH",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysNice => "CAP_SYS_NICE",
            Self::SysResource => "CAP_SYS_RESOURCE",
            Self::Perfmon => "CAP_PERFMON",
            Self::Bpf => "CAP_BPF",
            Self::CheckpointRestore => "CAP_CHECKPOINT_RESTORE",
        }
    }
}

/// The kernel's type information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelTypes {
    /// It cannot be read, and why.
    Unreadable(String),
    /// It was searched.
    Searched(Lacking),
}

/// The attempt to load the kernel programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// Not made.
    Untried,
    /// This binary holds no kernel programs.
    Stub,
    /// The kernel took them, but for these (name, why not).
    Works(Vec<(&'static str, String)>),
    /// The kernel refuses, and why.
    Refused(String),
}

/// kernel_lockdown(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockdown {
    /// Not in force.
    None,
    /// The kernel may not be changed.
    Integrity,
    /// Nor may its memory be read.
    Confidentiality,
    /// Not to be seen: securityfs is not mounted, or the kernel has no lockdown.
    Unseen,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Release of the kernel and architecture.
    pub kernel: String,
    /// Effective user id.
    pub uid: u32,
    /// Effective capabilities, a bit for each.
    pub capabilities: u64,
    /// The kernel's type information.
    pub types: KernelTypes,
    /// Kinds of maps that cannot be created, and why.
    pub missing_maps: Vec<(&'static str, String)>,
    /// The attempt to load.
    pub load: Load,
    /// The attempt to write trace context into requests: what is wrong, if it was made.
    pub propagation: Option<Result<(), String>>,
    /// How far the kernel is locked down.
    pub lockdown: Lockdown,
    /// Whether tracefs is mounted where it usually is.
    pub tracefs: bool,
    /// Whether bpffs is mounted where it usually is.
    pub bpffs: bool,
    /// Whether 32-bit processes can run on this 64-bit kernel.
    pub runs_32_bit: bool,
    /// Whether functions of user programs can be probed.
    pub uprobes: bool,
    /// Whether io_uring is switched off for everybody.
    pub io_uring_off: bool,
    /// Limit of locked memory in bytes, `None` where there is none.
    pub memlock: Option<u64>,
}

impl Facts {
    /// Whether a capability is in force.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities & (1 << capability as u32) != 0
    }
}

/// The maps of the object by kind, with the name that people know.
const MAPS: [(MapType, &str); 7] = [
    (MapType::RingBuf, "ring buffers"),
    (MapType::ArrayOfMaps, "arrays of maps"),
    (MapType::SkStorage, "socket storage"),
    (MapType::SockHash, "tables of sockets"),
    (MapType::Hash, "hash tables"),
    (MapType::LruHash, "bounded hash tables"),
    (MapType::PerCpuArray, "arrays per CPU"),
];

/// Looks at everything. `load` tries to load the kernel programs without attaching them, but for those that write trace context,
/// which are tried out on a process of the tracer's own; `None` leaves that out.
pub fn gather(load: Option<impl FnOnce() -> Result<Kernel, LoadError>>) -> Facts {
    let mut status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.retain(|letter| letter != '\t');
    let name = uname();
    let kernel = name
        .map(|name| format!("{} {}", name.release().to_string_lossy(), name.machine().to_string_lossy()))
        .unwrap_or_default();
    let setting = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let (load, propagation) = load.map_or((Load::Untried, None), |load| outcome(load()));
    Facts {
        kernel,
        uid: nix::unistd::geteuid().as_raw(),
        capabilities: effective(&status),
        types: match btf::lacking(Path::new(VMLINUX), PROGRAMS.iter().map(|program| program.tracepoint)) {
            Ok(lacking) => KernelTypes::Searched(lacking),
            Err(error) => KernelTypes::Unreadable(error.to_string()),
        },
        missing_maps: MAPS.iter().filter_map(|&(kind, name)| Some((name, probe(kind)?))).collect(),
        load,
        propagation,
        lockdown: lockdown(setting("/sys/kernel/security/lockdown").as_deref()),
        tracefs: Path::new("/sys/kernel/tracing/events").exists()
            || Path::new("/sys/kernel/debug/tracing/events").exists(),
        bpffs: setting("/proc/self/mounts").is_some_and(|mounts| mounts.contains(" /sys/fs/bpf bpf ")),
        // The setting comes with the code that runs 32-bit processes (arch/x86/entry/vdso/vdso32-setup.c).
        runs_32_bit: Path::new("/proc/sys/abi/vsyscall32").exists(),
        uprobes: Path::new("/sys/bus/event_source/devices/uprobe/type").exists(),
        io_uring_off: setting("/proc/sys/kernel/io_uring_disabled").as_deref() == Some("2"),
        memlock: getrlimit(Resource::RLIMIT_MEMLOCK)
            .ok()
            .map(|(soft, _)| soft)
            .filter(|&soft| soft != nix::libc::RLIM_INFINITY),
    }
}

/// `CapEff` of /proc/PID/status (proc_pid_status(5)).
fn effective(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// The mode in brackets: `none [integrity] confidentiality`.
fn lockdown(modes: Option<&str>) -> Lockdown {
    let chosen = modes.and_then(|modes| Some(modes.split_once('[')?.1.split_once(']')?.0));
    match chosen {
        Some("none") => Lockdown::None,
        Some("integrity") => Lockdown::Integrity,
        Some("confidentiality") => Lockdown::Confidentiality,
        _ => Lockdown::Unseen,
    }
}

/// Why maps of this kind cannot be created, if they cannot.
fn probe(kind: MapType) -> Option<String> {
    match is_map_supported(kind) {
        Ok(true) => None,
        Ok(false) => Some("the kernel does not know them".into()),
        Err(SyscallError { io_error, .. }) => Some(io_error.to_string()),
    }
}

fn outcome(load: Result<Kernel, LoadError>) -> (Load, Option<Result<(), String>>) {
    match load {
        Ok(mut kernel) => {
            let propagation = Propagation::try_out(&mut kernel).map_err(|error| with_causes(&error));
            let left_out =
                kernel.programs.into_iter().filter_map(|state| Some((state.spec.name, state.reason?)));
            (Load::Works(left_out.collect()), Some(propagation))
        }
        Err(LoadError::Stub) => (Load::Stub, None),
        Err(error) => (Load::Refused(with_causes(&error)), None),
    }
}

/// An error with its causes, each said once.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_as_bits() {
        assert_eq!(effective("Name:x\nCapPrm:1\nCapEff:000000c000000000\nCapBnd:0\n"), 3 << 38);
        assert_eq!(effective(""), 0);
    }

    #[test]
    fn the_mode_of_lockdown_stands_in_brackets() {
        assert_eq!(lockdown(Some("none [integrity] confidentiality")), Lockdown::Integrity);
        assert_eq!(lockdown(Some("[none] integrity confidentiality")), Lockdown::None);
        assert_eq!(lockdown(Some("none integrity [confidentiality]")), Lockdown::Confidentiality);
        assert_eq!(lockdown(None), Lockdown::Unseen);
    }
}
