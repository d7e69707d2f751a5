//! The front of what was compressed.

use std::io::Read;

use tracer_protocols::{
    mongodb::{Compressor, MAX_MESSAGE},
    zstandard,
};

/// Most bytes of an uncompressed message of which so few compressed ones are at hand: Snappy makes at most 21 bytes of one.
const MAX_SNAPPY: usize = 32 * MAX_MESSAGE;
/// Most bytes that Zstandard may look back: what level 3 uses, which drivers have by default.
const MAX_WINDOW: u64 = 2 << 20;

/// What `bytes`, which may be cut, begin with: at most as many bytes as a message that is not compressed is read of. Nothing where that cannot be told.
pub(super) fn front(compressor: Compressor, bytes: &[u8]) -> Vec<u8> {
    match compressor {
        Compressor::None => bytes.to_vec(),
        Compressor::Snappy => snappy(bytes),
        Compressor::Zlib => first(flate2::read::ZlibDecoder::new(bytes)),
        Compressor::Zstd => zstandard::content(bytes, MAX_WINDOW).map_or_else(Vec::new, first),
    }
}

/// As many bytes as there are before something is wrong, or missing.
fn first(mut content: impl Read) -> Vec<u8> {
    let mut front = vec![0; MAX_MESSAGE];
    let mut filled = 0;
    while let Ok(read @ 1..) = content.read(&mut front[filled..]) {
        filled += read;
    }
    front.truncate(filled);
    front
}

/// Snappy's block format tells its length first, and wants to be whole.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    match snap::raw::decompress_len(bytes) {
        Ok(length) if length <= MAX_SNAPPY => {
            snap::raw::Decoder::new().decompress_vec(bytes).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn text() -> Vec<u8> {
        (0..400_u32).flat_map(|number| format!("{number} goods, ").into_bytes()).collect()
    }

    #[test]
    fn what_is_whole_is_read_by_every_compressor() {
        let short = &text()[..600];
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(short).unwrap();
        assert_eq!(front(Compressor::Zlib, &zlib.finish().unwrap()), short);
        assert_eq!(front(Compressor::Zstd, &zstd::encode_all(short, 3).unwrap()), short);
        assert_eq!(front(Compressor::Snappy, &snap::raw::Encoder::new().compress_vec(short).unwrap()), short);
        assert_eq!(front(Compressor::None, short), short);
    }

    #[test]
    fn no_more_is_made_than_is_read() {
        let long = vec![b'x'; 1 << 20];
        assert_eq!(front(Compressor::Zstd, &zstd::encode_all(&long[..], 3).unwrap()).len(), MAX_MESSAGE);
        assert!(
            front(Compressor::Snappy, &snap::raw::Encoder::new().compress_vec(&long).unwrap()).is_empty()
        );
    }

    #[test]
    fn what_is_cut_gives_what_is_there() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(&text()).unwrap();
        let zlib = zlib.finish().unwrap();
        let seen = front(Compressor::Zlib, &zlib[..300]);
        assert!(seen.len() > 100 && text().starts_with(&seen));
        for compressor in [Compressor::Zlib, Compressor::Zstd, Compressor::Snappy] {
            assert!(front(compressor, b"no such thing").len() <= MAX_MESSAGE);
        }
    }
}
