//! Durations as Go programs write them, which is what clients of Jaeger and Tempo send.

/// Nanoseconds of a duration such as `1h30m`, `1.5s` or `300us` (Go, package time, `ParseDuration`); not negative.
pub fn parse_duration(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|&at| at > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number * nanoseconds(&rest[..letters])?;
        rest = &rest[letters..];
    }
    // Half of what 64 bits hold: room for sums of times.
    (total <= u64::MAX as f64 / 2.0).then_some(total as u64)
}

fn nanoseconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1.0,
        // Both of Unicode's micro signs, as Go takes them.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        "d" => 86_400e9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases =
            [("1.5s", 1_500_000_000), ("1h30m", 5_400_000_000_000), ("300us", 300_000), ("2µs", 2_000)];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text), Some(expected), "{text}");
        }
        for wrong in ["", "5", "s", "-1s", "1x", "1..5s", "99999999999h", "1s2"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
