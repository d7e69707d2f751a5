//! The Kafka parsers behind [`Direction`], and what is read of a message whatever it is.

use std::fmt::Write;

use tracer_protocols::contract::{Follows, Step};
use tracer_protocols::kafka::{
    MAX_KEPT, Request, Requests, Response, Responses, Unpacker, acknowledged, api, batches, fetched,
    produced, records, topic_names, wanted,
};

use super::{Entry, Habits, Piece, direction, replay_a_side, run};

/// Drives the parser of one side over `pieces`.
pub fn drive(client: bool, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    if client {
        run(Client(Requests::default()), habits, pieces)
    } else {
        run(Server(Responses::default()), habits, pieces)
    }
}

direction!(Client(Requests), MAX_KEPT + 8, request);
direction!(Server(Responses), MAX_KEPT + 8, response);

/// `0 9 #7`: API key, version, number
fn request(request: &Request<'_>) -> Entry {
    let mut full = format!("{request:?} {:?}", request.group());
    match request.api {
        api::PRODUCE => {
            produced(request, |produced| full.push_str(&read(produced.records)));
        }
        api::FETCH => wanted(request, |wanted| {
            let _ = write!(full, " {wanted:?}");
        }),
        _ => {}
    }
    let short = format!("{} {} #{}", request.api, request.version, request.correlation);
    Entry::new(&short, &full, false)
}

/// `#7`. What it answers is not known here: it is read as everything that it may be.
fn response(response: &Response<'_>) -> Entry {
    let mut full = format!("{response:?}");
    for version in [0, 4, 9, 11, 12, 13, 16] {
        acknowledged(version, response.body, |answer| {
            let _ = write!(full, " {answer:?}");
        });
        fetched(version, response.body, |fetched| {
            let _ = write!(full, " {:?}{}", fetched.topic, read(fetched.records));
        });
        topic_names(version, response.body, |id, name| {
            let _ = write!(full, " {id:?} {name:?}");
        });
    }
    Entry::new(&format!("#{}", response.correlation), &full, false)
}

/// Batches, records and their headers as text: `[0..1 2 messages (a=b)]`.
pub fn read(bytes: &[u8]) -> String {
    let mut unpacker = Unpacker::default();
    let mut text = String::new();
    for batch in batches(bytes) {
        let _ = write!(text, "[{}..{} {} messages", batch.first_offset, batch.last_offset, batch.count);
        let Some(codec) = batch.codec else { continue };
        for record in records(unpacker.unpack(codec, batch.records)) {
            let _ = write!(text, " ({}", record.value_bytes);
            for (name, value) in record.headers() {
                let _ = write!(text, " {}={}", name.escape_ascii(), value.escape_ascii());
            }
            text.push(')');
        }
        text.push(']');
    }
    text
}

/// See [`replay_a_side`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    replay_a_side(input, drive)
}
