//! Texts that many spans share, each kept once.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;

/// A text in a [`Texts`]. The default is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(pub u32);

/// Every text once, end to end in one piece of memory.
pub struct Texts {
    bytes: String,
    /// Where each text ends; it begins where the one before ends.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            bytes: String::new(),
            ends: vec![0],
            table: HashTable::new(),
            // Seeded: the texts come from strangers.
            hasher: foldhash::fast::RandomState::default(),
        }
    }
}

impl Texts {
    /// The text, kept if it is new. The empty text always is [`Text::default`].
    pub fn intern(&mut self, text: &str) -> Text {
        if text.is_empty() {
            return Text::default();
        }
        let hash = self.hasher.hash_one(text);
        let Self { bytes, ends, table, hasher } = self;
        let at = |index: u32| slice(bytes, ends, index);
        if let Some(found) = table.find(hash, |&index| at(index) == text) {
            return Text(*found);
        }
        let index = ends.len() as u32;
        bytes.push_str(text);
        ends.push(bytes.len() as u32);
        table.insert_unique(hash, index, |&index| hasher.hash_one(slice(bytes, ends, index)));
        Text(index)
    }

    /// The text if it is kept already.
    pub fn find(&self, text: &str) -> Option<Text> {
        if text.is_empty() {
            return Some(Text::default());
        }
        let hash = self.hasher.hash_one(text);
        self.table.find(hash, |&index| self.get(Text(index)) == text).map(|&index| Text(index))
    }

    /// What the text says.
    pub fn get(&self, text: Text) -> &str {
        slice(&self.bytes, &self.ends, text.0)
    }

    /// How many different texts there are, the empty one included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is nothing but the empty text.
    pub fn is_empty(&self) -> bool {
        self.ends.len() == 1
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 4 + self.table.capacity() * 5
    }
}

fn slice<'a>(bytes: &'a str, ends: &[u32], index: u32) -> &'a str {
    let index = index as usize;
    let start = if index == 0 { 0 } else { ends[index - 1] as usize };
    &bytes[start..ends[index] as usize]
}

/// A hasher for keys that no stranger chooses at will, or whose collisions cost nothing but time in a bounded map.
pub(crate) type FastState = FixedState;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one() {
        let mut texts = Texts::default();
        let words = ["", "a", "", "ab", "a", "b", "ab"];
        let interned: Vec<Text> = words.iter().map(|word| texts.intern(word)).collect();
        for (text, word) in interned.iter().zip(words) {
            assert_eq!(texts.get(*text), word);
            assert_eq!(texts.find(word), Some(*text));
        }
        assert_eq!(texts.len(), 4);
        assert_eq!(texts.find("c"), None);
    }
}
