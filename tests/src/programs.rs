//! What the kernel holds for a daemon: its eBPF programs.

use std::{collections::BTreeSet, fs};

/// The ids of the programs that a process holds open, from `/proc/PID/fdinfo` (`prog_id:` lines; a link shows the
/// program that it runs, too).
pub fn held_by(pid: u32) -> BTreeSet<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return BTreeSet::new() };
    entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .flat_map(|text| {
            text.lines()
                .filter_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// The ids of all programs in the kernel. Needs root.
pub fn in_kernel() -> BTreeSet<u32> {
    aya::programs::loaded_programs().flatten().map(|program| program.id()).collect()
}
