//! The cold tier: finished blocks in object storage, a directory or S3.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use object_store::{
    ObjectStore, ObjectStoreExt as _, aws::AmazonS3Builder, local::LocalFileSystem, path::Path as Key,
    prefix::PrefixStore,
};
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};
use tokio::runtime::{Handle, Runtime};

/// Bytes that are fetched in one go, and kept while a block is read.
const PIECE: u64 = 1 << 20;

/// Requests up to this are made as they are: the index of attributes is read by 32 bytes.
const SMALL: u64 = 4 << 10;

/// Pieces of one block that are kept at once, at most.
const KEPT_PIECES: usize = 16;

/// Where old blocks go, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColdTier {
    /// Where.
    pub location: ColdLocation,
    /// Age of a block's youngest span at which the block is deleted there.
    pub age: Duration,
}

/// A place for objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColdLocation {
    /// A directory, such as one of another disk.
    Directory(PathBuf),
    /// A bucket, and what the names of all objects begin with. Keys, region and endpoint are those of the environment
    /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`).
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Empty for none.
        prefix: String,
    },
}

impl std::str::FromStr for ColdLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(format!("`{text}` names no bucket; write s3://BUCKET or s3://BUCKET/PREFIX"));
            }
            return Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() });
        }
        if text.is_empty() || text.contains("://") {
            return Err(format!("`{text}` is neither a directory nor s3://BUCKET/PREFIX"));
        }
        Ok(Self::Directory(PathBuf::from(text)))
    }
}

impl fmt::Display for ColdLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// Object storage, for threads that wait.
pub(super) struct ColdStore {
    objects: Box<dyn ObjectStore>,
    runtime: Option<Runtime>,
    handle: Handle,
}

/// A block in it.
#[derive(Clone)]
pub(super) struct ColdObject {
    pub(super) store: Arc<ColdStore>,
    pub(super) key: Key,
    pub(super) bytes: u64,
}

impl ColdStore {
    /// Does not connect yet.
    pub(super) fn open(location: &ColdLocation) -> io::Result<Self> {
        let objects: Box<dyn ObjectStore> = match location {
            ColdLocation::Directory(path) => {
                std::fs::create_dir_all(path)?;
                Box::new(LocalFileSystem::new_with_prefix(path)?.with_automatic_cleanup(true))
            }
            ColdLocation::S3 { bucket, prefix } => {
                // The client takes the provider of the process; another one that is set already will do.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build()?;
                Box::new(PrefixStore::new(store, prefix.as_str()))
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store-cold")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self { objects, runtime: Some(runtime), handle })
    }

    /// The objects that are there.
    pub(super) fn list(self: &Arc<Self>) -> io::Result<Vec<ColdObject>> {
        let listed = self.handle.block_on(async {
            let mut found = Vec::new();
            let mut objects = self.objects.list(None);
            while let Some(object) = std::future::poll_fn(|context| objects.as_mut().poll_next(context)).await
            {
                found.push(object?);
            }
            Ok::<_, object_store::Error>(found)
        })?;
        let blocks = listed.into_iter().filter(|object| object.location.as_ref().ends_with(".parquet"));
        Ok(blocks
            .map(|object| ColdObject { store: Arc::clone(self), key: object.location, bytes: object.size })
            .collect())
    }

    /// Stores an object as a whole, or not at all.
    pub(super) fn put(self: &Arc<Self>, key: Key, bytes: Vec<u8>) -> io::Result<ColdObject> {
        let length = bytes.len() as u64;
        self.handle.block_on(self.objects.put(&key, bytes.into()))?;
        Ok(ColdObject { store: Arc::clone(self), key, bytes: length })
    }
}

impl Drop for ColdStore {
    fn drop(&mut self) {
        // Whoever drops the last reference may be asynchronous, and must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl ColdObject {
    /// Deletes it. One that is gone already is deleted.
    pub(super) fn delete(&self) -> io::Result<()> {
        match self.store.handle.block_on(self.store.objects.delete(&self.key)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn fetch(&self, start: u64, end: u64) -> Result<Bytes, ParquetError> {
        let fetched = self.store.handle.block_on(self.store.objects.get_range(&self.key, start..end));
        fetched.map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// An object as a file that is read here and there.
#[derive(Clone)]
pub(super) struct ColdFile {
    object: ColdObject,
    pieces: Arc<Mutex<HashMap<u64, Bytes>>>,
}

impl ColdFile {
    pub(super) fn new(object: ColdObject) -> Self {
        Self { object, pieces: Arc::default() }
    }

    /// The piece with this number, which is fetched if it is not here.
    fn piece(&self, number: u64) -> Result<Bytes, ParquetError> {
        let lock = || self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(piece) = lock().get(&number) {
            return Ok(piece.clone());
        }
        let start = number * PIECE;
        let piece = self.object.fetch(start, (start + PIECE).min(self.object.bytes))?;
        let mut pieces = lock();
        if pieces.len() >= KEPT_PIECES {
            // Columns are read from front to end.
            if let Some(&first) = pieces.keys().min() {
                pieces.remove(&first);
            }
        }
        pieces.insert(number, piece.clone());
        Ok(piece)
    }
}

impl Length for ColdFile {
    fn len(&self) -> u64 {
        self.object.bytes
    }
}

impl ChunkReader for ColdFile {
    type T = ColdReader;

    fn get_read(&self, start: u64) -> Result<ColdReader, ParquetError> {
        Ok(ColdReader { file: self.clone(), at: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.saturating_add(length as u64);
        if end > self.object.bytes {
            return Err(ParquetError::EOF(format!("bytes {start} to {end} are not there")));
        }
        if length as u64 <= SMALL {
            return self.object.fetch(start, end);
        }
        let mut bytes = Vec::with_capacity(length);
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads on from some place.
pub(super) struct ColdReader {
    file: ColdFile,
    at: u64,
}

impl Read for ColdReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.file.object.bytes {
            return Ok(0);
        }
        let piece = self.file.piece(self.at / PIECE).map_err(io::Error::other)?;
        let rest = piece.get((self.at % PIECE) as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_directories_or_buckets() {
        let parse = |text: &str| text.parse::<ColdLocation>();
        assert_eq!(parse("/mnt/cold"), Ok(ColdLocation::Directory(PathBuf::from("/mnt/cold"))));
        let s3 = |bucket: &str, prefix: &str| {
            Ok(ColdLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
        };
        assert_eq!(parse("s3://b"), s3("b", ""));
        assert_eq!(parse("s3://b/x/y/"), s3("b", "x/y"));
        for wrong in ["", "s3://", "s3:///x", "gs://b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_object_is_read_like_a_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let location = ColdLocation::Directory(directory.path().to_owned());
        let store = Arc::new(ColdStore::open(&location).expect("opened"));
        let bytes: Vec<u8> = (0..3 * PIECE + 17).map(|number| (number % 251) as u8).collect();
        let object = store.put(Key::from("a/1.parquet"), bytes.clone()).expect("stored");
        let file = ColdFile::new(object.clone());
        let length = bytes.len();
        for (start, count) in
            [(0, 10), (5, 100_000), (PIECE as usize - 3, 6), (PIECE as usize - 9, 2 << 20), (length - 8, 8)]
        {
            assert_eq!(file.get_bytes(start as u64, count).expect("read"), bytes[start..start + count]);
        }
        assert!(file.get_bytes(length as u64 - 7, 8).is_err());
        let mut rest = Vec::new();
        file.get_read(length as u64 - 5).expect("opened").read_to_end(&mut rest).expect("read");
        assert_eq!(rest, bytes[length - 5..]);
        let listed = store.list().expect("listed");
        assert_eq!((listed.len(), listed[0].bytes), (1, length as u64));
        object.delete().expect("deleted");
        object.delete().expect("deleted already");
        assert!(store.list().expect("listed").is_empty());
    }
}
