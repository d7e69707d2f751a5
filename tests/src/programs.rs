//! What the kernel holds for daemons: eBPF programs, maps and links.

use std::{collections::BTreeSet, fs};

/// Something of eBPF in the kernel, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A program.
    Program(u32),
    /// A map.
    Map(u32),
    /// An attachment.
    Link(u32),
}

/// Everything of eBPF in the kernel. Needs root.
pub fn objects() -> BTreeSet<Object> {
    let programs = in_kernel().into_iter().map(Object::Program);
    let maps = aya::maps::loaded_maps().flatten().map(|map| Object::Map(map.id()));
    let links = aya::programs::loaded_links().flatten().map(|link| Object::Link(link.id()));
    programs.chain(maps).chain(links).collect()
}

/// Everything of eBPF that some process holds open: `/proc/PID/fdinfo` (proc(5)).
pub fn held() -> BTreeSet<Object> {
    let processes = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_dir(entry.path().join("fdinfo")).ok());
    let files = processes.flatten().flatten().filter_map(|file| fs::read_to_string(file.path()).ok());
    files.flat_map(|text| text.lines().filter_map(object).collect::<Vec<_>>()).collect()
}

fn object(line: &str) -> Option<Object> {
    let (name, id) = line.split_once(':')?;
    let id = id.trim().parse().ok()?;
    match name {
        "prog_id" => Some(Object::Program(id)),
        "map_id" => Some(Object::Map(id)),
        "link_id" => Some(Object::Link(id)),
        _ => None,
    }
}

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
