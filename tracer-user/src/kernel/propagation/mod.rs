//! The programs that write trace context into requests: tried out on this kernel before they are let loose.

mod frames;
mod probe;
mod programs;
mod selftest;

use std::path::{Path, PathBuf};

use aya::{maps::MapError, programs::ProgramError};
use tracer_common::propagation::{Outcome, streams, switch};

pub use self::probe::{ProbeArgs, probe};
use self::programs::Programs;
use super::loader::Kernel;
use crate::config;

/// Why no context is written.
#[derive(Debug, thiserror::Error)]
pub enum PropagationError {
    /// A program was refused.
    #[error("the kernel refuses program {0}: {1}")]
    Program(&'static str, #[source] ProgramError),
    /// A map that must exist does not.
    #[error("the object lacks map or program {0}; the binary is damaged or was built from mixed sources")]
    Missing(&'static str),
    /// A map operation failed.
    #[error("a map of the kernel side failed: {0}")]
    Map(#[from] MapError),
    /// There is no cgroup to attach to.
    #[error("no cgroup file system of version 2 is mounted; mount one (mount -t cgroup2 none DIRECTORY)")]
    NoCgroups,
    /// The cgroup cannot be used.
    #[error("the cgroup {0} cannot be used: {1}")]
    Cgroup(PathBuf, #[source] std::io::Error),
    /// The self-test has no cgroup of its own.
    #[error(
        "the self-test cannot create the cgroup {0} ({1}); it needs a writable cgroup file system, \
         in a systemd unit ProtectControlGroups=no"
    )]
    NoOwnCgroup(PathBuf, #[source] std::io::Error),
    /// The self-test could not be made.
    #[error("the self-test could not be made: {0}")]
    Untested(#[source] std::io::Error),
    /// The self-test found something.
    #[error("in the self-test, {0}")]
    Failed(String),
    /// The settings exclude it.
    #[error("{0}")]
    Settings(&'static str),
}

/// The writing programs at work.
pub struct Propagation {
    programs: Programs,
    /// What the self-test counted.
    before: Vec<(Outcome, u64)>,
}

impl Propagation {
    /// Tries the programs out, then attaches them to the cgroup of the settings (empty: to the root of the hierarchy).
    pub fn start(kernel: &mut Kernel, settings: &config::Propagation) -> Result<Self, PropagationError> {
        let wanted = match settings.http2 {
            config::Streams::Off => streams::NONE,
            config::Streams::First => streams::FIRST,
            config::Streams::Every => streams::EVERY,
        };
        let mut programs = Programs::load(kernel)?;
        let started = try_out(kernel, &mut programs, wanted != streams::NONE).and_then(|root| {
            let cgroup = if settings.cgroup.as_os_str().is_empty() { &root } else { &settings.cgroup };
            Programs::enrol(kernel, cgroup).map(drop)
        });
        let started = started.and_then(|()| {
            let before = programs.outcomes()?;
            programs.set(switch::ON, 0, wanted)?;
            Ok(before)
        });
        let before = started.inspect_err(|_| Programs::unload(kernel))?;
        Ok(Self { programs, before })
    }

    /// Tries the programs out and detaches them again.
    pub fn try_out(kernel: &mut Kernel) -> Result<(), PropagationError> {
        let mut programs = Programs::load(kernel)?;
        let result = try_out(kernel, &mut programs, true).map(drop);
        Programs::unload(kernel);
        result
    }

    /// What became of the first messages on new connections so far.
    pub fn outcomes(&self) -> Result<Vec<(Outcome, u64)>, MapError> {
        let mut outcomes = self.programs.outcomes()?;
        for ((_, count), (_, before)) in outcomes.iter_mut().zip(&self.before) {
            *count -= before;
        }
        Ok(outcomes)
    }
}

/// The self-test, in a cgroup of its own, so that no other process is touched. Returns the root of the hierarchy.
/// With `by_frames`, HTTP/2 is tried as well.
fn try_out(
    kernel: &mut Kernel,
    programs: &mut Programs,
    by_frames: bool,
) -> Result<PathBuf, PropagationError> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").map_err(PropagationError::Untested)?;
    let root = cgroup_root(&mounts).ok_or(PropagationError::NoCgroups)?;
    // Below the cgroup of this process, whose directory is root's own; that of the root is closed to root.
    let place = own_cgroup(&root, &std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    let own = selftest::Cgroup::create(&place)?;
    let link = Programs::enrol(kernel, own.path())?;
    let tried = if by_frames { streams::EVERY } else { streams::NONE };
    let result = selftest::run(&own, by_frames, |pid| programs.set(switch::TEST, pid, tried));
    programs.set(switch::OFF, 0, streams::NONE)?;
    Programs::dismiss(kernel, link)?;
    // What was counted says why nothing was written where something should have been.
    result.map(|()| root).map_err(|error| match (error, programs.outcomes()) {
        (PropagationError::Failed(finding), Ok(outcomes)) => {
            let counted: Vec<_> = outcomes.into_iter().filter(|(_, count)| *count > 0).collect();
            PropagationError::Failed(format!("{finding} ({})", counts(&counted)))
        }
        (error, _) => error,
    })
}

/// `written 2, has_context 1`
fn counts(outcomes: &[(Outcome, u64)]) -> String {
    let counts: Vec<_> =
        outcomes.iter().map(|(outcome, count)| format!("{} {count}", outcome.name())).collect();
    counts.join(", ")
}

/// Where cgroups of version 2 are mounted, from /proc/self/mounts (proc_pid_mounts(5)).
fn cgroup_root(mounts: &str) -> Option<PathBuf> {
    let found = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (directory, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then_some(directory)
    });
    // Spaces are written as octal numbers.
    found.map(|directory| PathBuf::from(directory.replace("\\040", " ")))
}

/// The directory of this process's cgroup, from /proc/self/cgroup (cgroups(7)); the root where that is not to be seen.
fn own_cgroup(root: &Path, cgroup: &str) -> PathBuf {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let own = root.join(path);
    // In a cgroup namespace, other cgroups have names that lead out of it.
    if own.is_dir() && !path.starts_with("..") { own } else { root.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_test_takes_place_below_the_own_cgroup() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("system.slice/tracer.service")).unwrap();
        let place = |cgroup| own_cgroup(root.path(), cgroup);
        assert_eq!(
            place("1:name=systemd:/x\n0::/system.slice/tracer.service\n"),
            root.path().join("system.slice/tracer.service")
        );
        for elsewhere in ["0::/\n", "0::/gone\n", "0::/../other\n", "4:memory:/a\n", ""] {
            assert_eq!(
                place(elsewhere).components().count(),
                root.path().components().count(),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn counts_are_a_list() {
        assert_eq!(counts(&[(Outcome::Written, 2), (Outcome::HasContext, 1)]), "written 2, has_context 1");
    }

    #[test]
    fn the_hierarchy_is_found_among_the_mounts() {
        let hybrid = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(cgroup_root(hybrid), Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(cgroup_root("none /odd\\040place cgroup2 rw 0 0"), Some(PathBuf::from("/odd place")));
        assert_eq!(cgroup_root("proc /proc proc rw 0 0\n"), None);
    }
}
