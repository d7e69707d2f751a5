//! The DNS parsers behind [`Direction`].

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::dns::{Kind, MAX_KEPT, Message, Parser, rcode, read};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser over `pieces`; both sides have the same.
pub fn drive(_client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    run(Side(Parser::default()), habits, pieces)
}

direction!(Side(Parser), MAX_KEPT, entry);

/// `? A example.org`, `NXDOMAIN A example.org 192.0.2.1 60`, `-` for what is about no name.
#[expect(clippy::ref_option, reason = "what `direction!` hands in")]
fn entry(message: &Option<Message<'_>>) -> Entry {
    let text = message.map_or_else(|| "-".to_owned(), |message| tell(&message));
    Entry::new(&text, &format!("{text} {message:?}"), false)
}

fn tell(message: &Message<'_>) -> String {
    let what = match message.kind {
        Kind::Query => "?",
        Kind::Response => rcode(message.rcode).unwrap_or("="),
    };
    let cut = if message.truncated { " ~" } else { "" };
    let addresses = message
        .addresses()
        .fold(String::new(), |text, (address, seconds)| format!("{text} {address} {seconds}"));
    format!("{what} {} {}{addresses}{cut}", message.question.record_name(), message.question.name)
}

/// A datagram.
pub fn datagram(bytes: &[u8]) -> Option<String> {
    read(bytes).map(|message| tell(&message))
}

/// See [`replay_a_side`]; the same bytes are read as a datagram too.
pub fn replay(input: &[u8]) -> Vec<Entry> {
    let datagram = datagram(input.get(1..).unwrap_or_default());
    let mut log = replay_a_side(input, drive);
    log.extend(datagram.map(|text| Entry::new(&text, &text, false)));
    log
}
