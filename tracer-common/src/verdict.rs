//! What the daemon says of a guess at the protocol of a connection: values of map `VERDICTS`.

/// Its messages were understood.
pub const CONFIRMED: u32 = 1;
/// It is something else, or of no interest.
pub const REFUSED: u32 = 2;
