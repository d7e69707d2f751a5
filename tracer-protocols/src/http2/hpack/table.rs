//! The dynamic table (RFC 7541, sections 2.3.2 and 4).
//!
//! Indexes count from the newest entry, so entries that were added before we looked shift nothing: they are merely unknown.

use std::collections::VecDeque;

/// What an entry costs beside its text (RFC 7541, section 4.1).
const OVERHEAD: usize = 32;

/// Bytes that a table may hold until its encoder says otherwise (RFC 9113, section 6.5.2).
const INITIAL_SIZE: usize = 4096;

/// Bytes that we hold of a table at most: what browsers offer. Older entries of a larger one are unknown.
const MAX_SIZE: usize = 64 * 1024;

/// The newest entries of a table. Their text lies in one buffer, so that adding one allocates nothing in the long run.
#[derive(Debug)]
pub(super) struct Table {
    /// Oldest first.
    entries: VecDeque<Entry>,
    text: Vec<u8>,
    /// Bytes at the front of `text` that belong to no entry any more.
    dead: usize,
    size: usize,
    max_size: usize,
}

/// Lengths of a name and a value, `None` where they are unknown.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    name: Option<usize>,
    value: Option<usize>,
}

impl Entry {
    fn len(self) -> usize {
        self.name.unwrap_or(0) + self.value.unwrap_or(0)
    }
}

/// Name and value, `None` where they are unknown.
pub(super) type Texts<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl Default for Table {
    fn default() -> Self {
        Self { entries: VecDeque::new(), text: Vec::new(), dead: 0, size: 0, max_size: INITIAL_SIZE }
    }
}

impl Table {
    /// The entry at `index` behind the static table, the newest being 0. Both texts of one that we do not have are unknown.
    pub(super) fn get(&self, index: usize) -> Texts<'_> {
        let Some(entry) = self.entries.len().checked_sub(index + 1).and_then(|at| self.entries.get(at))
        else {
            return (None, None);
        };
        let value_start = entry.start + entry.name.unwrap_or(0);
        let slice = |start: usize, len: Option<usize>| len.and_then(|len| self.text.get(start..start + len));
        (slice(entry.start, entry.name), slice(value_start, entry.value))
    }

    /// Adds an entry. The size of one that is unknown in part is taken for less than it is: an entry that is kept for
    /// longer than the encoder keeps it is never asked for.
    pub(super) fn add(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        let size = name.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + OVERHEAD;
        self.shrink(self.max_size.saturating_sub(size));
        if size > self.max_size {
            return;
        }
        self.size += size;
        self.entries.push_back(Entry {
            start: self.text.len(),
            name: name.map(<[u8]>::len),
            value: value.map(<[u8]>::len),
        });
        self.text.extend_from_slice(name.unwrap_or_default());
        self.text.extend_from_slice(value.unwrap_or_default());
    }

    /// The encoder sets the size (RFC 7541, section 6.3).
    pub(super) fn resize(&mut self, size: usize) {
        self.max_size = size.min(MAX_SIZE);
        self.shrink(self.max_size);
    }

    /// An unknown number of entries were added: where those before stand is not known any more.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
        self.text.clear();
        (self.dead, self.size) = (0, 0);
    }

    fn shrink(&mut self, size: usize) {
        while self.size > size
            && let Some(oldest) = self.entries.pop_front()
        {
            self.size -= oldest.len() + OVERHEAD;
            self.dead += oldest.len();
        }
        if self.entries.is_empty() {
            self.forget();
        } else if self.dead > self.text.len() / 2 {
            self.text.drain(..self.dead);
            for entry in &mut self.entries {
                entry.start -= self.dead;
            }
            self.dead = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(texts: Texts<'_>) -> String {
        let show =
            |text: Option<&[u8]>| text.map_or("?".into(), |text| String::from_utf8_lossy(text).into_owned());
        format!("{}={}", show(texts.0), show(texts.1))
    }

    #[test]
    fn the_newest_comes_first() {
        let mut table = Table::default();
        table.add(Some(b"a"), Some(b"1"));
        table.add(Some(b"b"), None);
        table.add(None, Some(b"3"));
        let all: Vec<_> = (0..4).map(|index| text(table.get(index))).collect();
        assert_eq!(all, ["?=3", "b=?", "a=1", "?=?"]);
        table.forget();
        table.add(Some(b"c"), Some(b"4"));
        assert_eq!((text(table.get(0)), text(table.get(1))), ("c=4".into(), "?=?".into()));
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut table = Table::default();
        table.resize(2 * (OVERHEAD + 10));
        for number in 0..1000 {
            table.add(Some(b"name"), Some(format!("{number:06}").as_bytes()));
            assert!(table.text.len() <= 60, "{} bytes are kept", table.text.len());
        }
        let all: Vec<_> = (0..3).map(|index| text(table.get(index))).collect();
        assert_eq!(all, ["name=000999", "name=000998", "?=?"]);
        table.resize(OVERHEAD + 10);
        assert_eq!(text(table.get(1)), "?=?");
        table.resize(0);
        assert_eq!(text(table.get(0)), "?=?");
    }

    #[test]
    fn what_is_too_large_empties_the_table() {
        let mut table = Table::default();
        table.add(Some(b"a"), Some(b"1"));
        table.add(Some(b"b"), Some(&[b'x'; INITIAL_SIZE]));
        assert_eq!(text(table.get(0)), "?=?");
    }
}
