//! Header fields, read lazily from the bytes of a head.

use super::start_line::is_token;

/// The header fields of a head as far as they were seen whole.
///
/// Values are trimmed. A value folded over several lines (obs-fold, RFC 9112 section 5.2) holds its line breaks. Lines
/// that are no field are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    block: &'a [u8],
}

impl<'a> Headers<'a> {
    /// The fields in `block`: what stands behind a start line, up to the empty line or to where the capture ended.
    pub(crate) fn new(block: &'a [u8]) -> Self {
        Self { block }
    }

    /// Names and values in the order sent.
    pub fn iter(&self) -> HeaderIter<'a> {
        HeaderIter { lines: Lines::new(self.block) }
    }

    /// The first field of this name (ASCII case ignored) whose value is UTF-8.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.get_all(name).next()
    }

    /// All fields of this name (ASCII case ignored) whose value is UTF-8, in the order sent.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Names and values of [`Headers`].
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    lines: Lines<'a>,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.find_map(|line| {
            let colon = line.iter().position(|&b| b == b':')?;
            let (name, value) = (line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii());
            (!name.is_empty() && name.iter().copied().all(is_token)).then_some((name, value))
        })
    }
}

/// The lines up to the empty one, each with those that continue it (obs-fold), without its last line feed.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    block: &'a [u8],
    ended: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Self { block, ended: false }
    }

    /// What stands behind the empty line, once that was passed.
    pub(super) fn behind(&self) -> Option<&'a [u8]> {
        self.ended.then_some(self.block)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.ended {
            return None;
        }
        let mut end = memchr::memchr(b'\n', self.block)?;
        if matches!(&self.block[..end], [] | [b'\r']) {
            self.ended = true;
            self.block = &self.block[end + 1..];
            return None;
        }
        while let Some(b' ' | b'\t') = self.block.get(end + 1) {
            end += 1 + memchr::memchr(b'\n', &self.block[end + 1..])?;
        }
        let line = &self.block[..end];
        self.block = &self.block[end + 1..];
        Some(line)
    }
}

/// Where the first empty line at or behind `from` ends; `bytes[from..]` starts in or at the end of a line.
pub(super) fn blank_line_end(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes.get(from..)?).find_map(|newline| {
        let next = from + newline + 1;
        match bytes.get(next..)? {
            [b'\n', ..] => Some(next + 1),
            [b'\r', b'\n', ..] => Some(next + 2),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_order() {
        let block = b"Host: a\r\nX-Empty:\r\nx :  1 \nFolded: b\r\n  c\r\nno field\r\nbad name: 1\r\n: 2\r\nLast:z\r\n\r\nBody: x\r\n";
        let fields: Vec<_> = Headers::new(block).iter().collect();
        let expected: [(&[u8], &[u8]); 5] =
            [(b"Host", b"a"), (b"X-Empty", b""), (b"x", b"1"), (b"Folded", b"b\r\n  c"), (b"Last", b"z")];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_cut_line_is_left_out() {
        assert_eq!(Headers::new(b"A: 1\r\nB: 2").iter().collect::<Vec<_>>(), [(&b"A"[..], &b"1"[..])]);
        assert_eq!(Headers::new(b"A: 1\r\n fold").iter().collect::<Vec<_>>(), []);
    }

    #[test]
    fn by_name() {
        let headers = Headers::new(b"X-A: 1\r\nx-a: 2\r\nX-B: \xff\r\n\r\n");
        assert_eq!(headers.get("x-A"), Some("1"));
        assert_eq!(headers.get_all("X-A").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers.get("X-B"), None);
    }

    #[test]
    fn blank_lines() {
        assert_eq!(blank_line_end(b"a\r\n\r\nb", 0), Some(5));
        assert_eq!(blank_line_end(b"a\n\nb", 0), Some(3));
        assert_eq!(blank_line_end(b"a\r\n\n", 0), Some(4));
        assert_eq!(blank_line_end(b"a\r\nb\r\n", 0), None);
        assert_eq!(blank_line_end(b"a\r\n\r", 0), None);
        assert_eq!(blank_line_end(b"a", 9), None);
    }
}
