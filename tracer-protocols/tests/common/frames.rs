//! A writer of HTTP/2 frames (RFC 9113, section 4.1).
#![allow(dead_code, reason = "each user of this module takes its part")]
#![allow(unreachable_pub, reason = "compiled into several crates, public in none")]

/// The client's preface.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Flags of frames.
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const PRIORITY: u8 = 0x20;

/// A frame of this type.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A field as a literal, added to the dynamic table or not (RFC 7541, sections 6.2.1 and 6.2.2).
pub fn literal(name: &str, value: &str, added: bool) -> Vec<u8> {
    assert!(name.len() < 127 && value.len() < 127);
    let mut bytes = vec![if added { 0x40 } else { 0 }, name.len() as u8];
    bytes.extend(name.bytes());
    bytes.push(value.len() as u8);
    bytes.extend(value.bytes());
    bytes
}

/// The block of a GET.
pub fn get(path: &str) -> Vec<u8> {
    [&[0x82, 0x86][..], &literal(":path", path, false), &literal(":authority", "a.example", true)].concat()
}
