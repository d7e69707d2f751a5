//! Messages that are asked for (`FetchRequest.json`, `FetchResponse.json`).

use super::{Request, Topic, api::FETCH, fields::Fields, frame::body};

/// What is asked for of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The topic.
    pub topic: Topic<'a>,
    /// The partition.
    pub partition: i32,
    /// The first message that is wanted.
    pub offset: i64,
}

/// What came of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched<'a> {
    /// The topic.
    pub topic: Topic<'a>,
    /// The partition.
    pub partition: i32,
    /// Error code, 0 for none.
    pub error: i16,
    /// Record batches, as far as they were seen.
    pub records: &'a [u8],
}

/// The first version that names topics by id.
const BY_ID: i16 = 13;

/// Hands each partition of a request that was seen to `each`.
pub fn wanted<'a>(request: &Request<'a>, mut each: impl FnMut(Wanted<'a>)) {
    let version = request.version;
    let mut read = || {
        let mut fields = Fields::new(request.body, FETCH, version);
        // Replica (until it became a tag), wait, least and most bytes, isolation level, session and its epoch.
        let fixed = [(version < 15, 4), (true, 8), (version >= 3, 4), (version >= 4, 1), (version >= 7, 8)];
        fields.skip(fixed.iter().filter(|(there, _)| *there).map(|(_, size)| size).sum())?;
        for _ in 0..fields.array()? {
            let topic = fields.topic(version >= BY_ID)?;
            for _ in 0..fields.array()? {
                let partition = fields.i32()?;
                // The leader's epoch.
                fields.skip(if version >= 9 { 4 } else { 0 })?;
                let offset = fields.i64()?;
                each(Wanted { topic, partition, offset });
                // The last epoch, the log's start, most bytes.
                let fixed = [(version >= 12, 4), (version >= 5, 8), (true, 4)];
                fields.skip(fixed.iter().filter(|(there, _)| *there).map(|(_, size)| size).sum())?;
                fields.tags()?;
            }
            fields.tags()?;
        }
        Some(())
    };
    // What is cut is not there.
    let _: Option<()> = read();
}

/// Hands each partition of a response that was seen to `each`.
pub fn fetched<'a>(version: i16, response: &'a [u8], mut each: impl FnMut(Fetched<'a>)) {
    let mut read = || {
        let mut fields = body(response, FETCH, version)?;
        // The time that the client was held back, error and session.
        fields.skip(if version >= 1 { 4 } else { 0 })?;
        fields.skip(if version >= 7 { 6 } else { 0 })?;
        for _ in 0..fields.array()? {
            let topic = fields.topic(version >= BY_ID)?;
            for _ in 0..fields.array()? {
                let partition = fields.i32()?;
                let error = fields.i16()?;
                // High watermark, last stable offset, the log's start.
                fields.skip(8 * (1 + usize::from(version >= 4) + usize::from(version >= 5)))?;
                if version >= 4 {
                    for _ in 0..fields.array()? {
                        fields.skip(16)?;
                        fields.tags()?;
                    }
                }
                // The preferred replica.
                fields.skip(if version >= 11 { 4 } else { 0 })?;
                let records = fields.blob()?;
                each(Fetched { topic, partition, error, records: records.seen });
                if !records.whole {
                    return None;
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
