//! A block: a Parquet file of spans, written once (docs/store.md is its specification).

mod columns;
mod file;
mod predicate;
mod schema;
mod unpack;
mod write;

pub(super) use file::{Block, BlockError};
pub(super) use write::write;
