//! The `ot` member of `tracestate`: what OpenTelemetry says there of sampling.
//!
//! OpenTelemetry specification, "TraceState Handling": `ot=th:e666;rv:6e6d1a75832a2f`, sub-keys and values joined by `:`, pairs
//! by `;`, at most 256 characters.

use std::fmt::Write as _;

use tracer_protocols::context::{TraceState, parse_tracestate};

use super::threshold::{Randomness, Threshold};

/// Members of a list (W3C Trace Context Level 2, section 3.3.1).
const MAX_MEMBERS: usize = 32;
/// Characters of the value of one member.
const MAX_VALUE: usize = 256;

/// What a `tracestate` says of sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ot {
    /// `th`: below which randomness traces were dropped so far.
    pub(super) threshold: Option<Threshold>,
    /// `rv`: the randomness, where it is not the trace id's.
    pub(super) randomness: Option<Randomness>,
}

/// Reads a `tracestate` list; what is malformed counts as absent.
pub(super) fn read(list: &str) -> Ot {
    let Some(value) = parse_tracestate(list).and_then(|state| state.get("ot")) else { return Ot::default() };
    let of = |key: &str| pairs(value).find(|(name, _)| *name == key).map(|(_, value)| value);
    Ot { threshold: of("th").and_then(Threshold::parse), randomness: of("rv").and_then(Randomness::parse) }
}

/// The list with this threshold in place of the one that it has; `None` for a list that says nothing.
///
/// A member that changes moves to the front; where the list is full, the last one gives way (W3C Trace Context, section 3.5).
pub(super) fn with_threshold(list: Option<&str>, threshold: Option<Threshold>) -> Option<Box<str>> {
    let state = list.and_then(parse_tracestate);
    let old = state.and_then(|state| state.get("ot")).unwrap_or_default();
    let mut ot = String::new();
    if let Some(threshold) = threshold {
        // Writing to memory does not fail.
        let _ = write!(ot, "th:{threshold}");
    }
    for (key, value) in pairs(old).filter(|(key, _)| *key != "th") {
        if ot.len() + key.len() + value.len() + 2 <= MAX_VALUE {
            let _ = write!(ot, "{}{key}:{value}", if ot.is_empty() { "" } else { ";" });
        }
    }
    let mut new = String::new();
    let mut room = MAX_MEMBERS;
    if !ot.is_empty() {
        let _ = write!(new, "ot={ot}");
        room -= 1;
    }
    let others = state.iter().flat_map(TraceState::members).filter(|(key, _)| *key != "ot");
    for (key, value) in others.take(room) {
        let _ = write!(new, "{}{key}={value}", if new.is_empty() { "" } else { "," });
    }
    (!new.is_empty()).then(|| new.into())
}

fn pairs(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(';').filter_map(|pair| pair.split_once(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn th(text: &str) -> Threshold {
        Threshold::parse(text).expect(text)
    }

    #[test]
    fn reads_what_concerns_sampling() {
        let ot = read("rojo=1, ot=p:8;rv:6e6d1a75832a2f;th:e666;x:y,congo=2");
        assert_eq!(ot, Ot { threshold: Some(th("e666")), randomness: Randomness::parse("6e6d1a75832a2f") });
        for nothing in ["", "rojo=1", "ot=", "ot=th", "ot=th:zz;rv:1", "ot=th:8,ot=th:c"] {
            assert_eq!(read(nothing), Ot::default(), "{nothing}");
        }
    }

    #[test]
    fn a_threshold_is_written_first_and_the_rest_stays() {
        let cases = [
            (None, Some(th("8")), Some("ot=th:8")),
            (None, None, None),
            (
                Some("rojo=1,ot=rv:6e6d1a75832a2f;th:c"),
                Some(th("e666")),
                Some("ot=th:e666;rv:6e6d1a75832a2f,rojo=1"),
            ),
            (Some("rojo=1,ot=th:c;rv:6e6d1a75832a2f"), None, Some("ot=rv:6e6d1a75832a2f,rojo=1")),
            (Some("ot=th:c"), None, None),
            (Some("rojo=1"), None, Some("rojo=1")),
        ];
        for (list, threshold, expected) in cases {
            assert_eq!(with_threshold(list, threshold).as_deref(), expected, "{list:?} {threshold:?}");
        }
    }

    #[test]
    fn the_last_member_of_a_full_list_gives_way() {
        let full = (0..32).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
        let new = with_threshold(Some(&full), Some(th("8"))).expect("a list");
        let state = parse_tracestate(&new).expect("a valid list");
        assert_eq!(state.members().count(), 32);
        assert_eq!((state.get("ot"), state.get("k30"), state.get("k31")), (Some("th:8"), Some("v"), None));
        let long = format!("ot=a:{};b:1", "x".repeat(250));
        assert_eq!(with_threshold(Some(&long), Some(th("8"))).as_deref(), Some("ot=th:8;b:1"), "what fits");
    }

    proptest::proptest! {
        /// Whatever is there, the list stays valid and says what was written.
        #[test]
        fn lists_stay_valid(list in "([a-z]{1,3}=[a-z:;0-9]{1,9},?){0,40}", bits in 0u64..1 << 56) {
            let threshold = Threshold::parse(&format!("{bits:014x}")).expect("14 digits");
            let new = with_threshold(Some(&list), Some(threshold)).expect("a list");
            proptest::prop_assert!(parse_tracestate(&new).is_some(), "{}", new);
            proptest::prop_assert_eq!(read(&new).threshold, Some(threshold));
        }
    }
}
