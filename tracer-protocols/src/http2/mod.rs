//! HTTP/2 (RFC 9113) with HPACK (RFC 7541).
//!
//! Read: every frame type of the specification, split anywhere; header blocks with padding, priority and CONTINUATION; dynamic
//! table and Huffman code; trailers; interim answers; RST_STREAM and GOAWAY; connections that are joined in the middle.
//!
//! Not read: bodies, whose frames are passed over by length. Pushed requests (PUSH_PROMISE) are decoded, since the dynamic
//! table needs it, and not reported: no client in use accepts them. Settings are not needed: an encoder says in the block
//! itself how large its table is (RFC 7541, section 4.2).

mod detect;
mod fields;
mod fragment;
mod frame;
mod hpack;
pub mod limits;
mod message;
mod parser;

pub use crate::contract::{Follows, Gap, Reason, Step};
pub use detect::{Detection, detect};
pub use message::{Block, Message, ResponseHead, StreamId};
pub use parser::Parser;
