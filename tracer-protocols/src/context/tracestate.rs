//! The `tracestate` header (W3C Trace Context Level 2, section 3.3).

/// Members of a list, beyond which it is invalid.
const MAX_MEMBERS: usize = 32;
/// Characters of a key and of a value.
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 256;

/// A valid `tracestate` list, as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceState<'a> {
    text: &'a str,
}

/// Checks the value of a `tracestate` header, several joined by `,` in the order sent.
///
/// None where the list is invalid (more than 32 members, a bad or repeated key, a bad value): it is then ignored, while the
/// traceparent beside it stays valid. An empty list is valid.
pub fn parse_tracestate(value: &str) -> Option<TraceState<'_>> {
    let state = TraceState { text: value };
    let mut count = 0;
    for member in raw_members(value) {
        let (key, text) = member.split_once('=')?;
        count += 1;
        if count > MAX_MEMBERS
            || !valid_key(key)
            || !valid_value(text)
            || state.members().filter(|(k, _)| *k == key).count() > 1
        {
            return None;
        }
    }
    Some(state)
}

impl<'a> TraceState<'a> {
    /// The list as sent.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Keys and values, the most recently changed first.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        raw_members(self.text).filter_map(|member| member.split_once('='))
    }

    /// The value of one key: `ot` holds what OpenTelemetry needs for consistent sampling.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.members().find(|(k, _)| *k == key).map(|(_, value)| value)
    }
}

/// List members without the optional white space around them; empty ones are allowed and left out.
fn raw_members(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty())
}

/// `[a-z0-9][a-z0-9_\-*/@]{0,255}`
fn valid_key(key: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    match key.as_bytes() {
        [first, rest @ ..] => {
            key.len() <= MAX_KEY && plain(*first) && rest.iter().all(|&b| plain(b) || b"_-*/@".contains(&b))
        }
        [] => false,
    }
}

/// Up to 256 printable ASCII characters without `,` and `=`, the last no space.
fn valid_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() <= MAX_VALUE
        && bytes.iter().all(|&b| (b' '..=b'~').contains(&b) && b != b',' && b != b'=')
        && !matches!(bytes, [] | [.., b' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_list() {
        let state = parse_tracestate("rojo=00f067aa0ba902b7 ,\tcongo=t61rcWkgMzE,, ot=th:c;rv:1,").unwrap();
        assert_eq!(
            state.members().collect::<Vec<_>>(),
            [("rojo", "00f067aa0ba902b7"), ("congo", "t61rcWkgMzE"), ("ot", "th:c;rv:1")]
        );
        assert_eq!(state.get("ot"), Some("th:c;rv:1"));
        assert_eq!(state.get("none"), None);
        assert!(parse_tracestate("").is_some());
    }

    #[test]
    fn refuses_bad_lists() {
        let long_key = format!("{}=1", "a".repeat(257));
        let long_value = format!("a={}", "b".repeat(257));
        for bad in ["a", "=1", "A=1", "a b=1", "a=1,a=2", "a=x=y", "a=\u{e9}", "a=", &long_key, &long_value] {
            assert_eq!(parse_tracestate(bad), None, "{bad}");
        }
    }

    #[test]
    fn thirty_two_members_are_the_most() {
        let list = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
        assert!(parse_tracestate(&list(32)).is_some());
        assert!(parse_tracestate(&list(33)).is_none());
        let multi_tenant = format!("{}@{}=v", "t".repeat(241), "s".repeat(14));
        assert!(parse_tracestate(&multi_tenant).is_some());
    }
}
