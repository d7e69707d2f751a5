//! Cassandra by example.

mod common;

use common::{Habits, Piece, cassandra};
use tracer_protocols::{
    Protocol,
    cassandra::{Answer, Answers, Asks, Outcome, Requests},
    contract::{Follows, Side, Step},
    detect::{Detection, detect},
};

const QUERY: u8 = 0x07;

fn message(version: u8, flags: u8, stream: u16, opcode: u8, body: &[u8]) -> Vec<u8> {
    let head = [&[version, flags][..], &stream.to_be_bytes(), &[opcode], &(body.len() as u32).to_be_bytes()];
    [&head.concat(), body].concat()
}

fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text].concat()
}

fn long_string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text].concat()
}

/// The checksum of a frame's header, bit by bit as the specification has it.
fn checksum(header: &[u8]) -> u32 {
    let mut sum = 0x0087_5060_u32;
    for byte in header {
        sum ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            sum <<= 1;
            if sum & 0x0100_0000 != 0 {
                sum ^= 0x0197_4f0b;
            }
        }
    }
    sum
}

/// A frame of version 5. What is behind its content is not looked at.
fn frame(content: &[u8], is_whole: bool) -> Vec<u8> {
    let header = (content.len() as u32 | u32::from(is_whole) << 17).to_le_bytes();
    [&header[..3], &checksum(&header[..3]).to_le_bytes()[..3], content, b"abcd"].concat()
}

fn query(version: u8, text: &[u8]) -> Vec<u8> {
    message(version, 0, 1, QUERY, &[&long_string(text)[..], b"\0\x01\0"].concat())
}

fn shorts(client: bool, pieces: &[Piece]) -> Vec<String> {
    cassandra::drive(client, Habits::default(), pieces).into_iter().map(|entry| entry.short).collect()
}

/// What the message that `bytes` are asks for.
#[track_caller]
fn asks(bytes: &[u8], check: impl FnOnce(Asks<'_>)) {
    match Requests::default().step(bytes, Follows::Maybe) {
        Step::Message { message, .. } => check(message.asks),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn outcome(bytes: &[u8], expected: Outcome<'_>) {
    match Answers::default().step(bytes, Follows::Maybe) {
        Step::Message { message: Answer::Begin { outcome, .. }, .. } => assert_eq!(outcome, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn connections_are_recognised_by_requests() {
    let found = Detection::Found(Protocol::Cassandra, Side::Request);
    assert_eq!(detect(&query(4, b"SELECT a FROM b")), found);
    assert_eq!(detect(&message(4, 0, 0, 0x05, b"")), found);
    assert_eq!(detect(&frame(&query(5, b"SELECT a FROM b"), true)), found);
    assert_eq!(detect(&query(4, b"SELECT")[..7]), Detection::NeedMore);
    assert_eq!(detect(&message(0x84, 0, 1, 0x08, &[0; 4])), Detection::No);
    assert_eq!(detect(&message(4, 0, 1, 0x77, &[0; 4])), Detection::No);
}

#[test]
fn requests_tell_statements_and_ids() {
    asks(&query(4, b"SELECT 1"), |asks| assert_eq!(asks, Asks::Query(b"SELECT 1")));
    asks(&message(4, 0, 1, 0x09, &long_string(b"SELECT ?")), |asks| {
        assert_eq!(asks, Asks::Prepare(b"SELECT ?"));
    });
    asks(&message(4, 0, 1, 0x0a, &string(b"0123456789abcdef")), |asks| {
        assert_eq!(asks, Asks::Execute(b"0123456789abcdef"));
    });
    let batch =
        [&b"\0\0\x02\0"[..], &long_string(b"INSERT"), b"\0\0\x01", &string(b"id"), b"\0\0\0\x01\0"].concat();
    asks(&message(4, 0, 1, 0x0d, &batch), |asks| {
        assert_eq!(asks, Asks::Batch { first: b"INSERT", id: b"", size: 2 });
    });
    // Compressed: a statement, and nobody knows which.
    asks(&message(4, 1, 1, QUERY, b"\x08compressed"), |asks| assert_eq!(asks, Asks::Query(b"")));
    // A payload stands in front.
    let payload =
        [&b"\0\x01"[..], &string(b"key"), &long_string(b"value"), &long_string(b"SELECT 1")].concat();
    asks(&message(4, 4, 1, QUERY, &payload), |asks| assert_eq!(asks, Asks::Query(b"SELECT 1")));
    let options = [&b"\0\x01"[..], &string(b"COMPRESSION"), &string(b"lz4")].concat();
    asks(&message(5, 0, 0, 0x01, &options), |asks| assert_eq!(asks, Asks::Startup { compressed: true }));
    asks(&message(4, 0, 0, 0x01, &options), |asks| assert_eq!(asks, Asks::Startup { compressed: false }));
}

#[test]
fn answers_tell_errors_and_what_is_prepared() {
    outcome(&message(0x84, 0, 1, 0x08, &[0, 0, 0, 1]), Outcome::Done);
    outcome(
        &message(0x84, 0, 1, 0x00, &[&[0, 0, 0x22, 0][..], &string(b"no")].concat()),
        Outcome::Error(Some(0x2200)),
    );
    outcome(&message(0x84, 1, 1, 0x00, b"compressed"), Outcome::Error(None));
    outcome(
        &message(0x84, 0, 1, 0x08, &[&[0, 0, 0, 4][..], &string(b"id")].concat()),
        Outcome::Prepared(b"id"),
    );
    // Its trace's id and warnings stand in front.
    let body = [&[7; 16][..], b"\0\x01", &string(b"careful"), &[0, 0, 0, 3], &string(b"shop")].concat();
    outcome(&message(0x84, 2 | 8, 1, 0x08, &body), Outcome::Keyspace(b"shop"));
}

#[test]
fn frames_begin_behind_the_first_message() {
    let startup = message(5, 0, 0, 0x01, b"\0\0");
    let two = frame(&[query(5, b"SELECT 1"), query(5, b"SELECT 2")].concat(), true);
    let long = query(5, &[b'x'; 3000]);
    let (front, back) = long.split_at(2000);
    let parts = [frame(front, false), frame(back, false)].concat();
    let bytes = [startup, two, parts, frame(&query(5, b"SELECT 3"), true)].concat();
    let whole = shorts(true, &[Piece::Bytes(bytes.clone())]);
    assert_eq!(whole.len(), 5, "{whole:?}");
    assert!(!whole.contains(&"refused".to_owned()));
    let single: Vec<_> = bytes.iter().map(|&byte| Piece::Bytes(vec![byte])).collect();
    assert_eq!(shorts(true, &single), whole);
}

#[test]
fn a_gap_within_rows_costs_nothing() {
    let rows = message(0x84, 0, 1, 0x08, &[&[0, 0, 0, 2][..], &[9; 5000]].concat());
    let pieces = [
        Piece::Bytes(rows[..512].to_vec()),
        Piece::Gap(rows.len() as u64 - 512),
        Piece::Bytes(message(0x84, 0, 2, 0x08, &[0, 0, 0, 1])),
    ];
    let done = |stream| format!("Begin {{ stream: {stream}, outcome: Done }}");
    assert_eq!(shorts(false, &pieces), [done(1), "End".to_owned(), done(2), "End".to_owned()]);
}
