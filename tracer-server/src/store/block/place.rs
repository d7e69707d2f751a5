//! Where a block's bytes are, and how they are read.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

use crate::store::cold::{ColdFile, ColdObject};

/// Where a block is.
#[derive(Clone)]
pub(in crate::store) enum Place {
    /// A file of the data directory.
    Hot(PathBuf),
    /// An object of the cold tier.
    Cold(ColdObject),
}

impl Place {
    pub(super) fn open(&self) -> io::Result<BlockFile> {
        Ok(match self {
            Self::Hot(path) => BlockFile::Hot(File::open(path)?),
            Self::Cold(object) => BlockFile::Cold(ColdFile::new(object.clone())),
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hot(path) => path.display().fmt(f),
            Self::Cold(object) => object.key.fmt(f),
        }
    }
}

/// A block that is being read.
pub(super) enum BlockFile {
    Hot(File),
    Cold(ColdFile),
}

impl Length for BlockFile {
    fn len(&self) -> u64 {
        match self {
            Self::Hot(file) => file.len(),
            Self::Cold(file) => file.len(),
        }
    }
}

impl ChunkReader for BlockFile {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(match self {
            Self::Hot(file) => Box::new(file.get_read(start)?),
            Self::Cold(file) => Box::new(file.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Self::Hot(file) => file.get_bytes(start, length),
            Self::Cold(file) => file.get_bytes(start, length),
        }
    }
}
