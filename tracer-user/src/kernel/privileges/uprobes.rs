//! Whether this kernel wants CAP_SYS_ADMIN for probes in user programs: it is asked, not compared by version.
//!
//! Kernels from 5.8 on are content with CAP_PERFMON (`perfmon_capable` in `perf_uprobe_event_init`, kernel/events/core.c); those
//! with the fix for CVE-2025-38466 want CAP_SYS_ADMIN again.

use std::io;

use nix::libc;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// `struct perf_event_attr` as far as version 1 goes (include/uapi/linux/perf_event.h), in the words of a uprobe.
#[repr(C)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup: u64,
    path: u64,
    offset: u64,
}

/// `PERF_FLAG_FD_CLOEXEC` of the same file.
const CLOEXEC: libc::c_long = 1 << 3;

/// Where the kernel says which kind of event a uprobe is.
const KIND: &str = "/sys/bus/event_source/devices/uprobe/type";

/// Tries it in a file that there is not, without CAP_SYS_ADMIN: the kernel looks at privileges first. Whatever else happens is
/// taken for a yes.
pub(super) fn want_sys_admin() -> bool {
    let Ok(now) = capabilities(None) else { return true };
    if !now.effective.contains(CapabilitySet::SYS_ADMIN) {
        return false;
    }
    let without = CapabilitySets { effective: now.effective.difference(CapabilitySet::SYS_ADMIN), ..now };
    if set_capabilities(None, without).is_err() {
        return true;
    }
    let kind = std::fs::read_to_string(KIND).ok().and_then(|text| text.trim().parse().ok());
    let error = kind.map(probe_nothing);
    // Raising what is permitted cannot fail.
    let _ = set_capabilities(None, now);
    error.is_none_or(|error| error.raw_os_error() != Some(libc::ENOENT))
}

/// Why a probe in a file that does not exist cannot be made.
fn probe_nothing(kind: u32) -> io::Error {
    let attributes = Attributes {
        kind,
        size: size_of::<Attributes>() as u32,
        config: 0,
        sample_period: 0,
        sample_type: 0,
        read_format: 0,
        flags: 0,
        wakeup: 0,
        path: c"/proc/self/no-such-file".as_ptr() as u64,
        offset: 1,
    };
    // Any process, on the first CPU, in no group: perf_event_open(2).
    let (pid, cpu, group, flags) = (-1, 0, -1, CLOEXEC);
    // SAFETY: the kernel reads as many bytes of the attributes as `size` says, and the path, which is static; it keeps neither.
    let result =
        unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const attributes, pid, cpu, group, flags) };
    if result >= 0 {
        // SAFETY: the descriptor was made here, and nothing else has it.
        unsafe { libc::close(result as i32) };
        return io::Error::other("the kernel probes a file that does not exist");
    }
    io::Error::last_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_changes_nothing() {
        let before = capabilities(None).expect("capabilities");
        let wants = want_sys_admin();
        assert_eq!(capabilities(None).expect("capabilities"), before);
        assert!(
            !wants || before.effective.contains(CapabilitySet::SYS_ADMIN),
            "what is not there is not kept"
        );
    }
}
