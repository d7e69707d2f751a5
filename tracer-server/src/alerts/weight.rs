//! How many spans one stands for, where others were sampled away.

/// Spans that one with this W3C tracestate stands for: the adjusted count of OpenTelemetry's consistent probability
/// sampling (specification "TraceState: Probability Sampling", threshold `th` of list member `ot`). 1 where nothing is said.
pub(crate) fn adjusted_count(trace_state: &str) -> f64 {
    threshold(trace_state).map_or(1.0, |threshold| SCALE / (SCALE - threshold))
}

/// Thresholds are shares of 2^56.
const SCALE: f64 = (1_u64 << 56) as f64;

fn threshold(trace_state: &str) -> Option<f64> {
    let member = trace_state.split(',').find_map(|member| member.trim().strip_prefix("ot="))?;
    let digits = member.split(';').find_map(|pair| pair.strip_prefix("th:"))?;
    // Up to 14 hexadecimal digits, trailing zeros left out.
    let value = u64::from_str_radix(digits, 16).ok().filter(|_| digits.len() <= 14)?;
    Some((value << (4 * (14 - digits.len()))) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_from_thresholds() {
        let near = |state: &str, count: f64| {
            assert!((adjusted_count(state) - count).abs() < 1e-9, "{state}: {}", adjusted_count(state));
        };
        near("", 1.0);
        near("a=b,ot=rv:01020304050607;th:8", 2.0);
        near("ot=th:c,a=b", 4.0);
        near("ot=th:0", 1.0);
        for nonsense in ["ot=th:", "ot=th:zz", "ot=th:123456789012345", "x=th:8", "ot=p:8"] {
            near(nonsense, 1.0);
        }
    }
}
