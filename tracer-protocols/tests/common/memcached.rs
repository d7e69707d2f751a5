//! The Memcached parsers behind [`Direction`].

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::memcached::{MAX_LINE, Replies, Requests};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser of one side over `pieces`.
pub fn drive(client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    if client {
        run(Client(Requests::default()), habits, pieces)
    } else {
        run(Server(Replies::default()), habits, pieces)
    }
}

direction!(Client(Requests), MAX_LINE, Entry::of);
direction!(Server(Replies), MAX_LINE, Entry::of);

/// See [`replay_a_side`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    replay_a_side(input, drive)
}
