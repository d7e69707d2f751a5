//! Lines.

use super::limits::{MAX_DIGITS, MAX_LINE};

/// What the front of some bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A line without its end, and how many bytes it takes.
    Whole(&'a str, usize),
    /// The front of a line that is longer than what is kept.
    Long(&'a str),
    /// So far nothing speaks against it.
    NeedMore,
    /// No text.
    No,
}

/// The line that `bytes` begin with. Within the first [`MAX_LINE`] bytes alone, so that the answer does not depend on how much is at hand.
pub(super) fn line(bytes: &[u8]) -> Line<'_> {
    let window = &bytes[..bytes.len().min(MAX_LINE)];
    let end = window.iter().position(|&byte| byte == b'\n');
    let text = &window[..end.unwrap_or(window.len())];
    // Keys may hold any byte but control characters and spaces; what is looked at is ASCII.
    if text.strip_suffix(b"\r").unwrap_or(text).iter().any(u8::is_ascii_control) {
        return Line::No;
    }
    let front = std::str::from_utf8(text)
        .unwrap_or_else(|error| std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default());
    match end {
        Some(end) => Line::Whole(front.strip_suffix('\r').unwrap_or(front), end + 1),
        None if window.len() == MAX_LINE => Line::Long(front),
        None => Line::NeedMore,
    }
}

/// A length in decimal digits.
pub(super) fn length(word: Option<&str>) -> Option<u64> {
    let word = word?;
    if word.len() > MAX_DIGITS || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    word.parse().ok()
}
