//! Notations of bodies (specification of version 4, section 3).

/// A message is compressed.
pub(super) const COMPRESSED: u8 = 0x01;
/// An answer begins with the id of its trace.
const TRACED: u8 = 0x02;
/// A body begins with data for whoever knows what for.
const PAYLOAD: u8 = 0x04;
/// An answer begins with warnings.
const WARNED: u8 = 0x08;

/// A number of two bytes, and what is behind.
pub(super) fn short(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number).into(), rest))
}

/// A number of four bytes, and what is behind.
pub(super) fn int(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// A length of two bytes and so many bytes, and what is behind.
pub(super) fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = short(bytes)?;
    rest.split_at_checked(length)
}

/// A length of four bytes and so many bytes, or as many as there are.
pub(super) fn long_string(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = int(bytes)?;
    Some(&rest[..rest.len().min(length as usize)])
}

/// What is behind all that flags say stands in front.
pub(super) fn content(flags: u8, mut body: &[u8]) -> Option<&[u8]> {
    if flags & TRACED != 0 {
        body = body.get(16..)?;
    }
    if flags & WARNED != 0 {
        let (count, rest) = short(body)?;
        body = rest;
        for _ in 0..count {
            body = string(body)?.1;
        }
    }
    if flags & PAYLOAD != 0 {
        let (count, rest) = short(body)?;
        body = rest;
        for _ in 0..count {
            let (length, rest) = int(string(body)?.1)?;
            body = rest.get(if length > 1 << 30 { 0 } else { length as usize }..)?;
        }
    }
    Some(body)
}
