//! What a policy says of a trace.

use super::super::threshold::{Randomness, Threshold};

/// What a policy says of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vote {
    /// It does not want it.
    No,
    /// It wants it and all like it whose randomness reaches the threshold.
    Above(Threshold),
    /// It wants it if its randomness reaches the threshold, but takes no more than there is room for, so that nobody knows
    /// how many like it there were.
    Limited(Threshold),
}

impl Vote {
    /// It wants all such traces.
    pub(super) const YES: Self = Self::Above(Threshold::ALWAYS);

    /// All such traces or none.
    pub(super) fn of(wanted: bool) -> Self {
        if wanted { Self::YES } else { Self::No }
    }

    /// What two policies say that both must want the trace.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Above(a), Self::Above(b)) => Self::Above(a.max(b)),
            (Self::Above(a) | Self::Limited(a), Self::Above(b) | Self::Limited(b)) => Self::Limited(a.max(b)),
        }
    }

    /// Whether the trace of this randomness is wanted.
    pub(super) fn wants(self, randomness: Randomness) -> bool {
        match self {
            Self::No => false,
            Self::Above(threshold) | Self::Limited(threshold) => threshold.keeps(randomness),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_must_want_it() {
        let [low, high] = [0.5, 0.1].map(|share| Threshold::from_probability(share).expect("a share"));
        assert_eq!(Vote::YES.and(Vote::No), Vote::No);
        assert_eq!(Vote::Above(low).and(Vote::Above(high)), Vote::Above(high));
        assert_eq!(Vote::Above(high).and(Vote::Limited(low)), Vote::Limited(high));
        assert_eq!(Vote::Limited(low).and(Vote::YES), Vote::Limited(low));
    }
}
