//! The only place that reads time.

use nix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC in nanoseconds, the clock of kernel events (`bpf_ktime_get_ns`).
pub fn monotonic_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

fn read(clock: ClockId) -> u64 {
    // Both clocks exist on every Linux; zero would only make a span look old.
    clock_gettime(clock).map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// Maps event times to wall-clock times. A value, not a clock: the pure stages get it passed in.
///
/// A span takes its start through the mapping of that moment and its end by adding the monotonic duration, so a step of
/// the wall clock neither stretches nor reverses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    /// Wall-clock nanoseconds since the Unix epoch at monotonic time zero.
    pub offset_ns: u64,
}

impl WallClock {
    /// The mapping of this moment.
    pub fn now() -> Self {
        // The wall clock is read between two monotonic readings: their middle is off by half a microsecond at most.
        let before = monotonic_ns();
        let wall = read(ClockId::CLOCK_REALTIME);
        let after = monotonic_ns();
        Self { offset_ns: wall.saturating_sub(before.midpoint(after)) }
    }

    /// Wall-clock nanoseconds since the Unix epoch.
    pub fn wall_ns(self, monotonic_ns: u64) -> u64 {
        self.offset_ns.saturating_add(monotonic_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_adds_its_offset() {
        assert_eq!(WallClock { offset_ns: 1_000 }.wall_ns(23), 1_023);
    }

    #[test]
    fn the_clocks_run() {
        let (mapping, now) = (WallClock::now(), monotonic_ns());
        assert!(now > 0 && mapping.wall_ns(now) > 1_700_000_000_000_000_000, "the wall clock is before 2023");
    }
}
