//! Zstandard (RFC 8878), within bounds: what is compressed comes from anybody.

use std::io::Read;

/// The content of the frame that `packed`, all of it or its front, begins with. `None` where that is no frame, or one that wants more than `max_window` bytes
/// to look back, for which memory would be set aside.
pub fn content(packed: &[u8], max_window: u64) -> Option<impl Read + '_> {
    if window(packed)? > max_window {
        return None;
    }
    ruzstd::decoding::StreamingDecoder::new(packed).ok()
}

/// The window that a Zstandard frame wants, bytes (RFC 8878, section 3.1.1.1).
fn window(packed: &[u8]) -> Option<u64> {
    const SINGLE_SEGMENT: u8 = 1 << 5;
    let &[_, _, _, _, descriptor, ref rest @ ..] = packed else { return None };
    if descriptor & SINGLE_SEGMENT == 0 {
        let &window = rest.first()?;
        let base = 1u64 << (10 + u32::from(window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // The content's size stands for it, behind the dictionary's id.
    let id = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let mut number = [0; 8];
    number[..size].copy_from_slice(rest.get(id..id + size)?);
    Some(u64::from_le_bytes(number) + if size == 2 { 256 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows() {
        assert_eq!(window(b"\x28\xb5\x2f\xfd\0\x58"), Some(2 << 20));
        assert_eq!(window(b"\x28\xb5\x2f\xfd\0\xff"), Some(15 << 38));
        assert_eq!(window(b"\x28\xb5\x2f\xfd\x20\x40"), Some(64));
        assert_eq!(window(b"\x28\xb5\x2f\xfd\x61\x07\0\x01"), Some(512));
    }
}
