//! Words of a line.

/// The first word of `line` and what is behind it; words are separated by spaces or tabs.
pub(super) fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = line.iter().position(|byte| !is_blank(byte)).unwrap_or(line.len());
    let line = &line[start..];
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    line.split_at(end)
}

/// All words of a line; `None` where there are more.
pub(super) fn words<const N: usize>(mut line: &[u8]) -> Option<([&[u8]; N], usize)> {
    let mut words: [&[u8]; N] = [b""; N];
    let mut count = 0;
    loop {
        let (next, rest) = word(line);
        if next.is_empty() {
            return Some((words, count));
        }
        *words.get_mut(count)? = next;
        count += 1;
        line = rest;
    }
}

/// A number of bytes: a server takes at most 64 MiB (`max_payload`).
pub(super) fn size(digits: &[u8]) -> Option<usize> {
    const MAX: usize = 64 << 20;
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0, |size, digit| 10 * size + usize::from(digit - b'0'));
    (size <= MAX).then_some(size)
}
