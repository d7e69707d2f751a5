//! Kafka's protocol ("Kafka protocol guide", and the message definitions of Apache Kafka 4, `clients/src/main/resources/common/message`).
//!
//! [`Requests`] and [`Responses`] find where messages begin; the functions of this module read what is of interest of one: topics, partitions, offsets,
//! and the headers of records. A response does not say what it answers: whoever reads both directions knows, by the correlation id.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a message | its size, then what is kept of it | loses framing |
//! | within a message | behind what is kept, unread | within the unread part, none |
//! | requests adrift | what begins with a request goes on | |
//! | responses adrift | what is a whole response goes on | |

mod batch;
mod compression;
mod fetch;
mod fields;
mod frame;
mod limits;
mod metadata;
mod produce;

pub use batch::{Batch, Record, batches, records};
pub use compression::{Codec, Unpacker};
pub use fetch::{Fetched, Wanted, fetched, wanted};
pub use frame::{Detection, Request, Requests, Response, Responses, detect};
pub use limits::MAX_KEPT;
pub use metadata::topic_names;
pub use produce::{Acknowledged, Produced, acknowledged, produced};

/// API keys of the requests that are read ("Kafka protocol guide", "Api Keys").
pub mod api {
    /// Messages are published.
    pub const PRODUCE: i16 = 0;
    /// Messages are asked for.
    pub const FETCH: i16 = 1;
    /// Which topics and brokers there are.
    pub const METADATA: i16 = 3;
    /// Those whose first field is the consumer group: OffsetCommit, OffsetFetch, JoinGroup, Heartbeat, SyncGroup, ConsumerGroupHeartbeat.
    pub const OF_GROUPS: [i16; 6] = [8, 9, 11, 12, 14, 68];
}

/// A topic as a message names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic<'a> {
    /// By its name.
    Name(&'a [u8]),
    /// By its id (KIP-516).
    Id([u8; 16]),
}
