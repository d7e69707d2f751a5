//! What the parser hands out. Text borrows from the parser, which decodes it anew for each block.

use crate::http1::{Headers, RequestHead};

/// Identifier of a stream: one exchange of its connection (RFC 9113, section 5.1.1).
pub type StreamId = u32;

/// One thing recognised in a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A request begins.
    Request(StreamId, RequestHead<'a>),
    /// An interim answer, 1xx.
    Informational(StreamId, u16),
    /// The final answer begins.
    Response(StreamId, ResponseHead<'a>),
    /// A block without a head's pseudo-header: trailers, or a head of which that field is unknown.
    Trailers(StreamId, Block<'a>),
    /// A DATA frame begins, with so many bytes of content; `None` where padding hides how many.
    Data(StreamId, Option<u64>),
    /// The stream's last frame of this direction is over (`END_STREAM`).
    End(StreamId),
    /// `RST_STREAM`, with its error code (RFC 9113, section 7).
    Reset(StreamId, u32),
    /// `GOAWAY`: streams of the other side beyond this one were not and will not be processed.
    GoAway(StreamId, u32),
}

/// The fields of a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// All fields whose name and value are known, pseudo-headers left out.
    pub headers: Headers<'a>,
    /// Fields may have been sent that are not among them: they name entries of the dynamic table from before the
    /// connection was looked at or from a block that was lost, or the block itself was not seen whole.
    pub truncated: bool,
}

/// The head of a final answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead<'a> {
    /// The status code.
    pub status: u16,
    /// Its fields.
    pub block: Block<'a>,
}
