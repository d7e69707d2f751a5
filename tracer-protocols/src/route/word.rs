//! Is this a name, or does it name one of many?

/// What a run of ASCII letters and digits is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Name,
    /// Digits only.
    Number,
    /// A name with a number of this many digits behind it.
    Numbered {
        digits: usize,
    },
    /// Hexadecimal and too long to be chance.
    Hash,
    /// Looks random.
    Opaque,
}

/// Digits behind a name that are more than part of it: `oauth2`, `utf16` and `s3` are names, `user1234` is not.
const NUMBERED_DIGITS: usize = 3;
/// Hexadecimal digits with both letters and numbers among them that make a hash.
const HASH_MIXED: usize = 8;
/// Hexadecimal letters without a number among them that do.
const HASH_LETTERS: usize = 16;
/// Letters and digits from which on text can be called random.
const OPAQUE: usize = 10;
/// Letters without vowels among them, or nearly, that no language writes in one word.
const UNSPEAKABLE: usize = 12;

/// Too short to look random.
pub(super) fn is_short(word: &str) -> bool {
    word.len() < OPAQUE
}

/// Tells what `word` is: letters and digits only.
pub(super) fn classify(word: &str) -> Word {
    let bytes = word.as_bytes();
    if is_short(word) && bytes.iter().all(u8::is_ascii_lowercase) {
        // What most words are; all that follows would come to the same.
        return Word::Name;
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == bytes.len() {
        return if digits == 0 { Word::Name } else { Word::Number };
    }
    let hash = bytes.iter().all(u8::is_ascii_hexdigit)
        && bytes.len() >= if digits > 0 { HASH_MIXED } else { HASH_LETTERS };
    if hash {
        return Word::Hash;
    }
    if looks_random(bytes) {
        return Word::Opaque;
    }
    let trailing = bytes.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    if trailing >= NUMBERED_DIGITS { Word::Numbered { digits: trailing } } else { Word::Name }
}

/// Text that only a machine writes: a hash, a token, base64, a number of many digits. Separators may be part of it.
pub fn is_opaque(text: &str) -> bool {
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || b"-_.~+=/%".contains(&b);
    if !text.bytes().all(alphabet) {
        return false;
    }
    is_uuid(text.as_bytes())
        || is_signed_token(text)
        || looks_random(text.as_bytes())
        || matches!(classify_if_word(text), Some(Word::Hash | Word::Opaque))
        || (text.len() >= OPAQUE && text.bytes().all(|b| b.is_ascii_digit()))
}

fn classify_if_word(text: &str) -> Option<Word> {
    text.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| classify(text))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' => Class::Lower,
        b'A'..=b'Z' => Class::Upper,
        b'0'..=b'9' => Class::Digit,
        _ => Class::Other,
    }
}

/// Random text changes between lower case, upper case and digits all the time, names seldom do: a change from an upper-case
/// letter to a lower-case one, as words begin, counts for nothing.
fn looks_random(bytes: &[u8]) -> bool {
    let (mut lower, mut upper, mut digit, mut vowels, mut changes) = (0usize, 0usize, 0usize, 0usize, 0usize);
    let mut last = Class::Other;
    for &byte in bytes {
        let this = class(byte);
        match this {
            Class::Lower => lower += 1,
            Class::Upper => upper += 1,
            Class::Digit => digit += 1,
            Class::Other => {}
        }
        vowels += usize::from(matches!(byte | 0x20, b'a' | b'e' | b'i' | b'o' | b'u' | b'y'));
        let change = this != last && this != Class::Other && last != Class::Other;
        changes += usize::from(change && !(last == Class::Upper && this == Class::Lower));
        last = this;
    }
    let n = lower + upper + digit;
    if n < OPAQUE {
        return false;
    }
    let letters = lower + upper;
    if digit > 0 && letters > 0 {
        // getV2UserById4 changes 5 times in 14 characters, dQw4w9WgXcQ 8 in 11.
        let mixed = lower > 0 && upper > 0;
        return changes * if mixed { 3 } else { 4 } >= n;
    }
    if digit == 0 && lower > 0 && upper > 0 && changes * 3 >= n {
        return true;
    }
    digit == 0 && n >= UNSPEAKABLE && bytes.len() == n && vowels * 8 < n
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562), in braces or not.
pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    let bytes = match bytes {
        [b'{', inner @ .., b'}'] => inner,
        _ => bytes,
    };
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// `YYYY-MM-DD` with or without a time behind it, `YYYY-MM`, `YYYYMMDD`, of years 1900 to 2099.
pub(super) fn is_date(bytes: &[u8]) -> bool {
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        bytes.get(range)?.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
    };
    let month_and_day = |month, day| {
        number(month).is_some_and(|m| (1..=12).contains(&m))
            && number(day).is_some_and(|d| (1..=31).contains(&d))
    };
    if !number(0..4).is_some_and(|year| (1900..2100).contains(&year)) {
        return false;
    }
    match bytes.len() {
        7 => bytes[4] == b'-' && number(5..7).is_some_and(|m| (1..=12).contains(&m)),
        8 => month_and_day(4..6, 6..8),
        10.. => {
            bytes[4] == b'-'
                && bytes[7] == b'-'
                && month_and_day(5..7, 8..10)
                && matches!(bytes.get(10), None | Some(b'T' | b't' | b'_' | b'-'))
                && bytes[10..].iter().all(|b| b.is_ascii_digit() || b"Tt_-:.+Zz".contains(b))
        }
        _ => false,
    }
}

/// An IPv4 or IPv6 address.
pub(super) fn is_ip(text: &str) -> bool {
    text.contains(['.', ':']) && text.parse::<std::net::IpAddr>().is_ok()
}

/// Three parts of base64, the first the beginning of a JSON object (RFC 7519).
pub(super) fn is_signed_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_checked() {
        for good in ["1999-12-31", "20991231", "2024-01", "2024-01-02T03:04:05.678+01:00"] {
            assert!(is_date(good.as_bytes()), "{good}");
        }
        for bad in ["2024-13-01", "20240132", "3024-01-01", "12345678", "2024-01-02x", "2024/01/02", "2024"] {
            assert!(!is_date(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn opaque_or_not() {
        for opaque in
            ["dQw4w9WgXcQ", "5e6b4b0d99", "xkqzjwvpbnmtr", "0123456789", "9kLmZ2xQ7bTr", "a1b2c3d4e5"]
        {
            assert!(is_opaque(opaque), "{opaque}");
        }
        for name in [
            "getUserPreferencesByAccountId",
            "oauth2",
            "internationalization",
            "CONTENT_TYPE",
            "XMLHttpRequest",
            "rhythms",
            "v1beta1",
            "shipping-address",
            "",
            "hello world",
            "iPhone15Pro",
        ] {
            assert!(!is_opaque(name), "{name}");
        }
    }
}
