//! Fields of an HPACK header block (RFC 7541, section 6), looked at as the kernel side can: eight bytes at a time, without the tables.
//!
//! The one piece of code in this crate: it runs in the kernel, where it decides whether a request may be added to, and is tried out here.

#![expect(
    clippy::inline_always,
    reason = "a call takes room on a kernel program's stack, and pointers to closures are not known there"
)]

/// What stands at a place in a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A field, or a change of the table's size: the next one is at this offset.
    Other(u32),
    /// As [`Field::Other`], but its name is one that carries trace context, spelled out.
    Context(u32),
    /// Nothing that can be followed.
    Broken,
}

/// Octets of an integer that are looked at (RFC 7541, section 5.1): enough for 16 KiB, the usual bound of a frame.
const MAX_INTEGER: u32 = 3;

/// Looks at the field at `offset`. `word` returns up to eight bytes from an offset as a little-endian number, with zeros where the block
/// has ended. Offsets count bytes from the start of the block.
#[inline(always)]
pub fn field(offset: u32, word: impl Fn(u32) -> u64) -> Field {
    let start = word(offset);
    let first = start as u8;
    if first & 0x80 != 0 {
        // Indexed: name and value are in a table.
        return after(offset, integer(start, 7), 0);
    }
    if first & 0xe0 == 0x20 {
        // The size of the dynamic table.
        return after(offset, integer(start, 5), 0);
    }
    let (name, used) = integer(start, if first & 0x40 != 0 { 6 } else { 4 });
    if used == 0 {
        return Field::Broken;
    }
    let mut at = offset + used;
    let mut context = false;
    if name == 0 {
        let header = word(at);
        let (len, used) = integer(header, 7);
        if used == 0 {
            return Field::Broken;
        }
        context = is_context(word(at + used), len, header & 0x80 != 0);
        at += used + len;
    }
    let value = integer(word(at), 7);
    match after(at, value, value.0) {
        Field::Other(next) if context => Field::Context(next),
        field => field,
    }
}

/// What follows an integer that was read at `offset`, and `len` bytes behind it.
#[inline(always)]
const fn after(offset: u32, integer: (u32, u32), len: u32) -> Field {
    if integer.1 == 0 { Field::Broken } else { Field::Other(offset + integer.1 + len) }
}

/// An integer with a prefix of so many bits (RFC 7541, section 5.1), and how many bytes it takes: 0 where that is more than [`MAX_INTEGER`].
#[inline(always)]
const fn integer(word: u64, prefix: u32) -> (u32, u32) {
    let mask = (1 << prefix) - 1;
    let mut value = word as u32 & mask;
    if value != mask {
        return (value, 1);
    }
    let mut used = 1;
    while used < MAX_INTEGER {
        let byte = (word >> (8 * used)) as u32 & 0xff;
        value += (byte & 0x7f) << (7 * (used - 1));
        used += 1;
        if byte & 0x80 == 0 {
            return (value, used);
        }
    }
    (0, 0)
}

/// Beginnings of the names of headers that carry trace context: W3C Trace Context, B3, Jaeger, X-Ray, OpenCensus.
const CONTEXTS: [Beginning; 6] = [
    Beginning::of(b"tracepar"),
    Beginning::of(b"tracesta"),
    Beginning::of(b"x-b3-"),
    Beginning::of(b"uber-tra"),
    Beginning::of(b"x-amzn-t"),
    Beginning::of(b"grpc-tra"),
];
/// B3 in one header. Nothing may follow.
const B3: Beginning = Beginning::of(b"b3");

/// Whether a name of `len` bytes on the wire is one that carries trace context. `start`: its first eight of these bytes.
#[inline(always)]
fn is_context(start: u64, len: u32, huffman: bool) -> bool {
    // Of B3, the code takes twelve bits, and the padding is ones.
    let b3 = len == 2
        && if huffman {
            start.swap_bytes() >> 48 == B3.huffman >> 48 | 0xf
        } else {
            start & 0xffff == B3.text & 0xffff
        };
    let mut found = b3;
    let mut index = 0;
    while index < CONTEXTS.len() {
        let name = &CONTEXTS[index];
        found |= if huffman {
            (start.swap_bytes() ^ name.huffman) >> (64 - name.huffman_bits) == 0
        } else {
            (start ^ name.text) << (64 - name.bits) == 0
        };
        index += 1;
    }
    found
}

/// The beginning of a name, as it is and Huffman-coded.
struct Beginning {
    /// Little endian.
    text: u64,
    bits: u32,
    /// Big endian, from the highest bit on.
    huffman: u64,
    huffman_bits: u32,
}

impl Beginning {
    const fn of(name: &[u8]) -> Self {
        let mut beginning = Self { text: 0, bits: 0, huffman: 0, huffman_bits: 0 };
        let mut at = 0;
        while at < name.len() {
            beginning.text |= (name[at] as u64) << beginning.bits;
            beginning.bits += 8;
            let (code, bits) = code(name[at]);
            beginning.huffman_bits += bits;
            beginning.huffman |= code << (64 - beginning.huffman_bits);
            at += 1;
        }
        beginning
    }
}

/// The Huffman code of a letter and its number of bits (RFC 7541, appendix B), of those letters that are needed here.
const fn code(letter: u8) -> (u64, u32) {
    match letter {
        b'a' => (0x3, 5),
        b'b' => (0x23, 6),
        b'c' => (0x4, 5),
        b'e' => (0x5, 5),
        b'g' => (0x26, 6),
        b'm' => (0x29, 6),
        b'n' => (0x2a, 6),
        b'p' => (0x2b, 6),
        b'r' => (0x2c, 6),
        b's' => (0x8, 5),
        b't' => (0x9, 5),
        b'u' => (0x2d, 6),
        b'x' => (0x79, 7),
        b'z' => (0x7b, 7),
        b'-' => (0x16, 6),
        b'3' => (0x19, 6),
        _ => panic!("a letter without its code"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks through a block as the kernel side does: whether it carries context, `None` where it cannot be followed.
    fn scan(block: &[u8]) -> Option<bool> {
        let word = |offset: u32| {
            let mut bytes = [0; 8];
            for (to, from) in bytes.iter_mut().zip(block.get(offset as usize..).unwrap_or_default()) {
                *to = *from;
            }
            u64::from_le_bytes(bytes)
        };
        let (mut at, mut context) = (0, false);
        while (at as usize) < block.len() {
            at = match field(at, word) {
                Field::Other(next) => next,
                Field::Context(next) => {
                    context = true;
                    next
                }
                Field::Broken => return None,
            };
        }
        (at as usize == block.len()).then_some(context)
    }

    #[test]
    fn examples_of_the_specification_are_followed() {
        // RFC 7541, C.3.1 and C.4.1: a request, as it is and Huffman-coded.
        assert_eq!(scan(b"\x82\x86\x84\x41\x0fwww.example.com"), Some(false));
        assert_eq!(
            scan(b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"),
            Some(false)
        );
        // C.2.1 and C.2.3: new names, with indexing and never indexed.
        assert_eq!(scan(b"\x40\x0acustom-key\x0dcustom-header"), Some(false));
        assert_eq!(scan(b"\x10\x08password\x06secret"), Some(false));
        // Section 4.2: a change of the table's size, of 1337 (C.1.2).
        assert_eq!(scan(b"\x3f\x9a\x0a\x82"), Some(false));
    }

    #[test]
    fn trace_context_is_found_however_it_is_spelled() {
        for name in
            [&b"traceparent"[..], b"tracestate", b"b3", b"x-b3-traceid", b"uber-trace-id", b"grpc-trace-bin"]
        {
            let mut block = [0; 64];
            block[..2].copy_from_slice(&[0x82, 0x10]);
            block[2] = name.len() as u8;
            block[3..3 + name.len()].copy_from_slice(name);
            block[3 + name.len()..5 + name.len()].copy_from_slice(b"\x01v");
            assert_eq!(scan(&block[..5 + name.len()]), Some(true), "{name:?}");
        }
        for (huffman, context) in [
            // traceparent, b3, user-id
            (&b"\x00\x88\x4d\x83\x21\x6b\x1d\x85\xa9\x3f\x01v"[..], true),
            (b"\x00\x82\x8d\x9f\x01v", true),
            (b"\x00\x85\xb5\x05\xb1\x63\x49\x01v", false),
        ] {
            assert_eq!(scan(huffman), Some(context), "{huffman:?}");
        }
        for other in [&b"\x00\x02b4\x01v"[..], b"\x00\x03b3x\x01v", b"\x00\x05trace\x01v", b"\x00\x00\x00"] {
            assert_eq!(scan(other), Some(false), "{other:?}");
        }
    }

    #[test]
    fn what_is_cut_or_too_long_is_not_followed() {
        for block in [&b"\x41"[..], b"\x41\x0fwww", b"\x00\x03ab", b"\xff\xff\xff\xff\x0f", b"\x3f\xff\xff"] {
            assert_eq!(scan(block), None, "{block:?}");
        }
    }

    #[test]
    fn no_bytes_make_it_run_backwards() {
        let mut state = 1u64;
        for _ in 0..100_000 {
            // An xorshift generator: there is no other one without the standard library.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            match field(100, |offset| state.rotate_left(offset)) {
                Field::Other(next) | Field::Context(next) => assert!(next > 100 && next < 200_000),
                Field::Broken => {}
            }
        }
    }
}
