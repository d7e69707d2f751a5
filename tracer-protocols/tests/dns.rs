//! DNS by example.

mod common;

use common::{Habits, Piece, dns};
use tracer_protocols::{
    Protocol,
    contract::Side,
    detect::{Detection, detect},
};

fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// A message about `www.example.org` with such flags, and `count` answers.
fn message(flags: u16, record: u8, count: u8, answers: &[u8]) -> Vec<u8> {
    let flags = flags.to_be_bytes();
    let head = [0x12, 0x34, flags[0], flags[1], 0, 1, 0, count, 0, 0, 0, 0];
    [&head[..], &name("www.example.org"), &[0, record, 0, 1], answers].concat()
}

fn sized(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

fn answer(owner: &[u8], record: u8, data: &[u8]) -> Vec<u8> {
    [owner, &[0, record, 0, 1, 0, 0, 0, 60, 0, data.len() as u8], data].concat()
}

#[test]
fn a_question_over_tcp_is_told_by_its_length_and_flags() {
    let query = sized(&message(0x0120, 1, 0, b""));
    assert_eq!(detect(&query), Detection::Found(Protocol::Dns, Side::Request));
    assert_eq!(detect(&query[..2]), Detection::NeedMore);
    assert_eq!(detect(&query[..20]), Detection::NeedMore);
    assert_eq!(detect(&sized(&message(0x8180, 1, 0, b""))), Detection::No);
    assert_eq!(detect(b"\0\x40rather some text"), Detection::No);
}

#[test]
fn questions_and_answers_name_what_is_asked() {
    assert_eq!(dns::datagram(&message(0x0100, 28, 0, b"")).as_deref(), Some("? AAAA www.example.org"));
    assert_eq!(dns::datagram(&message(0x8183, 1, 0, b"")).as_deref(), Some("NXDOMAIN A www.example.org"));
    assert_eq!(dns::datagram(&message(0x8380, 1, 0, b"")).as_deref(), Some("= A www.example.org ~"));
    assert_eq!(dns::datagram(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), None);
}

#[test]
fn addresses_behind_other_names_are_those_of_the_one_that_was_asked_for() {
    let answers = [answer(b"\xc0\x0c", 5, &name("a.b")), answer(&name("a.b"), 1, &[192, 0, 2, 7])].concat();
    let told = dns::datagram(&message(0x8180, 1, 2, &answers));
    assert_eq!(told.as_deref(), Some("= A www.example.org 192.0.2.7 60"));
    let mapped = [&[0; 10][..], &[0xff, 0xff, 127, 0, 0, 1]].concat();
    let told = dns::datagram(&message(0x8180, 28, 1, &answer(b"\xc0\x0c", 28, &mapped)));
    assert_eq!(
        told.as_deref(),
        Some("= AAAA www.example.org 127.0.0.1 60"),
        "as both ends of a socket are told"
    );
}

#[test]
fn an_answer_that_was_cut_is_read_as_far_as_it_goes() {
    let answers = answer(b"\xc0\x0c", 1, &[192, 0, 2, 7]).repeat(3);
    let whole = message(0x8180, 1, 3, &answers);
    let told = dns::datagram(&whole[..whole.len() - 3]);
    assert_eq!(told.as_deref(), Some("= A www.example.org 192.0.2.7 60 192.0.2.7 60"));
}

#[test]
fn names_that_lead_nowhere_are_none() {
    let with = |name: &[u8]| {
        let head = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
        dns::datagram(&[&head[..], name, &[0, 1, 0, 1]].concat())
    };
    assert_eq!(with(b"\xc0\x0c"), None, "a circle");
    assert_eq!(with(b"\xc0\x20\0\0"), None, "to the back");
    assert_eq!(with(b"\x05ab"), None);
    assert_eq!(with(b"\x40ab\0"), None);
    assert_eq!(with(&[b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(5)), None, "too long");
    assert_eq!(with(b"\0").as_deref(), Some("= A ."));
    assert_eq!(with(b"\x03a.b\x02\x01\\\0").as_deref(), Some("= A a\\.b.\\001\\\\"));
}

#[test]
fn messages_over_tcp_are_found_behind_what_nobody_reads() {
    let long = message(0x8180, 1, 60, &answer(b"\xc0\x0c", 1, &[192, 0, 2, 7]).repeat(60));
    let bytes = [sized(&long), sized(&[0; 20]), sized(&message(0x0100, 1, 0, b""))].concat();
    let shorts: Vec<_> = dns::drive(true, Habits::default(), &[Piece::Bytes(bytes)])
        .into_iter()
        .map(|entry| entry.short)
        .collect();
    assert_eq!(shorts.len(), 3);
    assert!(shorts[0].starts_with("= A www.example.org 192.0.2.7 60"), "{shorts:?}");
    assert_eq!(shorts[1..], ["-", "? A www.example.org"]);
}
