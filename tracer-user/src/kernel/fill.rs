//! How full the maps of the kernel side are.
//!
//! The kernel keeps no count of the entries of a hash map, so that they have to be walked. That is done by the way: a slice of one map a turn, and each
//! map about once a minute. Maps of other types are always full (arrays), or have no bound of their own (storage of sockets and tasks).

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
};

use aya::{
    Ebpf,
    maps::{Map, MapData, MapError},
};
use aya_obj::generated::bpf_cmd::BPF_MAP_LOOKUP_BATCH;
use nix::libc;

use super::bpf;

/// Between the beginnings of two maps, nanoseconds.
const PAUSE_NS: u64 = 3_000_000_000;
/// Entries that one call of the kernel hands out.
const CHUNK: usize = 512;
/// Calls of the kernel in one turn: together some 100 microseconds.
const CALLS: usize = 4;

/// The maps whose entries are counted.
#[derive(Debug, Default)]
pub struct Fills {
    maps: Vec<Counted>,
    /// The map at hand, and how far it is counted.
    at: usize,
    walk: Option<Walk>,
    due_ns: u64,
    keys: Vec<u8>,
    values: Vec<u8>,
}

/// How full a map is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Its name in the object.
    pub name: String,
    /// Entries when they were last counted; none before the first time, and on kernels that cannot tell (before 5.6).
    pub entries: Option<u64>,
    /// Most entries.
    pub max_entries: u64,
}

#[derive(Debug)]
struct Counted {
    fd: OwnedFd,
    key_size: usize,
    value_size: usize,
    fill: Fill,
}

#[derive(Clone, Copy, Debug, Default)]
struct Walk {
    /// Where the kernel goes on; none at the beginning.
    position: Option<u32>,
    entries: u64,
}

impl Fills {
    /// The hash maps of a loaded object.
    pub(super) fn of(ebpf: &Ebpf) -> Result<Self, MapError> {
        let mut maps = Vec::new();
        for (name, map) in ebpf.maps() {
            if let Map::HashMap(data) | Map::LruHashMap(data) = map {
                maps.push(Counted::new(name, data)?);
            }
        }
        maps.sort_unstable_by(|a, b| a.fill.name.cmp(&b.fill.name));
        Ok(Self { maps, ..Self::default() })
    }

    /// What is known.
    pub fn all(&self) -> impl Iterator<Item = &Fill> {
        self.maps.iter().map(|map| &map.fill)
    }

    /// Counts a little, if it is time to.
    pub fn turn(&mut self, now_ns: u64) {
        let Some(map) = self.maps.get_mut(self.at) else { return };
        if self.walk.is_none() && now_ns < self.due_ns {
            return;
        }
        let walk = self.walk.get_or_insert_with(|| {
            self.due_ns = now_ns + PAUSE_NS;
            Walk::default()
        });
        self.keys.resize(self.keys.len().max(CHUNK * map.key_size), 0);
        self.values.resize(self.values.len().max(CHUNK * map.value_size), 0);
        for _ in 0..CALLS {
            let end = match map.chunk(walk, &mut self.keys, &mut self.values) {
                Ok(true) => Some(walk.entries.min(map.fill.max_entries)),
                Ok(false) => continue,
                Err(error) => {
                    tracing::debug!(map = map.fill.name, %error, "the entries of a map cannot be counted");
                    None
                }
            };
            map.fill.entries = end;
            self.walk = None;
            self.at = (self.at + 1) % self.maps.len();
            return;
        }
    }
}

impl Counted {
    fn new(name: &str, data: &MapData) -> Result<Self, MapError> {
        let info = data.info()?;
        let fd = data.fd().as_fd().try_clone_to_owned().map_err(MapError::IoError)?;
        Ok(Self {
            fd,
            key_size: info.key_size() as usize,
            value_size: info.value_size() as usize,
            fill: Fill { name: name.to_owned(), entries: None, max_entries: info.max_entries().into() },
        })
    }

    /// Counts up to [`CHUNK`] entries more; returns whether these were the last.
    fn chunk(&self, walk: &mut Walk, keys: &mut [u8], values: &mut [u8]) -> io::Result<bool> {
        let mut next = 0_u32;
        let mut attr = bpf::attributes();
        attr.batch.in_batch =
            walk.position.as_ref().map_or(0, |position| std::ptr::from_ref(position) as u64);
        attr.batch.out_batch = std::ptr::from_mut(&mut next) as u64;
        attr.batch.keys = keys.as_mut_ptr() as u64;
        attr.batch.values = values.as_mut_ptr() as u64;
        attr.batch.count = CHUNK as u32;
        attr.batch.map_fd = self.fd.as_raw_fd() as u32;
        // SAFETY: the kernel reads a position and writes one (4 bytes each for hash maps) and at most `count` keys and values of the map's sizes, for
        // which `turn` has made room. All of it lives on past the call.
        let error = unsafe { bpf::run(BPF_MAP_LOOKUP_BATCH, &mut attr) }.err();
        match error {
            Some(error) if error.raw_os_error() != Some(libc::ENOENT) => return Err(error),
            _ => {}
        }
        // SAFETY: the member that was set above.
        walk.entries += u64::from(unsafe { attr.batch.count });
        walk.position = Some(next);
        Ok(error.is_some())
    }
}
