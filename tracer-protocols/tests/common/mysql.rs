//! The MySQL parsers behind [`Direction`]. Every command is answered as the caller says.

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::mysql::{Answers, Expects, MAX_KEPT, Requests};

use super::{Direction, Entry, Habits, Piece, direction, replay_a_side, run};

/// What answers every command; `None`: nothing is asked for.
const EXPECTS: [Option<Expects>; 6] = [
    Some(Expects::Results),
    Some(Expects::Prepared),
    Some(Expects::Rows),
    Some(Expects::Text),
    Some(Expects::Login),
    None,
];

/// Drives the parser of one side over `pieces`; results are expected.
pub fn drive(client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    drive_expecting(EXPECTS[0], client, habits, pieces)
}

/// As [`drive`].
pub fn drive_expecting(
    expects: Option<Expects>,
    client: bool,
    habits: Habits,
    pieces: &[Piece],
) -> Vec<Entry> {
    if client {
        run(Client(Requests::default()), habits, pieces)
    } else {
        run(Server(Answers::default(), expects), habits, pieces)
    }
}

direction!(Client(Requests), MAX_KEPT, Entry::of);

struct Server(Answers, Option<Expects>);

impl Direction for Server {
    const MAX_KEPT: usize = MAX_KEPT;

    fn step(&mut self, bytes: &[u8], follows: Follows) -> Step<Entry> {
        self.0.step(bytes, follows, self.1).map(|message| Entry::of(&message))
    }

    fn skipped(&mut self, n: u64) {
        self.0.skipped(n);
    }

    fn gap(&mut self, n: u64) {
        self.0.gap(n);
    }

    fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        self.0.resync(bytes)
    }

    fn close(&mut self) -> Option<Entry> {
        None
    }
}

/// See [`replay_a_side`]; bits 2 to 4 of the first byte say what answers are expected.
pub fn replay(input: &[u8]) -> Vec<Entry> {
    let kind = usize::from(input.first().map_or(0, |flags| flags >> 2 & 7)) % EXPECTS.len();
    replay_a_side(input, |client, habits, pieces| drive_expecting(EXPECTS[kind], client, habits, pieces))
}
