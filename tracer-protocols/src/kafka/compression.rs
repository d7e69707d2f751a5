//! What is left of a batch's records once they are unpacked.

use std::io::Read;

use crate::zstandard;

/// Most bytes that a batch is unpacked to: a hundred small messages, or the first ones of more.
const MAX_UNPACKED: usize = 64 << 10;
/// Longest window of Zstandard that memory is set aside for, bytes: what clients' levels of compression use (RFC 8878, section 3.1.1.1.2 recommends it).
const MAX_WINDOW: u64 = 8 << 20;

/// How records are compressed (Kafka documentation, attributes of a record batch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy, raw or in the framing of xerial's snappy-java.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Codec {
    pub(super) fn of(number: i16) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }
}

/// Unpacks records, each time into the same memory, which is bounded.
#[derive(Debug, Default)]
pub struct Unpacker {
    unpacked: Vec<u8>,
}

impl Unpacker {
    /// The records that `packed`, all or the front of what a batch has, unpacks to: as far as that goes, at most 64 KiB.
    pub fn unpack<'a>(&'a mut self, codec: Codec, packed: &'a [u8]) -> &'a [u8] {
        self.unpacked.clear();
        match codec {
            Codec::None => return packed,
            Codec::Gzip => self.read(flate2::read::GzDecoder::new(packed)),
            Codec::Lz4 => self.read(lz4_flex::frame::FrameDecoder::new(packed)),
            Codec::Zstd => {
                if let Some(content) = zstandard::content(packed, MAX_WINDOW) {
                    self.read(content);
                }
            }
            Codec::Snappy => self.snappy(packed),
        }
        &self.unpacked
    }

    /// Takes what comes until there is an error or enough.
    fn read(&mut self, mut from: impl Read) {
        let mut piece = [0; 4096];
        while self.unpacked.len() < MAX_UNPACKED {
            match from.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(n) => self.unpacked.extend_from_slice(&piece[..n]),
            }
        }
    }

    /// Blocks behind xerial's magic, each with its length, or one block.
    fn snappy(&mut self, packed: &[u8]) {
        const MAGIC: &[u8] = b"\x82SNAPPY\0";
        let Some(framed) = packed.strip_prefix(MAGIC) else {
            self.snappy_block(packed);
            return;
        };
        // Two versions.
        let mut rest = crate::cursor::Cursor(framed.get(8..).unwrap_or_default());
        while let Some(length) = rest.u32()
            && let Some(block) = rest.take(length as usize)
            && self.snappy_block(block)
        {}
    }

    fn snappy_block(&mut self, block: &[u8]) -> bool {
        let Ok(size) = snap::raw::decompress_len(block) else { return false };
        let before = self.unpacked.len();
        if size > MAX_UNPACKED - before.min(MAX_UNPACKED) {
            return false;
        }
        self.unpacked.resize(before + size, 0);
        let unpacked = snap::raw::Decoder::new().decompress(block, &mut self.unpacked[before..]);
        if unpacked.is_err() {
            self.unpacked.truncate(before);
        }
        unpacked.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"what is to be packed, what is to be packed, what is to be packed";

    fn unpacked(codec: Codec, packed: &[u8]) -> Vec<u8> {
        Unpacker::default().unpack(codec, packed).to_vec()
    }

    #[test]
    fn every_codec_gives_the_records_back() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(TEXT).unwrap();
        assert_eq!(unpacked(Codec::Gzip, &gzip.finish().unwrap()), TEXT);
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(TEXT).unwrap();
        assert_eq!(unpacked(Codec::Lz4, &lz4.finish().unwrap()), TEXT);
        let zstd = ruzstd::encoding::compress_to_vec(TEXT, ruzstd::encoding::CompressionLevel::Fastest);
        assert_eq!(unpacked(Codec::Zstd, &zstd), TEXT);
        let block = snap::raw::Encoder::new().compress_vec(TEXT).unwrap();
        assert_eq!(unpacked(Codec::Snappy, &block), TEXT);
        let framed =
            [b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01", &(block.len() as u32).to_be_bytes()[..], &block].concat();
        assert_eq!(unpacked(Codec::Snappy, &[&framed[..], &framed[16..]].concat()), [TEXT, TEXT].concat());
        assert_eq!(unpacked(Codec::None, TEXT), TEXT);
    }

    #[test]
    fn what_is_unpacked_is_bounded() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&vec![0; 4 << 20]).unwrap();
        let size = unpacked(Codec::Gzip, &gzip.finish().unwrap()).len();
        assert!((MAX_UNPACKED..MAX_UNPACKED + 4096).contains(&size), "{size}");
        let block = snap::raw::Encoder::new().compress_vec(&vec![0; 1 << 20]).unwrap();
        assert_eq!(unpacked(Codec::Snappy, &block), b"");
    }

    #[test]
    fn a_window_that_is_too_large_is_refused() {
        assert_eq!(unpacked(Codec::Zstd, b"\x28\xb5\x2f\xfd\0\xff\0\0\0"), b"");
    }
}
