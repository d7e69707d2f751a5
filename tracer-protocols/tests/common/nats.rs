//! The NATS parser behind [`Direction`].

use std::fmt::Write;

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::nats::{MAX_KEPT, Message, Parser};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser, which is the same for both sides.
pub fn drive(_client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    run(Both(Parser::default()), habits, pieces)
}

direction!(Both(Parser), MAX_KEPT, entry);

/// `publish a 5`, `deliver a 5`, `subscribe a`, `info`, `error`, `other`
fn entry(message: &Message<'_>) -> Entry {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let mut full = format!("{message:?}");
    let _ = write!(full, " {:?}", message.status());
    for (name, value) in message.headers() {
        let _ = write!(full, " {}={}", text(name), text(value));
    }
    let short = match message {
        Message::Info => "info".to_owned(),
        Message::Publish { subject, body, .. } => format!("publish {} {body}", text(subject)),
        Message::Deliver { subject, body, .. } => format!("deliver {} {body}", text(subject)),
        Message::Subscribe { subject, .. } => format!("subscribe {}", text(subject)),
        Message::Error(_) => "error".to_owned(),
        Message::Other => "other".to_owned(),
    };
    Entry::new(&short, &full, false)
}

/// See [`replay_a_side`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    replay_a_side(input, drive)
}
