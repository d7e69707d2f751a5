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
        remove(&self.0);
    }
}

/// A cgroup whose memory can be limited, of whichever version has the memory of this host.
pub struct MemoryLimit {
    path: PathBuf,
    /// Its files: bytes in use, and the most that may be.
    usage: &'static str,
    limit: &'static str,
}

impl MemoryLimit {
    /// Creates it, without a limit.
    #[track_caller]
    pub fn create(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mounts: Vec<_> = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
        let old = mounts
            .iter()
            .find(|line| line[2] == "cgroup" && line[3].split(',').any(|option| option == "memory"));
        let new = mounts.iter().find(|line| line[2] == "cgroup2");
        let (root, usage, limit) = match (old, new) {
            (Some(old), _) => (old[1], "memory.usage_in_bytes", "memory.limit_in_bytes"),
            (None, Some(new)) => {
                fs::write(Path::new(new[1]).join("cgroup.subtree_control"), "+memory").unwrap();
                (new[1], "memory.current", "memory.max")
            }
            (None, None) => panic!("no cgroups are mounted"),
        };
        let path = Path::new(root).join(format!("tracer-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, usage, limit }
    }

    /// Takes a process in.
    pub fn take(&self, pid: u32) {
        fs::write(self.path.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    /// From now on it may have so many bytes more than it has.
    #[track_caller]
    pub fn tighten(&self, room: u64) {
        let usage: u64 = fs::read_to_string(self.path.join(self.usage)).unwrap().trim().parse().unwrap();
        fs::write(self.path.join(self.limit), (usage + room).to_string()).unwrap();
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes a cgroup, which is busy until its last process is reaped.
fn remove(path: &Path) {
    for _ in 0..500 {
        if fs::remove_dir(path).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
