//! The Cassandra parsers behind [`Direction`].

use tracer_protocols::cassandra::{Answers, MAX_KEPT, Requests};
use tracer_protocols::contract::{Follows, Step};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser of one side over `pieces`.
pub fn drive(client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    if client {
        run(Client(Requests::default()), habits, pieces)
    } else {
        run(Server(Answers::default()), habits, pieces)
    }
}

direction!(Client(Requests), MAX_KEPT, Entry::of);
direction!(Server(Answers), MAX_KEPT, Entry::of);

/// See [`replay_a_side`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    replay_a_side(input, drive)
}
