//! The FastCGI parsers behind [`Direction`].

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::fastcgi::{Answer, Answers, MAX_KEPT, Params, Request, Requests};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser of one side over `pieces`.
pub fn drive(client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    if client {
        run(Client(Requests::default()), habits, pieces)
    } else {
        run(Server(Answers::default()), habits, pieces)
    }
}

direction!(Client(Requests), MAX_KEPT, request);
direction!(Server(Answers), MAX_KEPT, answer);

/// `GET /a`, `~` where it was cut.
fn request(params: &Params<'_>) -> Entry {
    let request = Request::new(params);
    let head = request.head();
    let cut = if head.truncated { "~" } else { "" };
    let short = format!("{} {}{cut}", head.method.as_str(), head.target);
    Entry::new(&short, &format!("{head:?} {:?}", super::extractor().context(&head)), false)
}

/// `200`, `?` without a status, `end`, `refused`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "what `direction!` hands in")]
fn answer(answer: &Answer) -> Entry {
    let short = match answer {
        Answer::Head { status: Some(status) } => status.to_string(),
        Answer::Head { status: None } => "?".to_owned(),
        Answer::End { refused: false } => "end".to_owned(),
        Answer::End { refused: true } => "refused".to_owned(),
    };
    Entry::new(&short, &short, false)
}

/// See [`replay_a_side`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    replay_a_side(input, drive)
}
