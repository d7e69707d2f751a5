//! What is left of a batch's records once they are unpacked.

use std::io::Read;

/// Most bytes that a batch is unpacked to: a hundred small messages, or the first ones of more.
const MAX_UNPACKED: usize = 64 << 10;

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
                if let Ok(decoder) = ruzstd::decoding::StreamingDecoder::new(packed) {
                    self.read(decoder);
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
