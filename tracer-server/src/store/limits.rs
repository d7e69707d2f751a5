//! How much is kept, and where.

use std::time::Duration;

use super::{ClickHouseSettings, ColdTier};

/// Bounds of a store. What goes beyond is moved to the cold tier, or deleted if there is none, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Age of a block's youngest span at which the block leaves the data directory.
    pub age: Duration,
    /// Bytes that all blocks in the data directory may have together.
    pub bytes: u64,
    /// Free bytes of the file system below which nothing more is taken.
    pub reserve: u64,
    /// Spans in memory at which they are written as a block.
    pub block_spans: usize,
    /// Time after which the spans in memory are written as a block, however few.
    pub block_age: Duration,
    /// Where blocks go that leave the data directory; none to delete them.
    pub cold: Option<ColdTier>,
    /// Where spans go instead of into blocks; none for blocks.
    pub clickhouse: Option<ClickHouseSettings>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            age: Duration::from_hours(30 * 24),
            bytes: 20 << 30,
            // Two blocks and the logs of what is on its way.
            reserve: 256 << 20,
            block_spans: 131_072,
            block_age: Duration::from_mins(5),
            cold: None,
            clickhouse: None,
        }
    }
}
