//! Which kinds of characters a text holds: one look that makes most others needless.

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u8);

/// The kind of each byte.
const KIND: [u8; 256] = {
    let mut kinds = [Kinds::OTHER; 256];
    let mut at = 0;
    while at < 256 {
        kinds[at] = match at as u8 {
            b'a'..=b'z' => Kinds::LOWER,
            b'A'..=b'Z' => Kinds::UPPER,
            b'0'..=b'9' => Kinds::DIGIT,
            b'-' | b'_' => Kinds::DASH,
            b'.' => Kinds::DOT,
            _ => Kinds::OTHER,
        };
        at += 1;
    }
    kinds
};

impl Kinds {
    /// `a` to `z`
    pub(super) const LOWER: u8 = 1 << 0;
    /// `A` to `Z`
    pub(super) const UPPER: u8 = 1 << 1;
    /// `0` to `9`
    pub(super) const DIGIT: u8 = 1 << 2;
    /// `-` and `_`
    pub(super) const DASH: u8 = 1 << 3;
    /// `.`
    pub(super) const DOT: u8 = 1 << 4;
    /// All others.
    pub(super) const OTHER: u8 = 1 << 5;

    /// Those of a text.
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |all, byte| all | KIND[usize::from(byte)]))
    }

    /// There is one of `any`.
    pub(super) fn has(self, any: u8) -> bool {
        self.0 & any != 0
    }

    /// There are none but of `all`.
    pub(super) fn are_of(self, all: u8) -> bool {
        self.0 & !all == 0
    }
}
