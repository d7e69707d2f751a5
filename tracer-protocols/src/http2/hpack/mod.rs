//! HPACK (RFC 7541), the reading side: header blocks in, fields out.
//!
//! Other decoders refuse a connection whose start they did not see. This one reads what can be read: an index that names an
//! entry of the dynamic table from before gives a field whose name or value is unknown, and entries that are added from then
//! on are known. The same holds after a block was lost.

mod decoder;
mod huffman;
mod predefined;
mod table;

pub(super) use decoder::{Decoder, Field, Outcome};
