//! The AMQP parser behind [`Direction`].

use std::fmt::Write;

use tracer_protocols::amqp::{Frames, MAX_KEPT, Message};
use tracer_protocols::contract::{Follows, Step};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser, which is the same for both sides.
pub fn drive(_client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    run(Both(Frames::default()), habits, pieces)
}

direction!(Both(Frames), MAX_KEPT, entry);

/// The name of the method, `content 5`, `protocol`, `other`
fn entry(message: &Message<'_>) -> Entry {
    let mut full = format!("{message:?}");
    let short = match message {
        Message::Protocol => "protocol".to_owned(),
        Message::Method(channel, method) => {
            let name = format!("{method:?}");
            let end = name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len());
            format!("{channel} {}", &name[..end])
        }
        Message::Content(channel, properties, body) => {
            for (name, value) in properties.headers() {
                let _ = write!(full, " {}={}", name.escape_ascii(), value.escape_ascii());
            }
            format!("{channel} content {body}")
        }
        Message::Other => "other".to_owned(),
    };
    Entry::new(&short, &full, false)
}

/// See [`replay_a_side`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    replay_a_side(input, drive)
}
