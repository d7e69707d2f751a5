//! Consistent probability sampling: a threshold that everybody compares with the same randomness.
//!
//! OpenTelemetry specification, "TraceState: Probability Sampling" (status Development): randomness and threshold are numbers of
//! 56 bits; a trace is kept if its randomness is not below the threshold. Two hosts with the same threshold decide alike without
//! talking, and of two thresholds the lower one keeps everything that the higher one keeps.

use std::fmt;

use crate::spans::span::TraceId;

/// One above the largest randomness: 2^56.
const RANGE: u64 = 1 << 56;
/// Hexadecimal digits of a number of 56 bits.
const DIGITS: u32 = 14;
/// Digits that a threshold keeps behind its leading `f`s: what the specification recommends.
const PRECISION: u32 = 4;

/// What a trace is judged by: 56 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Randomness(u64);

/// Below this randomness a trace is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Threshold(u64);

// === impl Randomness ===

impl Randomness {
    /// The rightmost 56 bits of the trace id.
    pub fn of_trace(id: &TraceId) -> Self {
        let bits = id[8..].iter().fold(0, |bits: u64, &byte| bits << 8 | u64::from(byte));
        Self(bits & (RANGE - 1))
    }

    /// The value of `rv`: exactly 14 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == DIGITS as usize { hex(text).map(Self) } else { None }
    }
}

// === impl Threshold ===

impl Threshold {
    /// Keeps every trace.
    pub const ALWAYS: Self = Self(0);

    /// The threshold that keeps this share of traces, rounded to four digits behind leading `f`s.
    ///
    /// None where nothing would be kept: the specification knows no probability below 2^-56.
    pub fn from_probability(probability: f64) -> Option<Self> {
        // Of what is no number nothing is kept: it becomes 0 here.
        let kept = (probability.clamp(0.0, 1.0) * RANGE as f64).round() as u64;
        if kept == 0 {
            return None;
        }
        let exact = RANGE - kept;
        // Leading zero bits of the complement in 56 bits, in whole digits.
        let leading_f = ((RANGE - 1 - exact).leading_zeros().saturating_sub(8) / 4).min(DIGITS);
        let cut = 4 * DIGITS.saturating_sub(PRECISION + leading_f);
        let rounded = ((exact + (1 << cut >> 1)) >> cut) << cut;
        Some(Self(if rounded < RANGE { rounded } else { exact }))
    }

    /// The value of `th`: 1 to 14 lower-case hexadecimal digits, zeros on the right left out.
    pub fn parse(text: &str) -> Option<Self> {
        let len = text.len() as u32;
        if (1..=DIGITS).contains(&len) { Some(Self(hex(text)? << (4 * (DIGITS - len)))) } else { None }
    }

    /// Whether a trace of this randomness is kept.
    pub fn keeps(self, randomness: Randomness) -> bool {
        randomness.0 >= self.0
    }

    /// The share of traces that it keeps, above 0 to 1.
    pub fn probability(self) -> f64 {
        (RANGE - self.0) as f64 / RANGE as f64
    }

    /// How many traces a kept one stands for.
    pub fn adjusted_count(self) -> f64 {
        RANGE as f64 / (RANGE - self.0) as f64
    }
}

/// As `th` is written.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:014x}", self.0);
        let shown = digits.trim_end_matches('0');
        f.write_str(if shown.is_empty() { "0" } else { shown })
    }
}

fn hex(text: &str) -> Option<u64> {
    text.bytes().try_fold(0, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(probability: f64) -> String {
        Threshold::from_probability(probability).expect("not nothing").to_string()
    }

    #[test]
    fn thresholds_are_those_of_the_specification() {
        let examples = [
            (1.0, "0"),
            (2.0, "0"),
            (0.5, "8"),
            (0.25, "c"),
            (1.0 / 3.0, "aaab"),
            (0.1, "e666"),
            (0.01, "fd70a"),
            (0.001, "ffbe77"),
        ];
        for (probability, text) in examples {
            assert_eq!(written(probability), text, "{probability}");
        }
        assert_eq!(written(2f64.powi(-56)), "ffffffffffffff");
        assert_eq!(written(1.0 - 2f64.powi(-40)), "0");
        for nothing in [0.0, -1.0, 2f64.powi(-58), f64::NAN] {
            assert_eq!(Threshold::from_probability(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn reading_is_the_reverse_of_writing() {
        for text in ["0", "8", "c", "e666", "fd70a4", "ffffffffffffff", "00000000000001"] {
            assert_eq!(Threshold::parse(text).expect(text).to_string(), text);
        }
        assert_eq!(Threshold::parse("80"), Threshold::parse("8"));
        for bad in ["", "g", "E6", "-1", "0x1", "fffffffffffffff", "\u{e9}"] {
            assert_eq!(Threshold::parse(bad), None, "{bad}");
        }
        assert_eq!(Randomness::parse("1"), None);
        assert_eq!(Randomness::parse("00000000000001"), Some(Randomness(1)));
    }

    #[test]
    fn a_trace_is_judged_by_its_rightmost_56_bits() {
        let half = Threshold::from_probability(0.5).expect("half");
        let mut id = [0xff; 16];
        id[9] = 0x7f;
        assert!(!half.keeps(Randomness::of_trace(&id)));
        id = [0; 16];
        id[9] = 0x80;
        assert!(half.keeps(Randomness::of_trace(&id)), "just at the threshold");
        assert!(Threshold::ALWAYS.keeps(Randomness::of_trace(&[0; 16])));
    }

    #[test]
    fn a_kept_trace_stands_for_the_dropped_ones() {
        let tenth = Threshold::from_probability(0.1).expect("a tenth");
        assert!((tenth.adjusted_count() - 10.0).abs() < 1e-3, "{}", tenth.adjusted_count());
        assert!((tenth.probability() * tenth.adjusted_count() - 1.0).abs() < 1e-12);
        assert!((Threshold::ALWAYS.adjusted_count() - 1.0).abs() < f64::EPSILON);
    }

    proptest::proptest! {
        /// Rounding costs less than one part in 4096 of the kept share, and never turns something into nothing.
        #[test]
        fn rounding_is_small(exponent in -40f64..0.0) {
            let wanted = exponent.exp2();
            let got = Threshold::from_probability(wanted).expect("something").probability();
            proptest::prop_assert!((got / wanted - 1.0).abs() < 1.0 / 4096.0, "{wanted} {got}");
        }
    }
}
