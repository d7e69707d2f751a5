//! The system calls of a running daemon. All others fail with EPERM, and the kernel's log names them (`type=1326`).
//!
//! No program can be started, no process traced or written into, nothing mounted, no module loaded and no namespace entered.

use std::{collections::BTreeMap, io};

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// The filter cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// It cannot be made for this machine.
    #[error("there is no filter of system calls for this architecture: {0}")]
    Backend(#[from] BackendError),
    /// The kernel refuses it.
    #[error("the kernel refuses the filter of system calls: {0}")]
    Refused(io::Error),
}

/// Allowed whatever the arguments. What glibc and the runtime may call in place of another is here too, since which one they
/// take differs by version.
const ALLOWED: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_membarrier,
    libc::SYS_get_mempolicy,
    libc::SYS_mbind,
    // Threads, signals, the end.
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_getcpu,
    libc::SYS_setpriority,
    libc::SYS_getpriority,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Its own backend's process (`tracer run`), and abort(3).
    libc::SYS_kill,
    libc::SYS_tgkill,
    libc::SYS_tkill,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    // Itself, and the machine.
    libc::SYS_capget,
    libc::SYS_capset,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_getrusage,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getgroups,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_umask,
    libc::SYS_getrandom,
    // Time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_timer_create,
    libc::SYS_timer_settime,
    libc::SYS_timer_delete,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_signalfd4,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_pipe2,
    // Files: /proc, /sys, libraries and executables, the configuration, the control socket's name.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_flock,
    // Connections.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
    // Probes in programs that are started later, and its maps.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
];

/// Those that newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const LEGACY: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_newfstatat,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(target_arch = "aarch64")]
const LEGACY: &[libc::c_long] = &[libc::SYS_newfstatat, libc::SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const LEGACY: &[libc::c_long] = &[];

/// Kinds of sockets: the control socket, the backend, and what glibc asks about addresses of this host.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Puts the filter in force in every thread.
pub(super) fn apply() -> Result<(), FilterError> {
    let mut program = program()?;
    let fprog = libc::sock_fprog {
        len: program.len() as u16,
        // The same two structures of linux/filter.h, under two names.
        filter: program.as_mut_ptr().cast(),
    };
    // The library has no way to ask for lines in the kernel's log.
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC | libc::SECCOMP_FILTER_FLAG_LOG;
    // SAFETY: the kernel copies the program, whose length is given, and keeps no pointer.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const fprog) };
    match result {
        0 => Ok(()),
        // A thread that could not be brought under the filter is named by its id: seccomp(2).
        1.. => Err(FilterError::Refused(io::Error::other(format!("thread {result} has another filter")))),
        _ => Err(FilterError::Refused(io::Error::last_os_error())),
    }
}

fn program() -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(LEGACY).map(|&call| (call, Vec::new())).collect();
    let family = |family: libc::c_int| {
        let value = family as u64;
        SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?])
    };
    rules.insert(libc::SYS_socket, FAMILIES.into_iter().map(family).collect::<Result<_, _>>()?);
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a process of its own: a filter cannot be taken away again.
    fn under_the_filter(act: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child makes a few system calls and leaves by _exit, without running anything else of this program.
        match unsafe { nix::unistd::fork() }.expect("a process") {
            nix::unistd::ForkResult::Child => {
                let fine = rustix::thread::set_no_new_privs(true).is_ok() && apply().is_ok() && act();
                // SAFETY: it does not return.
                unsafe { libc::_exit(i32::from(!fine)) }
            }
            nix::unistd::ForkResult::Parent { child } => {
                let status = nix::sys::wait::waitpid(child, None).expect("its end");
                matches!(status, nix::sys::wait::WaitStatus::Exited(_, 0))
            }
        }
    }

    fn refused(result: libc::c_long) -> bool {
        result == -1 && nix::errno::Errno::last() == nix::errno::Errno::EPERM
    }

    #[test]
    fn what_a_daemon_does_not_do_is_refused() {
        let nothing = std::ptr::null::<libc::c_char>();
        assert!(under_the_filter(|| {
            // SAFETY: pointers are null, or not looked at.
            unsafe {
                refused(libc::syscall(libc::SYS_execve, nothing, nothing, nothing))
                    && refused(libc::syscall(libc::SYS_ptrace, 0, 0, 0, 0))
                    && refused(libc::syscall(libc::SYS_unshare, 0))
                    && refused(libc::syscall(libc::SYS_process_vm_writev, 0, nothing, 0, nothing, 0, 0))
                    && refused(libc::syscall(libc::SYS_socket, libc::AF_PACKET, libc::SOCK_RAW, 0))
            }
        }));
    }

    #[test]
    fn what_a_daemon_does_is_allowed() {
        assert!(under_the_filter(|| {
            // SAFETY: plain numbers.
            unsafe {
                libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0) >= 0
                    && libc::syscall(libc::SYS_getpid) > 0
            }
        }));
        assert!(!under_the_filter(|| false), "a failure inside is noticed");
    }
}
