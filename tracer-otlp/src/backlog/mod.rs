//! Batches that wait on disk, so that they survive the end of the process and a backend that is down for long.
//!
//! A directory holds numbered files of records (`record.rs`), which are written in order and read in order, the file
//! `position` with how far delivery has come, and `lock`, which keeps a second exporter out. A file is removed once all
//! of it is settled. A file of an earlier run is never appended to: what may be damaged at its end has nothing behind it.
//!
//! Nothing is forced to the disk but at the orderly end ([`Backlog::sync`]). What was written outlives the process however that
//! ends; a crash of the whole machine may take what the kernel has not written back yet (half a minute by default,
//! `vm.dirty_expire_centisecs`). What was delivered in the last moments before an end may be delivered again.

mod position;
mod record;
mod segment;
#[cfg(test)]
mod tests;

use self::{
    position::Position,
    record::{HEAD, Head},
    segment::{Left, Segment, head_at},
};
use crate::{
    batch::Batch,
    settings::Storage,
    stats::{DropReason, Stats},
};
use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::PathBuf,
    sync::Arc,
};
use thiserror::Error;

/// Bytes at which a file is full, and the part of the bound that one file may be: space comes back file by file.
const SEGMENT: u64 = 8 << 20;
const PARTS: u64 = 8;

/// Why a directory cannot hold a queue.
#[derive(Debug, Error)]
pub enum StorageError {
    /// It cannot be read or written.
    #[error("The queue directory {} cannot be used: {problem}. Make it writable for this user, or name another.", directory.display())]
    Io {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        problem: io::Error,
    },
    /// Another exporter uses it.
    #[error(
        "The queue directory {} is in use by another exporter. Give each exporter a directory of its own.",
        directory.display()
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
}

/// The queue of one exporter.
#[derive(Debug)]
pub(crate) struct Backlog {
    storage: Storage,
    stats: Arc<Stats>,
    segments: VecDeque<Segment>,
    writer: Option<File>,
    reader: Option<(u64, File)>,
    /// The next record to hand out.
    cursor: Position,
    /// What was handed out and is not settled.
    handed_out: BTreeMap<Position, Head>,
    position: File,
    buffer: Vec<u8>,
    _lock: File,
}

/// A batch that was handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(Position);

/// Why a batch was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    Full,
    Io(io::Error),
}

impl Backlog {
    /// Opens the directory, made if it does not exist, with whatever an earlier run left in it.
    pub(crate) fn open(storage: Storage, stats: Arc<Stats>) -> Result<Backlog, StorageError> {
        let failed = |problem| StorageError::Io { directory: storage.directory.clone(), problem };
        DirBuilder::new().recursive(true).mode(0o700).create(&storage.directory).map_err(failed)?;
        let open = |name| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            options.open(storage.directory.join(name)).map_err(failed)
        };
        let lock = open("lock")?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StorageError::InUse { directory: storage.directory });
            }
            Err(TryLockError::Error(problem)) => return Err(failed(problem)),
        }
        let position = open("position")?;
        let start = Position::load(&position).map_err(failed)?;
        let mut segments = VecDeque::new();
        for number in segment::numbers(&storage.directory).map_err(failed)? {
            let from = if number == start.segment { start.offset } else { 0 };
            let (segment, damaged) = if number < start.segment {
                (None, 0)
            } else {
                let (segment, damaged) = Segment::walk(&storage.directory, number, from).map_err(failed)?;
                (Some(segment), damaged)
            };
            stats.count_drop(DropReason::Damaged, damaged);
            match segment {
                Some(segment) if segment.left.batches > 0 => segments.push_back(segment),
                _ => fs::remove_file(segment::path(&storage.directory, number)).map_err(failed)?,
            }
        }
        let cursor = match segments.front() {
            Some(first) if first.number == start.segment => start,
            Some(first) => Position { segment: first.number, offset: 0 },
            // A number is not used twice, or the position would fit a file that it was not meant for.
            None => Position { segment: start.segment + 1, offset: 0 },
        };
        let backlog = Backlog {
            storage,
            stats,
            segments,
            writer: None,
            reader: None,
            cursor,
            handed_out: BTreeMap::new(),
            position,
            buffer: Vec::new(),
            _lock: lock,
        };
        backlog.show();
        Ok(backlog)
    }

    /// Takes a batch. One that is not taken leaves nothing behind.
    pub(crate) fn append(&mut self, batch: &Batch) -> Result<(), Refused> {
        let size = (HEAD + batch.payload.len()) as u64;
        let used: u64 = self.segments.iter().map(|segment| segment.size).sum();
        if used + size > self.storage.bytes || batch.payload.len() > record::LONGEST {
            return Err(Refused::Full);
        }
        let full = SEGMENT.min(self.storage.bytes / PARTS);
        if self.writer.is_some() && self.segments.back().is_none_or(|last| last.length >= full) {
            self.writer = None;
        }
        self.buffer.clear();
        record::write(batch, &mut self.buffer);
        let Some(head) = self.buffer.first_chunk().and_then(Head::parse) else { return Err(Refused::Full) };
        let file = match self.writer.take() {
            Some(file) => file,
            None => self.new_segment().map_err(Refused::Io)?,
        };
        let Some(last) = self.segments.back_mut() else { return Err(Refused::Full) };
        if let Err(error) = file.write_all_at(&self.buffer, last.length) {
            // What was written in part is removed; the file is not written again, so it does no harm if that fails too.
            let _ = file.set_len(last.length);
            return Err(Refused::Io(error));
        }
        last.length += size;
        last.size = last.length;
        last.left.add(&head);
        self.writer = Some(file);
        self.show();
        Ok(())
    }

    /// The oldest batch that was not handed out yet. What cannot be read is counted and passed over.
    pub(crate) fn next(&mut self) -> Option<(Batch, Ticket)> {
        loop {
            let at = self.segments.iter().position(|segment| segment.number >= self.cursor.segment)?;
            let segment = &self.segments[at];
            if segment.number > self.cursor.segment {
                self.cursor = Position { segment: segment.number, offset: 0 };
            }
            if self.cursor.offset >= segment.length {
                let is_written = self.writer.is_some() && at + 1 == self.segments.len();
                if is_written {
                    return None;
                }
                self.cursor = Position { segment: segment.number + 1, offset: 0 };
                self.settled();
                continue;
            }
            let here = self.cursor;
            match self.read() {
                Ok((head, batch)) => {
                    self.cursor.offset += head.size();
                    if let Some(batch) = batch {
                        self.handed_out.insert(here, head);
                        return Some((batch, Ticket(here)));
                    }
                    self.segments[at].left.remove(&head);
                    self.stats.count_drop(DropReason::Damaged, u64::from(head.spans).max(1));
                }
                Err(error) => {
                    tracing::warn!(%error, "a file of the queue cannot be read: the rest of it is lost");
                    // Nothing says where the next record begins.
                    let segment = &mut self.segments[at];
                    let handed_out = self.handed_out.range(Position { segment: here.segment, offset: 0 }..);
                    let mut of_file = Left::default();
                    handed_out
                        .filter(|(position, _)| position.segment == here.segment)
                        .for_each(|(_, head)| of_file.add(head));
                    let lost = segment.left.spans - of_file.spans;
                    segment.left = of_file;
                    segment.length = here.offset;
                    self.stats.count_drop(DropReason::Damaged, lost.max(1));
                    if at + 1 == self.segments.len() {
                        self.writer = None;
                    }
                }
            }
            self.settled();
        }
    }

    /// A batch is delivered or given up: it need not be kept.
    pub(crate) fn settle(&mut self, ticket: Ticket) {
        let Some(head) = self.handed_out.remove(&ticket.0) else { return };
        if let Some(segment) = self.segments.iter_mut().find(|segment| segment.number == ticket.0.segment) {
            segment.left.remove(&head);
        }
        self.settled();
    }

    /// Forces everything to the disk.
    pub(crate) fn sync(&self) {
        for file in self.writer.iter().chain([&self.position]) {
            if let Err(error) = file.sync_data() {
                tracing::warn!(%error, "the queue cannot be forced to the disk");
            }
        }
    }

    /// The record at the cursor; no batch if its payload is damaged.
    fn read(&mut self) -> io::Result<(Head, Option<Batch>)> {
        let number = self.cursor.segment;
        let file = match self.reader.take() {
            Some((of, file)) if of == number => file,
            _ => File::open(segment::path(&self.storage.directory, number))?,
        };
        let head = head_at(&file, self.cursor.offset)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the head of a record is damaged"))?;
        let mut payload = vec![0; head.length as usize];
        file.read_exact_at(&mut payload, self.cursor.offset + HEAD as u64)?;
        self.reader = Some((number, file));
        Ok((head, head.batch(payload)))
    }

    fn new_segment(&mut self) -> io::Result<File> {
        let number = self.segments.back().map_or(self.cursor.segment, |last| last.number + 1);
        let path = segment::path(&self.storage.directory, number.max(self.cursor.segment));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let number = number.max(self.cursor.segment);
        self.segments.push_back(Segment { number, length: 0, size: 0, left: Left::default() });
        Ok(file)
    }

    /// Writes down how far delivery has come, and removes files that are behind that.
    fn settled(&mut self) {
        let until = self.handed_out.first_key_value().map_or(self.cursor, |(first, _)| *first);
        // Without it, some batches would be delivered again after a restart.
        if let Err(error) = until.store(&self.position) {
            tracing::debug!(%error, "the position in the queue cannot be written");
        }
        while let Some(first) = self.segments.front().filter(|first| first.number < until.segment) {
            if let Err(error) = fs::remove_file(segment::path(&self.storage.directory, first.number)) {
                tracing::warn!(%error, "a file of the queue that is no longer needed cannot be removed");
            }
            self.segments.pop_front();
        }
        self.show();
    }

    fn show(&self) {
        let mut sum = Left::default();
        for Segment { left, .. } in &self.segments {
            sum.batches += left.batches;
            sum.bytes += left.bytes;
        }
        self.stats.set_queue(sum.batches as usize, sum.bytes as usize);
    }
}
