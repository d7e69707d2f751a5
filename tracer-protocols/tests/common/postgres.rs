//! The PostgreSQL parsers behind [`Direction`].

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::postgres::{Answers, MAX_KEPT, Requests};

use super::{Direction, Entry, Habits, Piece, framed, pieces, run, whole};

/// Drives the parser of one side over `pieces`.
pub fn drive(client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    if client {
        run(Client(Requests::default()), habits, pieces)
    } else {
        run(Server(Answers::default()), habits, pieces)
    }
}

struct Client(Requests);
struct Server(Answers);

impl Direction for Client {
    const MAX_KEPT: usize = MAX_KEPT;

    fn step(&mut self, bytes: &[u8], follows: Follows) -> Step<Entry> {
        self.0.step(bytes, follows).map(|message| entry(&message))
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

impl Direction for Server {
    const MAX_KEPT: usize = MAX_KEPT;

    fn step(&mut self, bytes: &[u8], follows: Follows) -> Step<Entry> {
        self.0.step(bytes, follows).map(|message| entry(&message))
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

/// The message as it is.
fn entry(message: &impl std::fmt::Debug) -> Entry {
    let text = format!("{message:?}");
    Entry::new(&text, &text, false)
}

/// What the fuzz target and its seeds mean: one byte for the caller (bit 0 holds skips, bit 1: the client's side), then [`pieces`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    let Some((&flags, rest)) = input.split_first() else { return Vec::new() };
    let habits = Habits { holds_skips: flags & 1 != 0, closes: false };
    let client = flags & 2 != 0;
    let pieces = pieces(rest);
    let log = drive(client, habits, &pieces);
    if let Some(whole) = whole(&pieces) {
        let unsplit = drive(client, habits, &[Piece::Bytes(whole)]);
        assert_eq!(framed(&log), framed(&unsplit), "the split changes the messages");
    }
    log
}
