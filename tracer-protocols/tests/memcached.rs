//! Memcached by example.

mod common;

use common::{Habits, Piece, memcached};
use tracer_protocols::{
    Protocol,
    contract::Side,
    detect::{Detection, detect},
};

fn shorts(client: bool, pieces: &[Piece]) -> Vec<String> {
    memcached::drive(client, Habits::default(), pieces).into_iter().map(|entry| entry.short).collect()
}

fn whole(client: bool, text: &[u8]) -> Vec<String> {
    shorts(client, &[Piece::Bytes(text.to_vec())])
}

fn command(name: &str, answered: &str) -> String {
    format!("Command {{ name: {name:?}, answered: {answered} }}")
}

/// A message of the binary protocol.
fn binary(magic: u8, opcode: u8, key: &[u8], status: u8) -> Vec<u8> {
    let head = [magic, opcode, 0, key.len() as u8, 0, 0, 0, status];
    [&head[..], &(key.len() as u32).to_be_bytes(), &[0; 12], key].concat()
}

#[test]
fn commands_are_told_from_other_text() {
    let found = Detection::Found(Protocol::Memcached, Side::Request);
    for bytes in
        [&b"get key\r\n"[..], b"set a 0 60 5\r\n", b"mn\r\n", b"delete a noreply\r\n", b"mg key v\r\n"]
    {
        assert_eq!(detect(bytes), found);
        assert_eq!(detect(&bytes[..3]), Detection::NeedMore);
    }
    assert_eq!(detect(&binary(0x80, 0, b"key", 0)), found);
    for bytes in [&b"get \x01\r\n"[..], b"set a 0 60 -5\r\n", b"got a\r\n", b"STORED\r\n", b"get\r\n"] {
        // What other protocols may still make of it is not this one's matter.
        assert_ne!(detect(bytes), found, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn values_are_passed_over_and_silence_is_known() {
    let text = b"set a 0 60 9 noreply\r\nget b\r\nxx\r\nmg a v q\r\nmn\r\nquit\r\n";
    let expected =
        [command("set", "Never"), command("mg", "Perhaps"), command("mn", "Last"), command("quit", "Never")];
    assert_eq!(whole(true, text), expected);
}

#[test]
fn a_long_list_of_keys_is_one_command() {
    let keys = " some_longer_key".repeat(300);
    let expected = [command("get", "Once"), command("incr", "Once")];
    assert_eq!(whole(true, format!("get{keys}\r\nincr a 1\r\n").as_bytes()), expected);
    let pieces = [
        Piece::Bytes(format!("get{}", &keys[..1000]).into_bytes()),
        Piece::Gap(3800),
        Piece::Bytes(b"r_key\r\n".to_vec()),
        Piece::Bytes(b"incr a 1\r\n".to_vec()),
    ];
    assert_eq!(shorts(true, &pieces), expected);
}

#[test]
fn answers_end_where_they_do() {
    let values =
        b"VALUE a 0 5\r\nEND\r\n\r\nVALUE b 0 1 17\r\nx\r\nEND\r\nNOT_FOUND\r\nVA 2 t0\r\nhi\r\n42\r\n";
    assert_eq!(
        whole(false, values),
        ["Part", "Part", "Part", "End", "Part", "End", "Part", "End", "Part", "End"]
    );
    let errors = b"SERVER_ERROR out of memory storing object\r\nERROR\r\nMN\r\n";
    assert_eq!(whole(false, errors), ["Error(\"SERVER_ERROR\")", "End", "Error(\"ERROR\")", "End", "Last"]);
}

#[test]
fn binary_answers_are_errors_only_where_something_went_wrong() {
    // Not found; not a number; found, but quietly; all was answered.
    let answers = [
        binary(0x81, 0, b"", 1),
        binary(0x81, 5, b"", 6),
        binary(0x81, 0x0d, b"a", 0),
        binary(0x81, 0x0a, b"", 0),
    ];
    assert_eq!(whole(false, &answers.concat()), ["Part", "End", "Error(\"0x0006\")", "End", "Quiet", "Last"]);
}

#[test]
fn the_end_of_values_is_found_in_the_last_bytes() {
    let pieces = [
        Piece::Bytes(b"VALUE a 0 400\r\nab".to_vec()),
        Piece::Gap(3000),
        Piece::Bytes(b"x\r\nEND\r\n".to_vec()),
        Piece::Bytes(b"STORED\r\n".to_vec()),
    ];
    assert_eq!(shorts(false, &pieces), ["Part", "refused", "Part", "End", "Part", "End"]);
}
