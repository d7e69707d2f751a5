//! The MQTT parser behind [`Direction`].

use std::fmt::Write;

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::mqtt::{MAX_KEPT, Message, Packets, properties};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser, which is the same for both sides.
pub fn drive(_client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    run(Both(Packets::default()), habits, pieces)
}

direction!(Both(Packets), MAX_KEPT, entry);

/// `connect 5`, `connack 0`, `publish a 0`, `settle 7`, `other`
fn entry(message: &Message<'_>) -> Entry {
    let mut full = format!("{message:?}");
    let short = match message {
        Message::Connect { version, .. } => format!("connect {version}"),
        Message::ConnAck(code) => format!("connack {code}"),
        Message::Publish { topic, qos, rest, .. } => {
            if let Some(properties) = properties(rest) {
                let _ = write!(full, " {:?} {:?}", properties.size, properties.topic_alias());
                for (name, value) in properties.user() {
                    let _ = write!(full, " {}={}", name.escape_ascii(), value.escape_ascii());
                }
            }
            format!("publish {} {qos}", topic.escape_ascii())
        }
        Message::Settle { id, .. } => format!("settle {id}"),
        Message::Other => "other".to_owned(),
    };
    Entry::new(&short, &full, false)
}

/// See [`replay_a_side`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    replay_a_side(input, drive)
}
