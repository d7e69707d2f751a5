//! MongoDB by example.

mod common;

use common::{Habits, Piece, mongodb};
use tracer_protocols::{
    Protocol,
    contract::Side,
    detect::{Detection, detect},
    mongodb::{Command, Outcome, command, outcome},
};

fn element(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), b"\0", value].concat()
}

fn text(name: &str, text: &str) -> Vec<u8> {
    element(2, name, &[&(text.len() as u32 + 1).to_le_bytes()[..], text.as_bytes(), b"\0"].concat())
}

fn document(elements: &[Vec<u8>]) -> Vec<u8> {
    let body = elements.concat();
    [&(body.len() as u32 + 5).to_le_bytes()[..], &body, b"\0"].concat()
}

/// An `OP_MSG` behind its header.
fn body(flags: u32, document: &[u8]) -> Vec<u8> {
    [&flags.to_le_bytes()[..], b"\0", document].concat()
}

fn message(opcode: u32, answers: u32, body: &[u8]) -> Vec<u8> {
    let words = [body.len() as u32 + 16, 7, answers, opcode];
    [&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()[..], body].concat()
}

fn find() -> Vec<u8> {
    let filter = element(3, "filter", &document(&[text("name", "secret")]));
    document(&[text("find", "goods"), filter, text("$db", "shop")])
}

#[test]
fn commands_are_recognised_by_their_header() {
    let found = Detection::Found(Protocol::Mongodb, Side::Request);
    let find = message(2013, 0, &body(0, &find()));
    assert_eq!(detect(&find), found);
    assert_eq!(detect(&find[..16]), found);
    assert_eq!(detect(&find[..12]), Detection::NeedMore);
    assert_eq!(detect(&message(2013, 3, &body(0, &document(&[])))), Detection::No);
    assert_eq!(detect(&message(99, 0, &body(0, &document(&[])))), Detection::No);
}

#[test]
fn a_command_tells_its_name_and_what_it_is_about() {
    let read = |elements: &[Vec<u8>]| {
        let bytes = body(0, &document(elements));
        let Command { name, collection, database, .. } = command(&bytes);
        format!("{name} {collection} {database}")
    };
    let database = || text("$db", "shop");
    assert_eq!(read(&[text("insert", "goods"), database()]), "insert goods shop");
    assert_eq!(
        read(&[element(18, "getMore", &[0; 8]), text("collection", "goods"), database()]),
        "getMore goods shop"
    );
    assert_eq!(read(&[element(16, "aggregate", &[1, 0, 0, 0]), database()]), "aggregate  shop");
    // What comes first is not always a collection.
    assert_eq!(read(&[text("dropUser", "somebody"), database()]), "dropUser  shop");
    assert_eq!(read(&[text("no command!", "goods"), database()]), "  ");
    assert!(command(&body(2, &find())).is_silent);
}

#[test]
fn documents_before_the_command_are_passed_over() {
    let sequence = [b"\x01\x0e\0\0\0", &b"documents\0"[..]].concat();
    let bytes = [&[0; 4][..], &sequence, b"\0", &find()].concat();
    assert_eq!(command(&bytes).collection, "goods");
}

#[test]
fn errors_are_told_by_their_code() {
    let error = |elements: &[Vec<u8>]| outcome(&body(0, &document(elements)));
    let ok = |value: f64| element(1, "ok", &value.to_le_bytes());
    let code = |number: u32| element(16, "code", &number.to_le_bytes());
    let within = |name, kind, inner: Vec<Vec<u8>>| element(kind, name, &document(&inner));
    assert_eq!(error(&[ok(1.0)]), Outcome { error: None });
    assert_eq!(error(&[ok(0.0), text("errmsg", "no such command"), code(59)]), Outcome { error: Some(59) });
    assert_eq!(error(&[ok(0.0)]), Outcome { error: Some(0) });
    let failed_write = within("writeErrors", 4, vec![within("0", 3, vec![code(11_000)])]);
    assert_eq!(error(&[failed_write, ok(1.0)]), Outcome { error: Some(11_000) });
    assert_eq!(
        error(&[within("writeConcernError", 3, vec![code(64)]), ok(1.0)]),
        Outcome { error: Some(64) }
    );
}

#[test]
fn the_end_of_a_long_answer_is_counted() {
    let answer = message(
        2013,
        7,
        &body(0, &document(&[element(5, "a", &[&5000_u32.to_le_bytes()[..], &[0; 5001]].concat())])),
    );
    let pieces = [
        Piece::Bytes(answer[..512].to_vec()),
        Piece::Gap(answer.len() as u64 - 512),
        Piece::Bytes(message(2013, 8, &body(0, &document(&[])))),
    ];
    let log = mongodb::drive(false, Habits::default(), &pieces);
    let shorts: Vec<_> = log.iter().map(|entry| entry.short.split(' ').next().unwrap()).collect();
    assert_eq!(shorts, ["Begin", "End", "Begin", "End"]);
}
