//! Several ring buffers, each in order, become one ordered sequence without copying a record.

use aya::maps::{MapData, RingBuf};

use super::decode::time_ns;

/// Records younger than this at the start of a pass wait for the next one: a producer takes its time stamp before it
/// reserves its record, so a record may still be on its way into a ring that was already seen empty.
const SETTLE_NS: u64 = 2_000_000;

/// What one pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Records handed out.
    pub records: u64,
    /// Whether records are left that have not settled yet.
    pub unsettled: bool,
    /// Time up to which everything was handed out, CLOCK_MONOTONIC nanoseconds.
    pub horizon_ns: u64,
}

/// Merges the rings by time.
#[derive(Debug, Default)]
pub struct Merge {
    /// Time of each ring's first record, `None` where it is empty.
    heads: Vec<Option<u64>>,
}

impl Merge {
    /// Hands out every settled record in order of time. `now_ns` is read before the call.
    ///
    /// At most `limit` records, so that the caller gets to its other duties.
    pub fn pass(
        &mut self,
        rings: &mut [RingBuf<MapData>],
        now_ns: u64,
        limit: u64,
        mut handle: impl FnMut(&[u8]),
    ) -> Pass {
        let settled_ns = now_ns.saturating_sub(SETTLE_NS);
        self.heads.clear();
        self.heads.extend(rings.iter_mut().map(first_time));
        let mut pass = Pass { records: 0, unsettled: false, horizon_ns: settled_ns };
        while let Some((index, bound)) = self.next_ring(settled_ns) {
            let ring = &mut rings[index];
            self.heads[index] = loop {
                let Some(item) = ring.next() else { break None };
                let time = time_ns(&item);
                if time > bound || pass.records == limit {
                    std::mem::forget(item);
                    break Some(time);
                }
                handle(&item);
                pass.records += 1;
            };
            if pass.records == limit {
                pass.horizon_ns =
                    self.heads.iter().flatten().min().map_or(settled_ns, |&time| time.min(settled_ns));
                break;
            }
        }
        pass.unsettled = self.heads.iter().any(Option::is_some);
        pass
    }

    /// The ring with the earliest record, and the time up to which it may be drained before another one is due.
    fn next_ring(&self, settled_ns: u64) -> Option<(usize, u64)> {
        let (index, time) = self
            .heads
            .iter()
            .enumerate()
            .filter_map(|(index, time)| Some((index, (*time)?)))
            .min_by_key(|&(_, time)| time)?;
        let others = self
            .heads
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != index)
            .filter_map(|(_, time)| *time)
            .min();
        (time <= settled_ns).then(|| (index, others.map_or(settled_ns, |other| other.min(settled_ns))))
    }
}

/// Time of the first record, which stays where it is: an item that is not dropped is not consumed.
fn first_time(ring: &mut RingBuf<MapData>) -> Option<u64> {
    let item = ring.next()?;
    let time = time_ns(&item);
    std::mem::forget(item);
    Some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(heads: &[Option<u64>]) -> Merge {
        Merge { heads: heads.to_vec() }
    }

    #[test]
    fn the_earliest_ring_is_drained_until_another_is_due() {
        assert_eq!(merge(&[Some(5), Some(3), None]).next_ring(10), Some((1, 5)));
        assert_eq!(merge(&[Some(5), Some(30), None]).next_ring(10), Some((0, 10)));
        assert_eq!(merge(&[None, Some(7)]).next_ring(10), Some((1, 10)));
    }

    #[test]
    fn what_has_not_settled_waits() {
        assert_eq!(merge(&[Some(11), None]).next_ring(10), None);
        assert_eq!(merge(&[None, None]).next_ring(10), None);
    }
}
