//! Header blocks (RFC 7541, section 6).

use super::huffman;
use super::predefined::ENTRIES;
use super::table::{Table, Texts};
use crate::http2::limits::MAX_LITERALS;

/// A header field, `None` for what an unknown entry of the dynamic table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http2) struct Field<'a> {
    pub(in crate::http2) name: Option<&'a [u8]>,
    pub(in crate::http2) value: Option<&'a [u8]>,
}

/// How far a block could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http2) enum Outcome {
    /// To its end.
    Whole,
    /// It breaks off, or makes no sense from some point on. The dynamic table is unknown now.
    Part,
}

/// The reader of one direction's header blocks.
#[derive(Debug, Default)]
pub(in crate::http2) struct Decoder {
    table: Table,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// What stands at the front of a field.
enum Kind {
    Indexed(usize),
    /// `index` 0: the name follows.
    Literal {
        index: usize,
        added: bool,
    },
    Resize(usize),
}

impl Decoder {
    /// Hands out the fields of a block in order.
    pub(in crate::http2) fn decode(&mut self, mut block: &[u8], mut field: impl FnMut(Field<'_>)) -> Outcome {
        let mut budget = MAX_LITERALS;
        while !block.is_empty() {
            if self.field(&mut block, &mut budget, &mut field).is_none() {
                self.table.forget();
                return Outcome::Part;
            }
        }
        Outcome::Whole
    }

    /// A block was lost: the dynamic table is unknown now.
    pub(in crate::http2) fn forget(&mut self) {
        self.table.forget();
    }

    fn field(
        &mut self,
        block: &mut &[u8],
        budget: &mut usize,
        sink: &mut impl FnMut(Field<'_>),
    ) -> Option<()> {
        match kind(block)? {
            Kind::Indexed(index) => {
                let (name, value) = entry(&self.table, index)?;
                sink(Field { name, value });
            }
            Kind::Literal { index, added } => {
                self.name.clear();
                self.value.clear();
                let known = if index == 0 {
                    string(block, &mut self.name)?;
                    true
                } else {
                    let (name, _) = entry(&self.table, index)?;
                    self.name.extend_from_slice(name.unwrap_or_default());
                    name.is_some()
                };
                string(block, &mut self.value)?;
                *budget = budget.checked_sub(self.name.len() + self.value.len())?;
                let (name, value) = (known.then_some(&*self.name), Some(&*self.value));
                sink(Field { name, value });
                if added {
                    self.table.add(name, value);
                }
            }
            Kind::Resize(size) => self.table.resize(size),
        }
        Some(())
    }
}

/// RFC 7541, sections 6.1 to 6.3.
fn kind(block: &mut &[u8]) -> Option<Kind> {
    let first = *block.first()?;
    Some(if first & 0x80 != 0 {
        Kind::Indexed(integer(block, 7)?)
    } else if first & 0x40 != 0 {
        Kind::Literal { index: integer(block, 6)?, added: true }
    } else if first & 0x20 != 0 {
        Kind::Resize(integer(block, 5)?)
    } else {
        Kind::Literal { index: integer(block, 4)?, added: false }
    })
}

/// The entry at an index of both tables, of which 0 does not exist.
fn entry(table: &Table, index: usize) -> Option<Texts<'_>> {
    let at = index.checked_sub(1)?;
    Some(match ENTRIES.get(at) {
        Some((name, value)) => (Some(name.as_bytes()), Some(value.as_bytes())),
        None => table.get(at - ENTRIES.len()),
    })
}

/// RFC 7541, section 5.1; `None` beyond 2^28, which no index and no length needs.
fn integer(block: &mut &[u8], prefix_bits: u32) -> Option<usize> {
    let (&first, mut rest) = block.split_first()?;
    let most = (1usize << prefix_bits) - 1;
    let mut value = usize::from(first) & most;
    if value == most {
        for shift in [0, 7, 14, 21] {
            let (&byte, tail) = rest.split_first()?;
            rest = tail;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *block = rest;
                return Some(value);
            }
        }
        return None;
    }
    *block = rest;
    Some(value)
}

/// RFC 7541, section 5.2.
fn string(block: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
    let coded = block.first()? & 0x80 != 0;
    let len = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(len)?;
    *block = rest;
    if coded {
        return huffman::decode(text, out).then_some(());
    }
    out.extend_from_slice(text);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// The fields of a block as `name: value`, what is unknown as `?`.
    fn read(decoder: &mut Decoder, hex: &str) -> (String, Outcome) {
        let show =
            |text: Option<&[u8]>| text.map_or("?".into(), |text| String::from_utf8_lossy(text).into_owned());
        let mut lines = Vec::new();
        let outcome = decoder.decode(&bytes(hex), |field| {
            lines.push(format!("{}: {}", show(field.name), show(field.value)));
        });
        (lines.join("\n"), outcome)
    }

    const FIRST: &str = ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com";

    #[test]
    fn requests_of_the_specification() {
        // RFC 7541, appendices C.3 (plain) and C.4 (Huffman).
        for blocks in [
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
        ] {
            let mut decoder = Decoder::default();
            assert_eq!(read(&mut decoder, blocks[0]), (FIRST.into(), Outcome::Whole));
            assert_eq!(read(&mut decoder, blocks[1]).0, format!("{FIRST}\ncache-control: no-cache"));
            let third = ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value";
            assert_eq!(read(&mut decoder, blocks[2]).0, third);
        }
    }

    #[test]
    fn a_decoder_that_joins_late_names_what_it_does_not_know() {
        let mut decoder = Decoder::default();
        let (text, outcome) = read(&mut decoder, "828684be58086e6f2d6361636865");
        assert_eq!(text, ":method: GET\n:scheme: http\n:path: /\n?: ?\ncache-control: no-cache");
        assert_eq!(outcome, Outcome::Whole);
        // Index 63 is the entry before the one that was just seen: still unknown. A literal with such a name has a value.
        assert_eq!(read(&mut decoder, "bf").0, "?: ?");
        assert_eq!(read(&mut decoder, "7f01 02 7878 be").0, "?: xx\n?: xx");
        assert_eq!(read(&mut decoder, "4001 61 01 62 be bf").0, "a: b\na: b\n?: xx");
    }

    #[test]
    fn a_lost_block_makes_the_table_unknown() {
        let mut decoder = Decoder::default();
        read(&mut decoder, "4001 61 01 62");
        assert_eq!(read(&mut decoder, "be").0, "a: b");
        decoder.forget();
        assert_eq!(read(&mut decoder, "be").0, "?: ?");
    }

    #[test]
    fn a_block_that_breaks_off_gives_its_front() {
        let mut decoder = Decoder::default();
        let whole = bytes("828684410f7777772e6578616d706c652e636f6d");
        for cut in 0..whole.len() {
            let mut fields = 0;
            let outcome = decoder.decode(&whole[..cut], |_| fields += 1);
            assert_eq!(fields, cut.min(3));
            assert_eq!(outcome, if cut > 3 { Outcome::Part } else { Outcome::Whole });
        }
    }

    #[test]
    fn malformed_blocks() {
        for hex in ["80", "ff", "ffffffffffff7f", "00", "0001", "7f", "00 01 61 7f ffffff7f", "00 81 00 00"] {
            assert_eq!(read(&mut Decoder::default(), hex).1, Outcome::Part, "{hex}");
        }
    }

    #[test]
    fn resizing_drops_entries() {
        let mut decoder = Decoder::default();
        read(&mut decoder, "4001 61 01 62");
        assert_eq!(read(&mut decoder, "20 3fe11f be").0, "?: ?");
    }
}
