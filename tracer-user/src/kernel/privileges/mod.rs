//! The daemon gives up what it does not need: capabilities while and after it starts, system calls once it runs.
//!
//! Linux keeps capabilities by thread, and a thread has those of the one that starts it. So the rest is dropped before threads
//! are started that outlive the start; those that have to be started earlier [`renounce`] all of them.

mod filter;
mod uprobes;

use rustix::{
    io::Errno,
    thread::{
        CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs,
    },
};

pub use rustix::thread::CapabilitySet;

pub use self::filter::FilterError;
use crate::config::Config;

/// What a start may need, whatever is enabled. [`needed`] says why.
const START: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::CHECKPOINT_RESTORE)
    .union(CapabilitySet::SYS_NICE)
    .union(CapabilitySet::SYS_RESOURCE);

/// What it takes to look at other users' processes: /proc, their executables and libraries, also those that are deleted or in
/// another mount namespace (/proc/PID/map_files; CAP_SYS_ADMIN did before kernel 5.9).
const LOOK: CapabilitySet =
    CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH).union(CapabilitySet::CHECKPOINT_RESTORE);

/// What cannot be given up, and why.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Capabilities.
    #[error("the capabilities that are not needed cannot be dropped: {0}")]
    Capabilities(#[from] Errno),
    /// System calls.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

/// Before anything is loaded: no program that is started from here on gets more than this process has, and this process keeps
/// what a start needs, and `more`.
pub fn before_loading(config: &Config, more: CapabilitySet) -> Result<(), PrivilegeError> {
    let mut start = START | more;
    // The root of the cgroup file system, where the self-test may have to make a cgroup, is closed to root.
    start.set(CapabilitySet::DAC_OVERRIDE, config.propagation.enabled);
    set_no_new_privs(true)?;
    for capability in CapabilitySet::all().difference(start).iter() {
        // Where CAP_SETPCAP is not in force, the line above does: nothing that is started gains anything.
        let _ = remove_capability_from_bounding_set(capability);
    }
    Ok(keep(start)?)
}

/// Everything is loaded and attached: what is needed for probes in programs that are started later stays, and `more`. Returns
/// what is left.
///
/// `together`: probes are set by links to many places at once, for which the kernel wants nothing but a program.
pub fn after_attaching(
    config: &Config,
    more: CapabilitySet,
    together: bool,
) -> Result<CapabilitySet, PrivilegeError> {
    keep(needed(config, !together && uprobes::want_sys_admin()) | more)?;
    Ok(capabilities(None)?.permitted)
}

/// From here on, the kernel refuses all system calls that a running daemon does not make, in every thread.
pub fn filter_system_calls() -> Result<(), PrivilegeError> {
    Ok(filter::apply()?)
}

/// This thread needs no capability. What could not be dropped is what the daemon has anyway.
pub fn renounce() {
    let _ = keep(CapabilitySet::empty());
}

/// This thread only looks at processes.
pub fn only_look() {
    let _ = keep(LOOK);
}

/// What a running daemon needs:
///
/// * `CAP_BPF` and `CAP_PERFMON`: to attach probes to programs that are started later, and to look at its maps;
/// * [`LOOK`]: to describe processes, and to find what is probed in them;
/// * `CAP_SYS_ADMIN`: for those probes, where they are set one by one and the kernel wants it ([`uprobes::want_sys_admin`]);
/// * `CAP_NET_ADMIN`: where trace context is written, since its programs work on sockets. Else it is for the start alone: the
///   object holds a table of sockets, and the kernel wants it for making one.
fn needed(config: &Config, sys_admin: bool) -> CapabilitySet {
    let mut kept = LOOK | CapabilitySet::BPF | CapabilitySet::PERFMON;
    kept.set(CapabilitySet::SYS_ADMIN, sys_admin);
    kept.set(CapabilitySet::NET_ADMIN, config.propagation.enabled);
    kept
}

/// Drops all of this thread's capabilities but these; none is gained.
fn keep(wanted: CapabilitySet) -> Result<(), Errno> {
    let permitted = capabilities(None)?.permitted & wanted;
    clear_ambient_capability_set()?;
    set_capabilities(
        None,
        CapabilitySets { effective: permitted, permitted, inheritable: CapabilitySet::empty() },
    )
}

/// The names of capabilities as capabilities(7) writes them.
pub fn names(set: CapabilitySet) -> String {
    let names: Vec<_> = set.iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_is_enabled() {
        let mut config = Config::default();
        let names = |config: &Config, sys_admin| names(needed(config, sys_admin));
        let least = "CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE";
        assert_eq!(names(&config, false), least);
        assert!(names(&config, true).contains("CAP_SYS_ADMIN"));
        config.propagation.enabled = true;
        assert!(names(&config, false).contains("CAP_NET_ADMIN"));
        assert!(START.contains(needed(&config, true)), "nothing is needed that the start gave up");
    }

    #[test]
    fn a_thread_that_renounces_has_nothing_left_and_the_others_are_as_before() {
        let before = capabilities(None).expect("capabilities");
        let inside = std::thread::spawn(|| {
            renounce();
            // One that it starts has nothing either.
            std::thread::spawn(|| capabilities(None)).join()
        });
        let inside = inside.join().expect("a thread").expect("a thread").expect("capabilities");
        assert!(inside.permitted.is_empty() && inside.effective.is_empty());
        assert_eq!(capabilities(None).expect("capabilities"), before);
    }
}
