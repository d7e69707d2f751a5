//! Which bytes begin a connection of Kafka.

use tracer_protocols::kafka::{Detection, detect};

fn sized(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

/// A request to publish, version 7, without a transaction: acks, timeout, one topic, one partition.
fn publish(acks: i16, topic: &[u8]) -> Vec<u8> {
    let name = [&(topic.len() as u16).to_be_bytes(), topic].concat();
    let head = b"\0\0\0\x07\0\0\0\x01\0\x05front\xff\xff";
    let front = [&head[..], &acks.to_be_bytes(), &30_000i32.to_be_bytes(), &1i32.to_be_bytes()].concat();
    sized(&[&front[..], &name, b"\0\0\0\x01\0\0\0\0\0\0\0\x04abcd"].concat())
}

#[test]
fn requests_to_publish_are_told_by_their_body() {
    for acks in -1..=1 {
        assert_eq!(detect(&publish(acks, b"orders")), Detection::Request);
    }
    assert_eq!(detect(&publish(2, b"orders")), Detection::No);
    assert_eq!(detect(&publish(1, b"")), Detection::No);
    assert_eq!(detect(&publish(1, b"or ders")), Detection::No);
    assert_eq!(detect(&publish(1, b"orders")[..30]), Detection::NeedMore);
}

/// Its number stands where a request has the API, 0, and the version: both ways of reading it, with versions up to 8 and from 9 on.
#[test]
fn a_response_that_brings_nothing_is_no_request() {
    for correlation in 1i32..24 {
        for session in [0i32, 7, 0x1234_5678] {
            // Version 12: tags, time held back, error, session, one topic with one partition that has no records.
            let front = [&correlation.to_be_bytes()[..], b"\0\0\0\0\0\0\0", &session.to_be_bytes()].concat();
            let topic = b"\x02\x07orders\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\x01\0\0\0";
            let response = sized(&[&front[..], topic].concat());
            assert_eq!(detect(&response), Detection::No, "{correlation} {session}");
            // Version 11 has no tags, and longer lengths.
            let front = [&correlation.to_be_bytes()[..], b"\0\0\0\0\0\0", &session.to_be_bytes()].concat();
            let response =
                sized(&[&front[..], b"\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\0", &[0; 30]].concat());
            assert_eq!(detect(&response), Detection::No, "{correlation} {session}");
        }
    }
}
