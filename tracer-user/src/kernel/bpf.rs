//! bpf(2), for what aya has no call for.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

use aya_obj::generated::{bpf_attr, bpf_cmd};
use nix::libc;

/// Attributes of a command before any is set. Kernels take more than they know if it is zeros.
pub(super) fn attributes() -> bpf_attr {
    // SAFETY: integers only; zeros are the defaults.
    unsafe { std::mem::zeroed() }
}

/// Runs a command that makes no descriptor.
///
/// # Safety
/// Addresses in `attributes` must be good for what the command reads and writes there.
pub(super) unsafe fn run(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<()> {
    // SAFETY: as the caller says.
    unsafe { call(command, attributes) }.map(drop)
}

/// Runs a command that makes a descriptor.
///
/// # Safety
/// As for [`run`], and the command must be one that makes a descriptor.
pub(super) unsafe fn create(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: as the caller says; the kernel has just made the descriptor, and nothing else has it.
    unsafe { call(command, attributes).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

/// # Safety
/// As for [`run`].
unsafe fn call(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<i32> {
    let (address, size) = (std::ptr::from_mut(attributes), size_of::<bpf_attr>());
    // SAFETY: the kernel reads and writes the attributes, whose size it is told; for addresses in them, as the caller says.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_int, address, size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
