//! Names of addresses, from the answers of DNS that processes got.

use std::{net::IpAddr, sync::Arc};

use foldhash::fast::RandomState;
use lru::LruCache;

/// Names that are remembered; the least recently used one makes room.
const MAX_NAMES: usize = 16_384;
/// Seconds for which a name is believed at least, and at most: clients keep answers for some time whatever these say.
const SECONDS: [u32; 2] = [30, 3600];

/// What processes were told.
#[derive(Debug)]
pub struct Names(LruCache<(u32, IpAddr), Known, RandomState>);

#[derive(Debug)]
struct Known {
    /// `None` where the process looked up several names that have this address.
    name: Option<Arc<str>>,
    /// CLOCK_MONOTONIC nanoseconds.
    until_ns: u64,
}

impl Default for Names {
    fn default() -> Self {
        Self(LruCache::unbounded_with_hasher(RandomState::default()))
    }
}

impl Names {
    /// Process `tgid` was told that `name` has this address, for so many seconds.
    pub fn learn(&mut self, tgid: u32, address: IpAddr, name: &Arc<str>, seconds: u32, now_ns: u64) {
        let until_ns = now_ns + u64::from(seconds.clamp(SECONDS[0], SECONDS[1])) * 1_000_000_000;
        let key = (tgid, address);
        let name = match self.0.get(&key) {
            Some(known) if known.until_ns > now_ns => {
                known.name.clone().filter(|known| known.eq_ignore_ascii_case(name))
            }
            _ => Some(name.clone()),
        };
        self.0.put(key, Known { name, until_ns });
        if self.0.len() > MAX_NAMES {
            self.0.pop_lru();
        }
    }

    /// The one name by which process `tgid` knows this address.
    pub fn get(&mut self, tgid: u32, address: IpAddr, now_ns: u64) -> Option<Arc<str>> {
        let known = self.0.get(&(tgid, address))?;
        known.name.clone().filter(|_| known.until_ns > now_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_name_is_known_to_who_was_told_it_and_for_its_time() {
        let mut names = Names::default();
        names.learn(1, ADDRESS, &"db.example".into(), 60, 5);
        assert_eq!(names.get(1, ADDRESS, 6).as_deref(), Some("db.example"));
        assert_eq!(names.get(2, ADDRESS, 6), None);
        assert_eq!(names.get(1, ADDRESS, 5 + 60_000_000_000), None);
    }

    #[test]
    fn two_names_of_one_address_are_none() {
        let mut names = Names::default();
        for name in ["a.example", "A.example"] {
            names.learn(1, ADDRESS, &name.into(), 60, 5);
        }
        assert_eq!(names.get(1, ADDRESS, 6).as_deref(), Some("a.example"));
        names.learn(1, ADDRESS, &"b.example".into(), 60, 6);
        assert_eq!(names.get(1, ADDRESS, 7), None);
        names.learn(1, ADDRESS, &"a.example".into(), 60, 8);
        assert_eq!(names.get(1, ADDRESS, 9), None, "which of them it was is not known any better");
    }

    #[test]
    fn names_are_bounded() {
        let mut names = Names::default();
        for pid in 0..MAX_NAMES as u32 + 10 {
            names.learn(pid, ADDRESS, &"a.example".into(), 60, 5);
        }
        assert_eq!((names.0.len(), names.get(9, ADDRESS, 6)), (MAX_NAMES, None));
    }
}
