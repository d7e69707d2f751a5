//! How far delivery has come, in a file: everything before is settled.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// Where a record begins, or the next one will.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Number of the file.
    pub(super) segment: u64,
    /// Bytes before it in the file.
    pub(super) offset: u64,
}

/// Bytes of the file, little-endian: number (u64), offset (u64), CRC-32 of both (u32).
const SIZE: usize = 20;

impl Position {
    /// The position that the file holds. One that is damaged is the very beginning: what was delivered is then delivered again,
    /// which is better than not at all.
    pub(super) fn load(file: &File) -> io::Result<Position> {
        let mut bytes = [0; SIZE];
        match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Position::default()),
            read => read?,
        }
        let (mut segment, mut offset, mut crc) = ([0; 8], [0; 8], [0; 4]);
        segment.copy_from_slice(&bytes[..8]);
        offset.copy_from_slice(&bytes[8..16]);
        crc.copy_from_slice(&bytes[16..]);
        let is_whole = crc32fast::hash(&bytes[..16]) == u32::from_le_bytes(crc);
        let position = Position { segment: u64::from_le_bytes(segment), offset: u64::from_le_bytes(offset) };
        Ok(if is_whole { position } else { Position::default() })
    }

    /// Writes it down.
    pub(super) fn store(self, file: &File) -> io::Result<()> {
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(&self.segment.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&crc.to_le_bytes());
        file.write_all_at(&bytes, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_position_is_the_beginning() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Position::load(&file).unwrap(), Position::default());
        let position = Position { segment: 3, offset: 1 << 40 };
        position.store(&file).unwrap();
        assert_eq!(Position::load(&file).unwrap(), position);
        file.write_all_at(&[9], 2).unwrap();
        assert_eq!(Position::load(&file).unwrap(), Position::default());
    }
}
