//! MySQL by example.

mod common;

use common::{Habits, Piece, mysql};
use tracer_protocols::{
    Protocol,
    contract::Side,
    detect::{Detection, detect},
    mysql::{Expects, Login},
};

fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..3], &[number], body].concat()
}

/// Packets of an answer.
fn answer(bodies: &[&[u8]]) -> Vec<u8> {
    bodies.iter().zip(1..).flat_map(|(body, number)| packet(number, body)).collect()
}

fn shorts(client: bool, pieces: &[Piece]) -> Vec<String> {
    mysql::drive(client, Habits::default(), pieces).into_iter().map(|entry| entry.short).collect()
}

fn answered(expects: Expects, bytes: Vec<u8>) -> Vec<String> {
    let log = mysql::drive_expecting(Some(expects), false, Habits::default(), &[Piece::Bytes(bytes)]);
    log.into_iter().map(|entry| entry.short).collect()
}

/// A login as PyMySQL sends it.
fn login(capabilities: u32) -> Vec<u8> {
    let fixed = [&capabilities.to_le_bytes()[..], b"\xff\xff\xff\x00\x2d", &[0; 23]].concat();
    [&fixed[..], b"me\0", &[20], &[7; 20], b"shop\0mysql_native_password\0"].concat()
}

const COLUMN: &[u8] =
    b"\x03def\x04shop\x05goods\x05goods\x04name\x04name\x0c\x2d\0\x90\x01\0\0\xfd\0\0\0\0\0";
const MARK: &[u8] = b"\xfe\0\0\x02\0";

#[test]
fn connections_are_recognised_by_either_side() {
    let request = Detection::Found(Protocol::Mysql, Side::Request);
    let response = Detection::Found(Protocol::Mysql, Side::Response);
    let greeting = packet(0, b"\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\0\x07\0\0\0abcdefgh\0");
    assert_eq!(detect(&greeting), response);
    assert_eq!(detect(&packet(0, b"\x03SELECT 1")), request);
    assert_eq!(detect(&packet(0, b"\x03\0\x01SELECT 1")), request);
    assert_eq!(detect(&packet(0, b"\x16SELECT ?")), request);
    assert_eq!(detect(&packet(0, b"\x17\x01\0\0\0\0\x01\0\0\0")), request);
    assert_eq!(detect(&packet(0, b"\x0e")), request);
    assert_eq!(detect(&packet(2, &login(0x000a_a285))), request);
    // A server reads the header by itself.
    assert_eq!(detect(&[9, 0, 0, 0]), Detection::NeedMore);
    assert_eq!(detect(&packet(0, b"\x03\x01\x02\x03\x04\x05\x06\x07\x08\x09")), Detection::No);
    assert_eq!(detect(&packet(3, b"\x03SELECT 1")), Detection::No);
    assert_eq!(detect(&packet(2, &[b'a'; 60])), Detection::No);
}

#[test]
fn a_login_tells_the_database_and_whether_the_rest_is_compressed() {
    let read = |capabilities| {
        let bytes = [packet(1, &login(capabilities)), packet(0, b"\x0e")].concat();
        shorts(true, &[Piece::Bytes(bytes)])
    };
    let expected = |compressed| format!("{:?}", Login { database: b"shop", compressed });
    let ping = "Other(\"PING\")".to_owned();
    assert_eq!(read(0x0008_8208), [format!("Login({})", expected(false)), ping.clone()]);
    assert_eq!(read(0x0028_8228), [format!("Login({})", expected(true)), ping.clone()]);
    let tls = [packet(1, &login(0x8a08)[..32]), packet(2, &login(0x8208))].concat();
    assert_eq!(shorts(true, &[Piece::Bytes(tls)])[0], "Silent");
}

#[test]
fn results_end_with_their_rows() {
    let old = answer(&[b"\x01", COLUMN, MARK, b"\x04nail", b"\xfb", MARK]);
    let new = answer(&[b"\x01", COLUMN, b"\x04nail", b"\xfe\0\0\x02\0\0\0"]);
    let described_before = answer(&[b"\x01\0", MARK, b"\x04nail", MARK]);
    for bytes in [old, new, described_before, answer(&[b"\0\x01\0\x02\0\0\0"])] {
        assert_eq!(answered(Expects::Results, bytes.repeat(2)), ["Begin", "End", "Begin", "End"]);
    }
}

#[test]
fn several_results_are_one_answer() {
    let results = answer(&[
        b"\0\x01\0\x0a\0\0\0",
        b"\x01",
        COLUMN,
        MARK,
        b"\x04nail",
        b"\xfe\0\0\x0a\0",
        b"\0\x01\0\x02\0\0\0",
    ]);
    assert_eq!(answered(Expects::Results, results), ["Begin", "Begin", "Begin", "End"]);
}

#[test]
fn errors_end_an_answer() {
    let failed = b"\xff\x7a\x04#42S02Table 'shop.nowhere' doesn't exist";
    assert_eq!(answered(Expects::Results, answer(&[failed])), ["Error(1146)", "End"]);
    let late = answer(&[b"\x01", COLUMN, MARK, b"\x04nail", b"\xff\x25\x05#70100Interrupted"]);
    assert_eq!(answered(Expects::Results, late), ["Begin", "Error(1317)", "End"]);
}

#[test]
fn what_describes_a_prepared_statement_belongs_to_its_answer() {
    let head: &[u8] = b"\0\x07\0\0\0\x01\0\x01\0\0\0\0";
    // Whether marks follow is not known before the first one was seen: one may come late.
    let marked = answer(&[head, COLUMN, MARK, COLUMN, MARK]);
    let bare = answer(&[head, COLUMN, COLUMN]);
    let unmarked_columns = answer(&[b"\0\x07\0\0\0\x01\0\0\0\0\0\0\0", COLUMN, MARK]);
    for bytes in [marked, bare, unmarked_columns] {
        assert_eq!(
            answered(Expects::Prepared, bytes.repeat(2)),
            ["Prepared(7)", "End", "Prepared(7)", "End"]
        );
    }
}

#[test]
fn rows_that_a_cursor_holds_are_fetched_apart() {
    let opened = answer(&[b"\x01", COLUMN, b"\xfe\0\0\x42\0"]);
    assert_eq!(answered(Expects::Results, opened), ["Begin", "End"]);
    let fetched = answer(&[b"\0\0\x04nail", b"\0\0\x05screw", b"\xfe\0\0\x82\0"]);
    assert_eq!(answered(Expects::Rows, fetched), ["Begin", "End"]);
}

#[test]
fn the_end_is_found_in_the_last_eight_bytes() {
    for end in [MARK, &b"\xfe\0\0\x02\0\0\0"[..]] {
        let end = packet(200, end);
        let pieces = [
            Piece::Bytes(answer(&[b"\x01", COLUMN, b"\x04nail"])),
            Piece::Gap(5000),
            Piece::Bytes(end[end.len() - 8..].to_vec()),
            Piece::Bytes(answer(&[b"\0\x01\0\x02\0\0\0"])),
        ];
        assert_eq!(shorts(false, &pieces), ["Begin", "refused", "End", "Begin", "End"]);
    }
}

#[test]
fn a_long_value_is_passed_over() {
    let row = [&5000_u32.to_le_bytes()[..3], b"\x03\xfc\x85\x13"].concat();
    let pieces = [
        Piece::Bytes([answer(&[b"\x01", COLUMN]), row].concat()),
        Piece::Gap(4997),
        Piece::Bytes([packet(4, b"\xfe\0\0\x02\0\0\0"), answer(&[b"\0\x01\0\x02\0\0\0"])].concat()),
    ];
    assert_eq!(shorts(false, &pieces), ["Begin", "End", "Begin", "End"]);
}

#[test]
fn numbers_of_packets_tell_that_framing_is_lost() {
    let bytes = [answer(&[b"\x01", COLUMN]), packet(9, b"\x04nail")].concat();
    assert_eq!(answered(Expects::Results, bytes), ["Begin", "refused"]);
}
