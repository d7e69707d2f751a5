//! The daemon's own memory and CPU time, from /proc/self (proc(5)).

use std::fs;

/// Clock ticks a second in /proc (`USER_HZ`, fixed at 100 on the architectures we build for).
const USER_HZ: u64 = 100;
/// Bytes of a page on the architectures we build for.
const PAGE: u64 = 4096;

/// Resident memory in bytes; 0 where /proc cannot be read.
pub fn rss_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

/// CPU time, user and system, in milliseconds; 0 where /proc cannot be read.
pub fn cpu_ms() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the command name, which may hold spaces.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks * 1000 / USER_HZ
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_memory() {
        assert!(rss_bytes() > PAGE);
        let before = cpu_ms();
        let mut sum = 0u64;
        while cpu_ms() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_ms() > before);
    }
}
