//! The names of topics by their ids (`MetadataResponse.json`).

use super::{api::METADATA, frame::body};

/// The first version that has ids.
const WITH_IDS: i16 = 10;

/// Hands id and name of each topic of a response that was seen to `each`.
pub fn topic_names<'a>(version: i16, response: &'a [u8], mut each: impl FnMut([u8; 16], &'a [u8])) {
    if version < WITH_IDS {
        return;
    }
    let mut read = || {
        let mut fields = body(response, METADATA, version)?;
        // The time that the client was held back.
        fields.skip(4)?;
        for _ in 0..fields.array()? {
            // A broker: its number, host, port, rack.
            fields.skip(4)?;
            fields.string()?;
            fields.skip(4)?;
            fields.string()?;
            fields.tags()?;
        }
        // Cluster and controller.
        fields.string()?;
        fields.skip(4)?;
        for _ in 0..fields.array()? {
            fields.skip(2)?;
            let name = fields.string()?;
            if let super::Topic::Id(id) = fields.topic(true)?
                && !name.is_empty()
                && id != [0; 16]
            {
                each(id, name);
            }
            // Whether it is internal.
            fields.skip(1)?;
            for _ in 0..fields.array()? {
                // Error, index, leader and its epoch; replicas, those in sync, those offline.
                fields.skip(14)?;
                for _ in 0..3 {
                    fields.skip_numbers()?;
                }
                fields.tags()?;
            }
            // What the client may do.
            fields.skip(4)?;
            fields.tags()?;
        }
        Some(())
    };
    // What is cut is not there.
    let _: Option<()> = read();
}
