//! Trace context was written into a request, told just before the first data record of the call that sent it.

use super::Header;
use crate::propagation::VALUE;

/// What the request carries that the application did not send.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Common part. `conn` is set.
    pub header: Header,
    /// Position of the request's first byte (HTTP/2: of its HEADERS frame) in its stream, modulo 2^32.
    pub position: u32,
    /// Bytes that were added to the stream: positions of what follows are that much higher.
    pub added: u32,
    /// The value of the `traceparent` header.
    pub value: [u8; VALUE],
    /// Keeps the struct a multiple of eight.
    pub reserved: u8,
}

const _: () = assert!(size_of::<Written>() == 24 + 8 + 56);
