//! The part of the protobuf wire format that OTLP needs.
//!
//! Source: Protocol Buffers documentation, "Encoding" (protobuf.dev/programming-guides/encoding).

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// Lengths below this take one byte.
pub(super) const SHORT: usize = 0x80;

/// Bytes that `value` takes as a base-128 varint: 1 to 10.
pub(crate) const fn varint_len(value: u64) -> usize {
    // Seven bits a byte; `| 1` because zero takes one byte too.
    ((70 - (value | 1).leading_zeros()) / 7) as usize
}

/// Bytes of a length-delimited field: tag, length and contents. Field numbers below 16 only (one tag byte).
pub(crate) const fn field_len(contents: usize) -> usize {
    1 + varint_len(contents as u64) + contents
}

/// The tag of a length-delimited field whose number is below 16.
const fn short_tag(field: u32) -> u8 {
    (field << 3 | LENGTH_DELIMITED) as u8
}

/// Appends protobuf fields to a buffer.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends fields that are encoded already.
    pub(crate) fn raw(&mut self, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
    }

    #[inline]
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    #[inline]
    fn tag(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// Any integer, enum or bool field, zero too. Signed values are passed as their two's complement.
    #[inline]
    pub(crate) fn integer(&mut self, field: u32, value: u64) {
        self.tag(field, VARINT);
        // Ports, status codes and most sizes: known lengths need one look at the buffer's.
        let low = |shift: u32| (value >> shift) as u8;
        match value {
            0..0x80 => self.bytes.push(low(0)),
            0x80..0x4000 => self.bytes.extend_from_slice(&[low(0) | 0x80, low(7)]),
            0x4000..0x20_0000 => self.bytes.extend_from_slice(&[low(0) | 0x80, low(7) | 0x80, low(14)]),
            _ => self.varint(value),
        }
    }

    /// Nothing where the value is zero: the default of proto3.
    #[inline]
    pub(crate) fn fixed64(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.tag(field, FIXED64);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// A `double` of a `oneof`, zero too: there it is not the default.
    pub(crate) fn double(&mut self, field: u32, value: f64) {
        self.tag(field, FIXED64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Nothing where the value is zero: the default of proto3.
    #[inline]
    pub(crate) fn fixed32(&mut self, field: u32, value: u32) {
        if value != 0 {
            self.tag(field, FIXED32);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// A `bytes` or `string` field, empty ones too.
    #[inline]
    pub(crate) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.header(field, value.len());
        self.bytes.extend_from_slice(value);
    }

    /// A `string` field, nothing where the text is empty: the default of proto3.
    #[inline]
    pub(crate) fn string(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    /// Tag and length of a field whose `len` bytes of contents the caller writes next.
    #[inline]
    pub(crate) fn header(&mut self, field: u32, len: usize) {
        self.tag(field, LENGTH_DELIMITED);
        self.varint(len as u64);
    }

    /// As [`Self::header`], with a field below 16 and a length below [`SHORT`].
    #[inline]
    pub(super) fn short_header(&mut self, field: u32, len: usize) {
        self.bytes.extend_from_slice(&[short_tag(field), len as u8]);
    }

    /// Two of [`Self::short_header`], at once.
    #[inline]
    pub(super) fn short_headers(&mut self, [(outer, outer_len), (inner, inner_len)]: [(u32, usize); 2]) {
        self.bytes.extend_from_slice(&[short_tag(outer), outer_len as u8, short_tag(inner), inner_len as u8]);
    }

    /// A message field whose length is known only once it is written. Room for a length of `guess` bytes is kept
    /// free; if the length needs another number of bytes, the contents move.
    #[inline]
    pub(crate) fn message(&mut self, field: u32, guess: usize, contents: impl FnOnce(&mut Self)) {
        self.tag(field, LENGTH_DELIMITED);
        let length_at = self.bytes.len();
        self.bytes.resize(length_at + guess, 0);
        let start = length_at + guess;
        contents(self);
        let mut len = self.bytes.len() - start;
        let width = varint_len(len as u64);
        if width > guess {
            self.bytes.resize(start + len + (width - guess), 0);
        }
        if width != guess {
            self.bytes.copy_within(start..start + len, length_at + width);
            self.bytes.truncate(length_at + width + len);
        }
        let last = length_at + width - 1;
        for byte in &mut self.bytes[length_at..last] {
            *byte = len as u8 | 0x80;
            len >>= 7;
        }
        self.bytes[last] = len as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_len_agrees_with_what_is_written() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut writer = Writer::with_capacity(0);
                writer.varint(value);
                assert_eq!(writer.into_bytes().len(), varint_len(value), "{value}");
            }
        }
    }

    #[test]
    fn a_message_is_the_same_whatever_the_guess() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let contents: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let mut known = Writer::with_capacity(0);
            known.bytes(1, &contents);
            let known = known.into_bytes();
            for guess in 1..=4 {
                let mut guessed = Writer::with_capacity(0);
                guessed.message(1, guess, |writer| writer.raw(&contents));
                assert!(guessed.into_bytes() == known, "{len} bytes with a guess of {guess}");
            }
        }
    }
}
