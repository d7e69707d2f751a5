//! HTTP/2 behaviour by example: one direction in, a short log out (see `common::http2`).

mod common;

use common::frames::{END_HEADERS, END_STREAM, PADDED, PREFACE, PRIORITY, frame, get, literal};
use common::http2::{drive, replay, shorts};
use common::{Habits, Piece, framed, lose, split};
use proptest::prelude::*;

const WHOLE: u8 = END_STREAM | END_HEADERS;

fn read(parts: &[&[u8]]) -> Vec<String> {
    shorts(&[Piece::Bytes(parts.concat())])
}

#[test]
fn a_connection_from_its_start() {
    let log = read(&[
        PREFACE,
        &frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]),
        &frame(8, 0, 0, &[0, 0, 1, 0]),
        &frame(1, WHOLE, 1, &get("/a")),
        &frame(1, END_HEADERS, 3, &[&[0x83, 0x86][..], &literal(":path", "/b", false), &[0xbe]].concat()),
        &frame(0, 0, 3, b"hello"),
        &frame(0, END_STREAM, 3, b"!"),
        &frame(6, 0, 0, &[7; 8]),
    ]);
    assert_eq!(log, ["1 GET /a", "1 end", "3 POST /b", "3 data 5", "3 data 1", "3 end"]);
    let log = read(&[
        &frame(4, 0, 0, &[]),
        &frame(4, 1, 0, &[]),
        &frame(1, END_HEADERS, 1, &literal(":status", "103", false)),
        &frame(1, END_HEADERS, 1, &[0x88]),
        &frame(0, 0, 1, &[b'x'; 1000]),
        &frame(1, WHOLE, 3, &[0x8d]),
        &frame(1, WHOLE, 1, &literal("grpc-status", "0", true)),
    ]);
    assert_eq!(log, ["1 103", "1 200", "1 data 1000", "3 404", "3 end", "1 trailers grpc-status=0", "1 end"]);
}

#[test]
fn padding_and_priority() {
    let block = get("/a");
    let padded = [&[3][..], &[0, 0, 0, 0, 16], &block, &[0; 3]].concat();
    let log = read(&[
        PREFACE,
        &frame(1, END_HEADERS | PADDED | PRIORITY, 1, &padded),
        &frame(0, PADDED, 1, &[&[2][..], b"abc", &[0; 2]].concat()),
        &frame(0, PADDED | END_STREAM, 1, &[0]),
        &frame(1, WHOLE | PRIORITY, 3, &[&[0, 0, 0, 1, 7][..], &block].concat()),
    ]);
    assert_eq!(log, ["1 GET /a", "1 data 3", "1 data 0", "1 end", "3 GET /a", "3 end"]);
}

#[test]
fn a_block_over_several_frames() {
    let block = get("/continued");
    let parts: Vec<Vec<u8>> = vec![
        frame(1, END_STREAM, 1, &block[..4]),
        frame(9, 0, 1, &block[4..9]),
        frame(9, 0, 1, &[]),
        frame(9, END_HEADERS, 1, &block[9..]),
        frame(1, WHOLE, 3, &[0x82, 0x86, 0x84, 0xbe]),
    ];
    assert_eq!(read(&[PREFACE, &parts.concat()]), ["1 GET /continued", "1 end", "3 GET /", "3 end"]);
    // The middle one is missing: nothing of the table is known behind it.
    let pieces =
        [Piece::Bytes([PREFACE, &parts[0]].concat()), Piece::Gap(14), Piece::Bytes(parts[3..].concat())];
    let log = shorts(&pieces);
    assert_eq!(log, ["refused", "3 GET /~", "3 end"]);
}

#[test]
fn resets_and_farewells() {
    let log = read(&[
        &frame(4, 0, 0, &[]),
        &frame(3, 0, 5, &[0, 0, 0, 8]),
        &frame(7, 0, 0, &[&[0, 0, 0, 3, 0, 0, 0, 11][..], b"calm down"].concat()),
        &frame(1, WHOLE, 7, &[0x88]),
    ]);
    assert_eq!(log, ["5 reset 8", "goaway 3 11", "7 200", "7 end"]);
}

#[test]
fn bodies_are_passed_over_by_length() {
    let pieces = [
        Piece::Bytes(frame(1, END_HEADERS, 1, &[0x88])),
        Piece::Bytes(vec![0, 0x40, 0, 0, END_STREAM, 0, 0, 0, 1]),
        Piece::Gap(0x4000),
        Piece::Bytes(frame(1, WHOLE, 3, &[0x88])),
    ];
    assert_eq!(shorts(&pieces), ["1 200", "1 data 16384", "1 end", "3 200", "3 end"]);
}

#[test]
fn a_connection_in_use_is_joined_at_a_frame() {
    let head =
        [&[0x82, 0x86][..], &literal(":path", "/a", true), &[0xbf], &literal("x-known", "1", true)].concat();
    let next = [0x82, 0x86, 0xbf, 0xbe, 0xc2];
    let log = read(&[&frame(1, WHOLE, 41, &head), &frame(1, WHOLE, 43, &next)]);
    // Entries that were added since are known, others are not: the head says that it lacks fields.
    assert_eq!(log, ["41 GET /a~", "41 end", "43 GET /a~", "43 end"]);
    let log = read(&[&frame(1, WHOLE, 41, &head), &frame(1, WHOLE, 43, &[0x82, 0x86, 0xbf, 0xbe])]);
    assert_eq!(log[2..], ["43 GET /a", "43 end"], "and is whole when it names known ones only");
}

#[test]
fn a_head_without_known_method_is_not_guessed() {
    let log = read(&[&frame(1, WHOLE, 41, &[0xc0, 0x86, 0x84])]);
    assert_eq!(log, ["41 trailers~", "41 end"]);
}

#[test]
fn a_head_that_is_cut_gives_its_front() {
    let block = get("/a");
    let bytes = frame(1, WHOLE, 1, &block);
    let pieces = [
        Piece::Bytes(bytes[..25].to_vec()),
        Piece::Gap(bytes.len() as u64 - 25),
        Piece::Bytes(frame(1, WHOLE, 3, &[0x82, 0x86, 0x84, 0xbe])),
    ];
    assert_eq!(shorts(&pieces), ["1 GET /a~", "1 end", "3 GET /~", "3 end"]);
}

#[test]
fn after_a_loss_frames_are_found_again() {
    let pieces = [
        Piece::Bytes([PREFACE, &frame(1, WHOLE, 1, &get("/a"))].concat()),
        Piece::Gap(100),
        Piece::Bytes(b"the middle of something".to_vec()),
        Piece::Gap(5),
        Piece::Bytes([frame(8, 0, 0, &[0, 0, 1, 0]), frame(1, WHOLE, 9, &[0x82, 0x84, 0xbe])].concat()),
        Piece::Bytes(frame(1, WHOLE, 11, &get("/b"))),
    ];
    let log = shorts(&pieces);
    assert_eq!(log, ["1 GET /a", "1 end", "refused", "refused", "9 GET /~", "9 end", "11 GET /b", "11 end"]);
}

#[test]
fn blocks_are_bounded() {
    let mut bytes = [PREFACE, &frame(1, 0, 1, &get("/a"))].concat();
    for _ in 0..9 {
        bytes.extend(frame(9, 0, 1, &literal("x", &"y".repeat(120), false).repeat(70)));
    }
    bytes.extend(frame(9, END_HEADERS, 1, &[]));
    bytes.extend(frame(1, WHOLE, 3, &get("/b")));
    assert_eq!(read(&[&bytes])[..1], ["1 GET /a~"]);
    assert_eq!(read(&[&bytes])[1..], ["3 GET /b", "3 end"]);
}

#[test]
fn context_is_read_from_every_form_of_field() {
    let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let indexed = [0x82, 0x86, 0x84, 0xbe];
    let first = [&[0x82, 0x86, 0x84][..], &literal("traceparent", value, true)].concat();
    let bytes = [PREFACE, &frame(1, WHOLE, 1, &first), &frame(1, WHOLE, 3, &indexed)].concat();
    let log = drive(Habits::default(), &[Piece::Bytes(bytes)]);
    for entry in [&log[0], &log[2]] {
        assert!(entry.full.contains("Some(Carried { format: W3c"), "{}", entry.full);
    }
}

fn header_block() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        3 => ("[a-z-]{1,9}", "[ -~]{0,20}", any::<bool>())
            .prop_map(|(name, value, added)| literal(&name, &value, added)),
        2 => (0x82u8..0xc6).prop_map(|index| vec![index]),
        1 => Just(literal("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true)),
        1 => Just(vec![0x3f, 0x21]),
    ];
    prop::collection::vec(field, 0..6).prop_map(|fields| fields.concat())
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let stream = 1u32..8;
    prop_oneof![
        4 => (header_block(), stream.clone(), any::<bool>(), 0u8..4).prop_map(|(block, stream, end, padding)| {
            let flags = END_HEADERS | u8::from(end);
            if padding == 0 {
                frame(1, flags, stream, &block)
            } else {
                let payload = [&[padding][..], &block, &vec![0; padding.into()]].concat();
                frame(1, flags | PADDED, stream, &payload)
            }
        }),
        1 => (header_block(), header_block(), stream.clone()).prop_map(|(a, b, stream)| {
            [frame(1, END_STREAM, stream, &a), frame(9, END_HEADERS, stream, &b)].concat()
        }),
        3 => (0usize..300, stream.clone(), any::<bool>())
            .prop_map(|(len, stream, end)| frame(0, u8::from(end), stream, &vec![0x82; len])),
        1 => stream.clone().prop_map(|stream| frame(3, 0, stream, &[0, 0, 0, 8])),
        1 => Just(frame(8, 0, 0, &[0, 0, 0, 1])),
        1 => Just(frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])),
        1 => Just(frame(0x10, 0, 0, b"u=1")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_frames(
        client: bool,
        frames in prop::collection::vec(any_frame(), 1..12),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        let start = if client { PREFACE } else { &[][..] };
        let bytes = [start, &frames.concat()].concat();
        let habits = Habits { holds_skips, closes: true };
        let whole = drive(habits, &[Piece::Bytes(bytes.clone())]);
        prop_assert!(whole.iter().all(|entry| entry.short != "refused"), "{:?}", whole);
        prop_assert_eq!(drive(habits, &split(&bytes, &cuts)), whole.clone());
        let single: Vec<_> = bytes.iter().map(|&byte| Piece::Bytes(vec![byte])).collect();
        prop_assert_eq!(drive(habits, &single), whole);
    }

    #[test]
    fn any_split_of_anything(
        parts in prop::collection::vec(
            prop_oneof![any_frame(), prop::collection::vec(any::<u8>(), 0..40), Just(PREFACE.to_vec())],
            0..6,
        ),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let bytes = parts.concat();
        let whole = drive(Habits::default(), &[Piece::Bytes(bytes.clone())]);
        let parted = drive(Habits::default(), &split(&bytes, &cuts));
        prop_assert_eq!(framed(&parted), framed(&whole));
    }

    #[test]
    fn after_any_gaps_the_next_frames_are_found(
        frames in prop::collection::vec(any_frame(), 1..12),
        cuts in prop::collection::vec(any::<usize>(), 1..12),
        lost in prop::collection::vec(any::<usize>(), 1..6),
        holds_skips: bool,
    ) {
        let mut pieces = split(&frames.concat(), &cuts);
        lose(&mut pieces, &lost);
        pieces.push(Piece::Gap(1 << 24));
        pieces.push(Piece::Bytes([frame(6, 0, 0, &[0; 8]), frame(1, WHOLE, 99, &get("/last"))].concat()));
        let log = drive(Habits { holds_skips, closes: false }, &pieces);
        let shorts: Vec<_> = log.iter().map(|entry| entry.short.as_str()).collect();
        prop_assert_eq!(&shorts[shorts.len().saturating_sub(2)..], &["99 GET /last", "99 end"], "{:?}", shorts);
    }

    #[test]
    fn nothing_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
        replay(&input);
    }
}
