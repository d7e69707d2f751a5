//! A file of the queue: records one behind the other.

use super::record::{HEAD, Head};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Ends the names of the files; in front of it stands the number, in hexadecimal.
const SUFFIX: &str = ".queue";

/// A file and what is still to be delivered of it.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// Bytes of whole records. Whatever stands behind is damage.
    pub(super) length: u64,
    /// Bytes that the file takes on the disk.
    pub(super) size: u64,
    pub(super) left: Left,
}

/// What waits, or was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) batches: u64,
    pub(super) bytes: u64,
    pub(super) spans: u64,
}

impl Left {
    pub(super) fn add(&mut self, head: &Head) {
        self.batches += 1;
        self.bytes += u64::from(head.length);
        self.spans += u64::from(head.spans);
    }

    pub(super) fn remove(&mut self, head: &Head) {
        self.batches -= 1;
        self.bytes -= u64::from(head.length);
        self.spans -= u64::from(head.spans);
    }
}

/// The file of a number.
pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016x}{SUFFIX}"))
}

/// The numbers of all files, in order.
pub(super) fn numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in directory.read_dir()? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        numbers.extend(number.and_then(|digits| u64::from_str_radix(digits, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

impl Segment {
    /// Walks an existing file from head to head, beginning at `from`, which is where a record begins. Also tells how many spans are damaged at
    /// its end: as many as the head of a record that was cut says, and one where there is no head to say it.
    pub(super) fn walk(directory: &Path, number: u64, from: u64) -> io::Result<(Segment, u64)> {
        let file = File::open(path(directory, number))?;
        let size = file.metadata()?.len();
        let mut segment = Segment { number, length: from.min(size), size, left: Left::default() };
        while segment.length < size {
            let Some(head) = head_at(&file, segment.length)? else { return Ok((segment, 1)) };
            if segment.length + head.size() > size {
                return Ok((segment, u64::from(head.spans).max(1)));
            }
            segment.left.add(&head);
            segment.length += head.size();
        }
        Ok((segment, 0))
    }
}

/// The head at an offset; `None` if there is none.
pub(super) fn head_at(file: &File, offset: u64) -> io::Result<Option<Head>> {
    let mut bytes = [0; HEAD];
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => Ok(Head::parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
