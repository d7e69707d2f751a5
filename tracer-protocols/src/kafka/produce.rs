//! Messages that are published (`ProduceRequest.json`, `ProduceResponse.json`).

use super::{Request, Topic, api::PRODUCE, fields::Fields, frame::body};

/// What is published to one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced<'a> {
    /// The topic.
    pub topic: Topic<'a>,
    /// The partition.
    pub partition: i32,
    /// Record batches, as far as they were seen.
    pub records: &'a [u8],
}

/// What became of what was published to one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged<'a> {
    /// The topic.
    pub topic: Topic<'a>,
    /// The partition.
    pub partition: i32,
    /// Error code, 0 for none.
    pub error: i16,
    /// Offset of the first message; negative where there is none.
    pub offset: i64,
}

/// The first version that names topics by id.
const BY_ID: i16 = 13;

/// Hands each partition of a request that was seen to `each`. Returns whether the broker is to answer.
pub fn produced<'a>(request: &Request<'a>, mut each: impl FnMut(Produced<'a>)) -> bool {
    let mut fields = Fields::new(request.body, PRODUCE, request.version);
    let acks = acks(&mut fields, request.version);
    if acks.is_some() {
        partitions(&mut fields, request.version, &mut each);
    }
    acks != Some(0)
}

/// Whether the body is one that a client sends: a transaction has a name, and something is published to a topic. `None` where too little is seen.
pub(super) fn publishes(request: &Request<'_>) -> Option<bool> {
    let mut fields = Fields::new(request.body, PRODUCE, request.version);
    if request.version >= 3 && fields.skip_string()? {
        return Some(false);
    }
    let (acks, timeout, topics) = (fields.i16()?, fields.i32()?, fields.array()?);
    if !(-1..=1).contains(&acks) || timeout < 0 || topics == 0 {
        return Some(false);
    }
    let named = match fields.topic(request.version >= BY_ID)? {
        Topic::Name(name) => !name.is_empty() && name.iter().all(|&byte| is_of_topic(byte)),
        Topic::Id(_) => true,
    };
    Some(named && fields.array()? > 0)
}

/// What names of topics consist of (`org.apache.kafka.common.internals.Topic`).
const fn is_of_topic(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn acks(fields: &mut Fields<'_>, version: i16) -> Option<i16> {
    if version >= 3 {
        // The transaction.
        fields.string()?;
    }
    let acks = fields.i16()?;
    // The timeout.
    fields.skip(4)?;
    Some(acks)
}

fn partitions<'a>(fields: &mut Fields<'a>, version: i16, each: &mut impl FnMut(Produced<'a>)) -> Option<()> {
    for _ in 0..fields.array()? {
        let topic = fields.topic(version >= BY_ID)?;
        for _ in 0..fields.array()? {
            let partition = fields.i32()?;
            let records = fields.blob()?;
            each(Produced { topic, partition, records: records.seen });
            if !records.whole {
                return None;
            }
            fields.tags()?;
        }
        fields.tags()?;
    }
    Some(())
}

/// Hands each partition of a response that was seen to `each`.
pub fn acknowledged<'a>(version: i16, response: &'a [u8], mut each: impl FnMut(Acknowledged<'a>)) {
    let mut read = || {
        let mut fields = body(response, PRODUCE, version)?;
        for _ in 0..fields.array()? {
            let topic = fields.topic(version >= BY_ID)?;
            for _ in 0..fields.array()? {
                let partition = fields.i32()?;
                let (error, offset) = (fields.i16()?, fields.i64()?);
                each(Acknowledged { topic, partition, error, offset });
                // The time of appending, and the log's start.
                fields.skip(8 * (usize::from(version >= 2) + usize::from(version >= 5)))?;
                if version >= 8 {
                    for _ in 0..fields.array()? {
                        fields.skip(4)?;
                        fields.string()?;
                        fields.tags()?;
                    }
                    fields.string()?;
                }
                fields.tags()?;
            }
            fields.tags()?;
        }
        Some(())
    };
    // What is cut is not there.
    let _: Option<()> = read();
}
