//! Hexadecimal ids as the formats write them.

/// Two lower-case digits for each of the N bytes of `digits`.
pub(super) fn lower<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let all = digits.len() == 2 * N && !digits.iter().any(u8::is_ascii_uppercase);
    if all { padded(digits) } else { None }
}

/// A number of one to 2 N digits in either case, zeros added on its left.
pub(super) fn padded<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.is_empty() || digits.len() > 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (place, &digit) in digits.iter().rev().enumerate() {
        let value = char::from(digit).to_digit(16)? as u8;
        out[N - 1 - place / 2] |= value << (4 * (place % 2));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(lower(b"0aff"), Some([0x0a, 0xff]));
        for bad in [&b"0AFF"[..], b"0af", b"0aff0", b"", b"0a-f", b"0a f"] {
            assert_eq!(lower::<2>(bad), None, "{}", bad.escape_ascii());
        }
        assert_eq!(padded(b"aFF"), Some([0x0a, 0xff]));
        assert_eq!(padded(b"1"), Some([0, 1]));
        for bad in [&b""[..], b"10000", b"+1", b"\xff", b"0x1"] {
            assert_eq!(padded::<2>(bad), None, "{}", bad.escape_ascii());
        }
    }
}
