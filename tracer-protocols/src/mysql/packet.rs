//! Length, number and as much of a packet as is kept.

use crate::contract::Follows;

/// Length and number.
pub(super) const HEADER: usize = 4;

/// A packet at the front of some bytes.
#[derive(Clone, Copy)]
pub(super) struct Packet<'a> {
    /// Counts the packets of a command and its answer.
    pub(super) number: u8,
    /// Bytes of it.
    pub(super) length: usize,
    /// What is kept of them.
    pub(super) body: &'a [u8],
}

impl Packet<'_> {
    /// Its first byte, which tells its kind.
    pub(super) fn kind(&self) -> Option<u8> {
        self.body.first().copied()
    }

    /// Bytes of it that are at hand, with the header.
    pub(super) fn seen(&self) -> usize {
        HEADER + self.body.len()
    }

    /// Bytes of it that are not kept.
    pub(super) fn rest(&self) -> u64 {
        (self.length - self.body.len()) as u64
    }
}

/// What is at the front.
pub(super) enum Front<'a> {
    Packet(Packet<'a>),
    NeedMore,
    /// A gap cuts it so early that nothing can be told.
    Cut,
}

/// Reads a packet. How many bytes of it are kept, `kept` tells by its number, its length and its first byte.
pub(super) fn read(bytes: &[u8], follows: Follows, kept: impl Fn(u8, usize, u8) -> usize) -> Front<'_> {
    let short = || if follows == Follows::Gap { Front::Cut } else { Front::NeedMore };
    let Some((&[low, middle, high, number], body)) = bytes.split_first_chunk() else { return short() };
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if length == 0 {
        return Front::Packet(Packet { number, length, body: &[] });
    }
    let Some(&first) = body.first() else { return short() };
    let wanted = length.min(kept(number, length, first)).max(1);
    if body.len() < wanted && follows == Follows::Maybe {
        return Front::NeedMore;
    }
    Front::Packet(Packet { number, length, body: &body[..body.len().min(wanted)] })
}

/// A number of one to nine bytes, and what is behind (MySQL documentation, "Protocol::LengthEncodedInteger").
pub(super) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let size = match first {
        0..=250 => return Some((first.into(), rest)),
        252 => 2,
        253 => 3,
        254 => 8,
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(size)?;
    let value = bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    Some((value, rest))
}
