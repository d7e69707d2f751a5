//! Properties of the parsers for databases: splits never matter, and gaps never panic.

mod common;

use common::{Entry, Habits, Piece, framed, lose, postgres, redis, split};
use proptest::prelude::*;

/// How a parser of one side is driven.
type Drive = fn(bool, Habits, &[Piece]) -> Vec<Entry>;

fn bulk() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
        .prop_map(|value| [format!("${}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat())
}

fn command() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![Just("GET"), Just("client"), Just("CONFIG"), Just("XREADGROUP")];
    (name, prop::collection::vec(bulk(), 0..4)).prop_map(|(name, arguments)| {
        let head = format!("*{}\r\n${}\r\n{name}\r\n", arguments.len() + 1, name.len());
        [head.as_bytes(), &arguments.concat()].concat()
    })
}

fn reply() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(b"+OK\r\n".to_vec()),
        Just(b"-ERR no such key\r\n".to_vec()),
        Just(b":42\r\n".to_vec()),
        Just(b"$-1\r\n".to_vec()),
        Just(b"_\r\n".to_vec()),
        bulk(),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        (prop_oneof![Just(b'*'), Just(b'~'), Just(b'>')], prop::collection::vec(inner, 0..4)).prop_map(
            |(kind, values)| [&[kind], format!("{}\r\n", values.len()).as_bytes(), &values.concat()].concat(),
        )
    })
}

fn message(tags: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..60),
        1 => prop::collection::vec(b'a'..=b'z', 2000..2100),
    ];
    (prop::sample::select(tags), body).prop_map(|(tag, body)| {
        let length = (body.len() as u32 + 4).to_be_bytes();
        [&[tag], &length[..], &body].concat()
    })
}

/// Whole messages, all of which are understood, give the same however they are split.
fn check(drive: Drive, client: bool, messages: &[Vec<u8>], cuts: &[usize], holds_skips: bool) {
    let bytes = messages.concat();
    let habits = Habits { holds_skips, closes: false };
    let whole = drive(client, habits, &[Piece::Bytes(bytes.clone())]);
    assert_eq!(framed(&whole).len(), whole.len(), "{whole:?}");
    assert!(whole.len() >= messages.len() || !client, "{whole:?}");
    assert_eq!(drive(client, habits, &split(&bytes, cuts)), whole);
    let single: Vec<_> = bytes.iter().map(|&byte| Piece::Bytes(vec![byte])).collect();
    assert_eq!(drive(client, habits, &single), whole);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_commands(
        messages in prop::collection::vec(command(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(redis::drive, true, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_replies(
        messages in prop::collection::vec(reply(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(redis::drive, false, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_requests_of_postgresql(
        messages in prop::collection::vec(message(b"QPBDECSHFXcdfp"), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(postgres::drive, true, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_answers_of_postgresql(
        messages in prop::collection::vec(message(b"123ACDEGHIKNRSTVWZcdnstv"), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(postgres::drive, false, &messages, &cuts, holds_skips);
    }

    #[test]
    fn a_request_behind_any_gap_is_found(
        messages in prop::collection::vec(command(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 1..12),
        lost in prop::collection::vec(any::<usize>(), 1..6),
    ) {
        let mut pieces = split(&messages.concat(), &cuts);
        lose(&mut pieces, &lost);
        // Further than any value reaches.
        pieces.push(Piece::Gap(1000));
        pieces.push(Piece::Bytes(b"*1\r\n$4\r\nPING\r\n".to_vec()));
        let log = redis::drive(true, Habits::default(), &pieces);
        prop_assert_eq!(log.last().map(|entry| entry.short.clone()), Some("PING 0".to_owned()));
    }

    #[test]
    fn nothing_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
        redis::replay(&input);
        postgres::replay(&input);
    }
}
