//! A cgroup of a scenario's own, so that only its programs have context written into their requests.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use crate::daemon::Options;

/// A cgroup (version 2) that is removed at the end.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Creates it.
    pub fn create(name: &str) -> Self {
        Self::named(&format!("tracer-{name}-{}", std::process::id()))
    }

    /// Creates it under a name that means something.
    pub fn named(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let root =
            mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|line| line[2] == "cgroup2");
        let root = root.expect("cgroups of version 2 are mounted")[1].to_owned();
        let path = Path::new(&root).join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    /// A program that runs in it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\""]).arg(&self.0).arg(program);
        command
    }

    /// The same command, in it.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = self.command(command.get_program());
        inside.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// A daemon that writes context into the requests of its programs; `more` goes into its configuration.
    pub fn options(&self, more: &str) -> Options {
        Options::config(&format!("{more}[propagation]\nenabled = true\ncgroup = \"{}\"\n", self.0.display()))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Busy until its last process is reaped.
        for _ in 0..500 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
