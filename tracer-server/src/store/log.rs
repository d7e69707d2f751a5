//! The write-ahead log: what is acknowledged is on disk, though not yet in a block.
//!
//! A file begins with [`MAGIC`]; each record is its length and the CRC-32 of its bytes, both 32 bits little-endian, and
//! its bytes: one `ExportTraceServiceRequest` as it came.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use bytes::Bytes;

/// The format and its version.
const MAGIC: &[u8; 8] = b"TRCLOG1\n";

/// Bytes in front of each record.
const HEAD: usize = 8;

/// No record is longer; a length beyond it is damage.
const LONGEST: usize = crate::LARGEST_REQUEST * 2;

/// A log that is being written.
pub(super) struct Log {
    file: File,
    /// Everything before is acknowledged.
    length: u64,
    buffer: Vec<u8>,
    /// A write failed and what it left could not be removed: nothing may be written behind it.
    broken: bool,
}

impl Log {
    /// Makes a new log.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let written = file.write_all(MAGIC).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // An empty log would stand in the way of the next attempt.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(Self { file, length: MAGIC.len() as u64, buffer: Vec::new(), broken: false })
    }

    /// Appends records and makes them durable. If that fails, none of them is there.
    pub(super) fn append<'a>(&mut self, records: impl Iterator<Item = &'a Bytes>) -> io::Result<()> {
        self.mend()?;
        self.buffer.clear();
        for record in records {
            self.buffer.extend_from_slice(&(record.len() as u32).to_le_bytes());
            self.buffer.extend_from_slice(&crc32fast::hash(record).to_le_bytes());
            self.buffer.extend_from_slice(record);
        }
        let written = self.file.write_all(&self.buffer).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.length += self.buffer.len() as u64,
            Err(_) => self.broken = true,
        }
        // A burst does not hold its memory for ever.
        self.buffer.shrink_to(4 << 20);
        written?;
        self.mend()
    }

    /// Cuts off what a failed write left.
    fn mend(&mut self) -> io::Result<()> {
        if self.broken {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            self.broken = false;
        }
        Ok(())
    }
}

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a whole record.
    Clean,
    /// Within a record, whose sender was never told that it is stored.
    Torn,
    /// With something that is no record.
    Damaged,
}

/// Hands every whole record to `take`.
pub(super) fn replay(path: &Path, mut take: impl FnMut(Vec<u8>)) -> io::Result<End> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut magic = [0; MAGIC.len()];
    match read(&mut reader, &mut magic)? {
        Fill::Whole if magic == *MAGIC => {}
        Fill::Whole => return Ok(End::Damaged),
        Fill::Nothing | Fill::Part => return Ok(End::Torn),
    }
    loop {
        let mut head = [0; HEAD];
        match read(&mut reader, &mut head)? {
            Fill::Whole => {}
            Fill::Nothing => return Ok(End::Clean),
            Fill::Part => return Ok(End::Torn),
        }
        let [a, b, c, d, checksum @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > LONGEST {
            return Ok(End::Damaged);
        }
        let mut record = vec![0; length];
        if length > 0 && read(&mut reader, &mut record)? != Fill::Whole {
            return Ok(End::Torn);
        }
        if crc32fast::hash(&record) != u32::from_le_bytes(checksum) {
            return Ok(End::Damaged);
        }
        take(record);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    Nothing,
    Part,
    Whole,
}

fn read(reader: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<Fill> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(if filled == 0 { Fill::Nothing } else { Fill::Part }),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Fill::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(path: &Path) -> (Vec<Vec<u8>>, End) {
        let mut records = Vec::new();
        let end = replay(path, |record| records.push(record)).expect("readable");
        (records, end)
    }

    #[test]
    fn records_come_back_up_to_wherever_the_file_was_cut() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let mut log = Log::create(&path).expect("created");
        let sent = [Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"three")];
        log.append(sent[..2].iter()).expect("written");
        log.append(sent[2..].iter()).expect("written");
        let whole = std::fs::read(&path).expect("read");
        assert_eq!(records(&path), (sent.iter().map(|record| record.to_vec()).collect(), End::Clean));
        let ends = [MAGIC.len(), MAGIC.len() + 11, MAGIC.len() + 19, whole.len()];
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("written");
            let (records, end) = records(&path);
            assert_eq!(end == End::Clean, ends.contains(&cut), "{cut}");
            assert_eq!(
                records.len(),
                ends.iter().filter(|&&at| at <= cut).count().saturating_sub(1),
                "{cut}"
            );
        }
    }

    #[test]
    fn damage_is_noticed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        Log::create(&path).expect("created").append([Bytes::from_static(b"record")].iter()).expect("written");
        let whole = std::fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&path, &damaged).expect("written");
            let (records, end) = records(&path);
            assert!(records.is_empty() && end != End::Clean, "{at}");
        }
    }
}
