//! Reads fixed fields off the front of some bytes, all of them big endian.

/// Bytes that were not read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next `n` bytes; `None` where there are fewer.
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(front)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A number of seven bits a byte, the lowest first, the highest bit saying that more follow; at most `bytes` of them.
    pub(crate) fn varint(&mut self, bytes: u32) -> Option<u64> {
        let mut value = 0u64;
        for at in 0..bytes {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_where_they_must() {
        assert_eq!(Cursor(&[0x7f]).varint(4), Some(127));
        assert_eq!(Cursor(&[0x80, 0x01]).varint(4), Some(128));
        assert_eq!(Cursor(&[0xff, 0xff, 0xff, 0x7f]).varint(4), Some(268_435_455));
        assert_eq!(Cursor(&[0x80, 0x80, 0x80, 0x80, 0x01]).varint(4), None);
        assert_eq!(Cursor(&[0x80]).varint(4), None);
        assert_eq!(Cursor(&[0xff; 10]).varint(10), None);
    }

    #[test]
    fn nothing_is_taken_of_what_is_too_short() {
        let mut cursor = Cursor(&[1, 2, 3]);
        assert_eq!(cursor.u32(), None);
        assert_eq!(cursor.u16(), Some(0x0102));
        assert_eq!(cursor.0, [3]);
    }
}
