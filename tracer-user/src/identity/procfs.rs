//! What `/proc` adds to the facts while the process lives.

use std::{fs, fs::File, io::Read, path::Path};

use super::{
    cgroup,
    process::{Block, NS_PER_TICK, ProcessFacts},
};

/// Longest command line that is read, in bytes.
const MAX_CMDLINE_BYTES: u64 = 32 << 10;
/// Longest environment that is read, in bytes: thousands of Kubernetes service variables fit.
const MAX_ENVIRON_BYTES: u64 = 512 << 10;
/// Longest stat and cgroup files that are read, in bytes.
const MAX_SMALL_BYTES: u64 = 64 << 10;

impl ProcessFacts {
    /// Adds what `proc_root` (`/proc`) knows: executable, container and unit, and arguments and environment where the
    /// kernel's were cut or missing. Nothing is added, and `false` returned, unless the process that was read is the
    /// one described: the start time is compared before and after reading, because ids are reused, and the name, because
    /// several may have had the id within one tick.
    pub fn enrich_from_proc(&mut self, proc_root: &Path) -> bool {
        let directory = proc_root.join(self.pid.to_string());
        let Some(before) = Stat::read(&directory) else { return false };
        let other_start = self.start_ns != 0 && self.start_ticks() != before.start_ticks;
        if other_start || (!self.comm.is_empty() && self.comm != before.comm) {
            return false;
        }
        let mut enriched = self.clone();
        enriched.read_files(&directory);
        if Stat::read(&directory)
            .is_none_or(|after| (after.start_ticks, &after.comm) != (before.start_ticks, &before.comm))
        {
            return false;
        }
        if enriched.start_ns == 0 {
            enriched.start_ns = before.start_ticks.saturating_mul(NS_PER_TICK);
        }
        if enriched.parent_pid == 0 {
            enriched.parent_pid = before.parent_pid;
        }
        if enriched.comm.is_empty() {
            enriched.comm = before.comm;
        }
        *self = enriched;
        true
    }

    fn read_files(&mut self, directory: &Path) {
        if let Ok(target) = fs::read_link(directory.join("exe")) {
            // The kernel says so of a program that was replaced while it ran.
            let path = target.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(Into::into);
            self.exe = Some(path.unwrap_or(target));
        }
        if self.args.is_empty() || self.args_cut {
            let (bytes, cut) = read(directory, "cmdline", MAX_CMDLINE_BYTES).unwrap_or_default();
            if !bytes.is_empty() {
                self.set_args(Block { bytes: &bytes, cut });
            }
        }
        if self.env_cut || self.env == super::OtelEnv::default() {
            let (bytes, cut) = read(directory, "environ", MAX_ENVIRON_BYTES).unwrap_or_default();
            if !bytes.is_empty() {
                self.set_env(Block { bytes: &bytes, cut });
            }
        }
        if let Some((bytes, _)) = read(directory, "cgroup", MAX_SMALL_BYTES) {
            let text = super::process::text(&bytes);
            let membership = cgroup::membership(&text);
            self.container_id = self.container_id.take().or(membership.container_id);
            self.container_name = self.container_name.take().or(membership.container_name);
            self.cgroup = Some(text);
        }
    }
}

/// The fields of `/proc/<pid>/stat` that are needed, see proc_pid_stat(5).
struct Stat {
    comm: String,
    parent_pid: u32,
    start_ticks: u64,
}

impl Stat {
    fn read(directory: &Path) -> Option<Self> {
        let (bytes, _) = read(directory, "stat", MAX_SMALL_BYTES)?;
        let text = super::process::text(&bytes);
        // The name stands in parentheses and may hold any of them itself.
        let (head, tail) = text.rsplit_once(')')?;
        let (_, comm) = head.split_once('(')?;
        // What follows starts with field 3; the parent is field 4, the start time field 22.
        let mut fields = tail.split_ascii_whitespace();
        let parent_pid = fields.nth(1)?.parse().ok()?;
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Self { comm: comm.to_owned(), parent_pid, start_ticks })
    }
}

/// The first `limit` bytes of a file and whether there is more.
fn read(directory: &Path, name: &str, limit: u64) -> Option<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    File::open(directory.join(name)).ok()?.take(limit + 1).read_to_end(&mut bytes).ok()?;
    let cut = bytes.len() as u64 > limit;
    bytes.truncate(limit as usize);
    Some((bytes, cut))
}
