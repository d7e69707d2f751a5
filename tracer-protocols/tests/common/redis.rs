//! The Redis parsers behind [`Direction`].

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::redis::{Command, MAX_COMMAND, MAX_LINE, Replies, Reply, Requests};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser of one side over `pieces`.
pub fn drive(client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    if client {
        run(Client(Requests::default()), habits, pieces)
    } else {
        run(Server(Replies::default()), habits, pieces)
    }
}

direction!(Client(Requests), MAX_COMMAND, command);
direction!(Server(Replies), MAX_LINE, reply);

/// `GET 1`
fn command(command: &Command<'_>) -> Entry {
    Entry::new(&format!("{} {}", command.name, command.arguments), &format!("{command:?}"), false)
}

/// `begin`, `error ERR`, `end`, `push`
fn reply(reply: &Reply<'_>) -> Entry {
    let short = match reply {
        Reply::Begin => "begin".to_owned(),
        Reply::Error(code) => format!("error {code}"),
        Reply::End => "end".to_owned(),
        Reply::Push => "push".to_owned(),
    };
    Entry::new(&short, &format!("{reply:?}"), false)
}

/// See [`replay_a_side`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    replay_a_side(input, drive)
}
