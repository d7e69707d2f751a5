//! The directory of a store, and what is found in it at start.
//!
//! ```text
//! lock                             held by the process that uses the directory
//! id                               what its blocks are called by in the cold tier
//! logs/0000000012.log              write-ahead log number 12
//! blocks/0000000001-0000000008.parquet   what came through logs 1 to 8
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{FlockOperation, flock, statvfs};

use super::ColdLocation;

/// A store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or read.
    #[error("The data directory {path} cannot be used: {source}. Choose one that this user may write to.")]
    Directory {
        /// What was tried.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has it.
    #[error("The data directory {0} is in use by another server; stop that one or choose another directory.")]
    InUse(PathBuf),
    /// The cold tier cannot be set up.
    #[error(
        "The cold tier {location} cannot be used: {source}. Name a directory that this user may write to, or a bucket, with keys \
         and region in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION)."
    )]
    Cold {
        /// What was tried.
        location: ColdLocation,
        /// Why not.
        source: io::Error,
    },
    /// The client of ClickHouse cannot be set up.
    #[error("The client of ClickHouse cannot be set up: {0}.")]
    ClickHouse(io::Error),
    /// A thread cannot be started.
    #[error("The thread that writes spans cannot be started: {0}.")]
    Thread(io::Error),
}

/// The directory, locked.
pub(super) struct Directory {
    root: PathBuf,
    /// What its blocks are called by in the cold tier: logs of another directory have the same numbers.
    id: String,
    _lock: File,
}

impl Directory {
    /// Makes it if it is not there, and locks it.
    pub(super) fn open(root: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Directory { path: root.to_owned(), source };
        fs::create_dir_all(root.join("logs")).map_err(failed)?;
        fs::create_dir_all(root.join("blocks")).map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(root.join("lock"))
            .map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| OpenError::InUse(root.to_owned()))?;
        let id = id(&root.join("id")).map_err(failed)?;
        Ok(Self { root: root.to_owned(), id, _lock: lock })
    }

    /// The name of a block in the cold tier.
    pub(super) fn key(&self, (first, last): (u64, u64)) -> String {
        format!("{}/{first:010}-{last:010}.parquet", self.id)
    }

    /// Where a log is.
    pub(super) fn log(&self, number: u64) -> PathBuf {
        self.root.join("logs").join(format!("{number:010}.log"))
    }

    /// Where a block is.
    pub(super) fn block(&self, (first, last): (u64, u64)) -> PathBuf {
        self.root.join("blocks").join(format!("{first:010}-{last:010}.parquet"))
    }

    /// Numbers of the logs that are there, in order.
    pub(super) fn logs(&self) -> io::Result<Vec<u64>> {
        let mut numbers: Vec<u64> =
            self.names("logs")?.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The blocks that are there, in order. Those that were merged into others are removed, and unfinished files.
    pub(super) fn blocks(&self) -> io::Result<Vec<(u64, u64)>> {
        let mut found: Vec<(u64, u64)> = Vec::new();
        for name in self.names("blocks")? {
            let numbers = name.strip_suffix(".parquet").and_then(|stem| {
                let (first, last) = stem.split_once('-')?;
                Some((first.parse().ok()?, last.parse().ok()?))
            });
            if let Some(numbers) = numbers {
                found.push(numbers);
            } else if name.strip_suffix(".new").is_some() {
                fs::remove_file(self.root.join("blocks").join(name))?;
            }
        }
        let is_part = |(first, last): (u64, u64)| {
            found.iter().any(|&other| other != (first, last) && other.0 <= first && last <= other.1)
        };
        let (merged, mut blocks): (Vec<_>, Vec<_>) = found.iter().copied().partition(|&block| is_part(block));
        for block in merged {
            fs::remove_file(self.block(block))?;
        }
        blocks.sort_unstable();
        Ok(blocks)
    }

    fn names(&self, directory: &str) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(self.root.join(directory))?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// Gives a finished file its name, durably.
    pub(super) fn finish(&self, temporary: &Path, block: (u64, u64)) -> io::Result<()> {
        fs::rename(temporary, self.block(block))?;
        File::open(self.root.join("blocks"))?.sync_all()
    }

    /// Makes the names of new logs durable.
    pub(super) fn sync_logs(&self) -> io::Result<()> {
        File::open(self.root.join("logs"))?.sync_all()
    }

    /// Bytes that the file system has left for this user; none if it does not say.
    pub(super) fn free(&self) -> Option<u64> {
        let found = statvfs(&self.root).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// The id in a file, which is made if it is not there: the moment at which it is made.
fn id(path: &Path) -> io::Result<String> {
    let is_id = |text: &String| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(id) = fs::read_to_string(path).ok().filter(is_id) {
        return Ok(id);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = format!("{:016x}", now.as_nanos() as u64);
    let temporary = path.with_extension("new");
    fs::write(&temporary, &id)?;
    File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, path)?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_blocks_and_unfinished_files_are_removed() {
        let root = tempfile::tempdir().expect("a directory");
        let directory = Directory::open(root.path()).expect("opened");
        for block in [(1, 1), (2, 2), (1, 2), (3, 3), (5, 9)] {
            fs::write(directory.block(block), "").expect("written");
        }
        fs::write(root.path().join("blocks/0000000004-0000000004.new"), "").expect("written");
        fs::write(root.path().join("blocks/README"), "").expect("written");
        assert_eq!(directory.blocks().expect("read"), [(1, 2), (3, 3), (5, 9)]);
        let mut left = directory.names("blocks").expect("read");
        left.sort();
        assert_eq!(
            left,
            [
                "0000000001-0000000002.parquet",
                "0000000003-0000000003.parquet",
                "0000000005-0000000009.parquet",
                "README"
            ]
        );
    }

    #[test]
    fn a_directory_belongs_to_one_server() {
        let root = tempfile::tempdir().expect("a directory");
        let first = Directory::open(root.path()).expect("opened");
        assert!(matches!(Directory::open(root.path()), Err(OpenError::InUse(_))));
        drop(first);
        assert!(Directory::open(root.path()).is_ok());
    }
}
