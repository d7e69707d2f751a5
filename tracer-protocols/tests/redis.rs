//! Redis by example.

mod common;

use common::{Habits, Piece, redis};
use tracer_protocols::{
    Protocol,
    contract::Side,
    detect::{Detection, detect},
};

fn shorts(client: bool, pieces: &[Piece]) -> Vec<String> {
    redis::drive(client, Habits::default(), pieces).into_iter().map(|entry| entry.short).collect()
}

fn whole(client: bool, text: &str) -> Vec<String> {
    shorts(client, &[Piece::Bytes(text.as_bytes().to_vec())])
}

#[test]
fn commands_are_told_from_data() {
    let found = Detection::Found(Protocol::Redis, Side::Request);
    assert_eq!(detect(b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"), found);
    assert_eq!(detect(b"*2\r\n$3\r\nget\r\n"), found);
    assert_eq!(detect(b"*2\r\n$3\r\nGE"), Detection::NeedMore);
    assert_ne!(detect(b"*2\r\n$5\r\nworld\r\n$5\r\nhello\r\n"), found);
    assert_ne!(detect(b"*2 GET"), found);
}

#[test]
fn values_are_passed_over() {
    let pipeline =
        "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$17\r\n*1\r\n$4\r\nPING\r\nxyz\r\n*2\r\n$3\r\nget\r\n$1\r\na\r\n";
    assert_eq!(whole(true, pipeline), ["SET 2", "get 1"]);
}

#[test]
fn aggregates_are_one_reply() {
    let nested = "*2\r\n*2\r\n$1\r\na\r\n-ERR inside\r\n%1\r\n+a\r\n:1\r\n-MOVED 3999 127.0.0.1:6381\r\n";
    assert_eq!(whole(false, nested), ["begin", "end", "error MOVED", "end"]);
}

#[test]
fn pushes_are_no_replies() {
    assert_eq!(whole(false, ">2\r\n$7\r\nmessage\r\n$1\r\na\r\n+OK\r\n"), ["push", "begin", "end"]);
}

#[test]
fn a_gap_within_a_value_costs_nothing() {
    let pieces = [
        Piece::Bytes(b"$5000\r\nabc".to_vec()),
        Piece::Gap(4990),
        Piece::Bytes(b"1234567\r\n:1\r\n".to_vec()),
    ];
    assert_eq!(shorts(false, &pieces), ["begin", "end", "begin", "end"]);
}

#[test]
fn replies_stay_lost_where_values_were_lost() {
    let pieces =
        [Piece::Bytes(b"*3\r\n$1\r\na\r\n".to_vec()), Piece::Gap(9), Piece::Bytes(b"+OK\r\n".to_vec())];
    assert_eq!(shorts(false, &pieces), ["begin", "refused"]);
}
