//! Lines of RESP.

use super::limits::MAX_DIGITS;
use crate::framing::Read;

/// A type byte, a decimal number and CR LF. Gives the number and how many bytes that are; -1 stands for nothing.
pub(super) fn number(kind: u8, bytes: &[u8]) -> Read<(i64, usize)> {
    match bytes.first() {
        None => return Read::NeedMore,
        Some(&first) if first != kind => return Read::No,
        Some(_) => {}
    }
    let rest = &bytes[1..];
    if let [b'-', tail @ ..] = rest {
        return match tail {
            [b'1', b'\r', b'\n', ..] => Read::Value((-1, 5)),
            [] | [b'1'] | [b'1', b'\r'] => Read::NeedMore,
            _ => Read::No,
        };
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > MAX_DIGITS || digits == 0 && !rest.is_empty() {
        return Read::No;
    }
    match &rest[digits..] {
        [b'\r', b'\n', ..] => {
            let number = rest[..digits].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            Read::Value((number, 1 + digits + 2))
        }
        [] | [b'\r'] => Read::NeedMore,
        _ => Read::No,
    }
}
