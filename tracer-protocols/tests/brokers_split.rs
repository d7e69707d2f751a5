//! Properties of the parsers for brokers: splits never matter, and nothing panics. Messages are those of the fuzz seeds, in any order.

mod common;

use common::{Entry, Habits, Piece, amqp, framed, kafka, lose, mqtt, nats, split};
use proptest::prelude::*;

/// How a parser of one side is driven.
type Drive = fn(bool, Habits, &[Piece]) -> Vec<Entry>;

fn sized(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..60),
        1 => prop::collection::vec(any::<u8>(), 4000..10_000),
    ]
}

fn kafka_request() -> impl Strategy<Value = Vec<u8>> {
    (0i16..90, 0i16..18, any::<i32>(), "[a-z]{0,12}", any_bytes()).prop_map(
        |(api, version, correlation, client, body)| {
            let client = [&(client.len() as u16).to_be_bytes(), client.as_bytes()].concat();
            sized(
                &[&api.to_be_bytes()[..], &version.to_be_bytes(), &correlation.to_be_bytes(), &client, &body]
                    .concat(),
            )
        },
    )
}

fn kafka_response() -> impl Strategy<Value = Vec<u8>> {
    (any::<i32>(), any_bytes())
        .prop_map(|(correlation, body)| sized(&[&correlation.to_be_bytes(), &body[..]].concat()))
}

fn amqp_frame() -> impl Strategy<Value = Vec<u8>> {
    let methods = prop::sample::select(vec![10u16, 20, 21, 40, 50, 60, 70, 71, 72, 80, 90, 120]);
    let kind = prop::sample::select(vec![1u8, 2, 3, 8]);
    (kind, 0u16..3, methods, any_bytes()).prop_map(|(kind, channel, method, body)| {
        let payload = [&60u16.to_be_bytes()[..], &method.to_be_bytes(), &body].concat();
        [&[kind], &channel.to_be_bytes()[..], &sized(&payload), &[0xce]].concat()
    })
}

fn nats_message() -> impl Strategy<Value = Vec<u8>> {
    let headers = prop_oneof![
        Just(String::new()),
        "[a-z]{1,20}".prop_map(|value| format!("NATS/1.0\r\nA: {value}\r\n\r\n"))
    ];
    let words =
        prop::sample::select(vec![("PUB a", "HPUB a"), ("PUB a b", "HPUB a b"), ("MSG a 1 b", "HMSG a 1 b")]);
    prop_oneof![
        1 => prop::sample::select(vec!["PING\r\n", "+OK\r\n", "-ERR 'a'\r\n", "SUB a 1\r\n", "INFO {\"a\":1}\r\n"])
            .prop_map(|line| line.as_bytes().to_vec()),
        4 => (words, headers, any_bytes()).prop_map(|((plain, with_headers), headers, body)| {
            let total = headers.len() + body.len();
            let line = if headers.is_empty() {
                format!("{plain} {total}\r\n")
            } else {
                format!("{with_headers} {} {total}\r\n", headers.len())
            };
            [line.as_bytes(), headers.as_bytes(), &body, b"\r\n"].concat()
        }),
    ]
}

fn mqtt_packet() -> impl Strategy<Value = Vec<u8>> {
    let first =
        prop::sample::select(vec![0x10u8, 0x20, 0x30, 0x32, 0x3d, 0x40, 0x50, 0x62, 0x70, 0x82, 0xc0, 0xe0]);
    (first, any_bytes()).prop_map(|(first, body)| {
        let (mut length, mut packet) = (body.len(), vec![first]);
        loop {
            let more = if length >= 0x80 { 0x80 } else { 0 };
            packet.push(length as u8 & 0x7f | more);
            length >>= 7;
            if length == 0 {
                break;
            }
        }
        [packet, body].concat()
    })
}

/// Whole messages, all of which are understood, give the same however they are split.
fn check(drive: Drive, client: bool, messages: &[Vec<u8>], cuts: &[usize], holds_skips: bool) {
    let bytes = messages.concat();
    let habits = Habits { holds_skips, closes: false };
    let whole = drive(client, habits, &[Piece::Bytes(bytes.clone())]);
    assert_eq!(framed(&whole).len(), whole.len(), "{whole:?}");
    assert_eq!(whole.len(), messages.len());
    assert_eq!(drive(client, habits, &split(&bytes, cuts)), whole);
    if bytes.len() < 1000 {
        let single: Vec<_> = bytes.iter().map(|&byte| Piece::Bytes(vec![byte])).collect();
        assert_eq!(drive(client, habits, &single), whole);
    }
}

macro_rules! any_split {
    ($($name:ident: $message:ident, $drive:path, $client:literal;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

            $(
                #[test]
                fn $name(
                    messages in prop::collection::vec($message(), 1..5),
                    cuts in prop::collection::vec(any::<usize>(), 0..12),
                    holds_skips: bool,
                ) {
                    check($drive, $client, &messages, &cuts, holds_skips);
                }
            )*
        }
    };
}
any_split! {
    any_split_of_requests_of_kafka: kafka_request, kafka::drive, true;
    any_split_of_responses_of_kafka: kafka_response, kafka::drive, false;
    any_split_of_frames_of_amqp: amqp_frame, amqp::drive, true;
    any_split_of_messages_of_nats: nats_message, nats::drive, true;
    any_split_of_packets_of_mqtt: mqtt_packet, mqtt::drive, true;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_publish_behind_any_gap_is_found(
        messages in prop::collection::vec(amqp_frame(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 1..12),
        lost in prop::collection::vec(any::<usize>(), 1..6),
    ) {
        const PUBLISH: &[u8] = b"\x01\0\x01\0\0\0\x09\0\x3c\0\x28\0\0\0\0\0\xce";
        let mut pieces = split(&messages.concat(), &cuts);
        lose(&mut pieces, &lost);
        // Further than any frame reaches.
        pieces.push(Piece::Gap(17 << 20));
        pieces.push(Piece::Bytes(PUBLISH.to_vec()));
        let log = amqp::drive(true, Habits::default(), &pieces);
        prop_assert_eq!(log.last().map(|entry| entry.short.clone()), Some("1 Publish".to_owned()));
    }

    #[test]
    fn nothing_panics(input in prop::collection::vec(any::<u8>(), 0..300)) {
        amqp::replay(&input);
        kafka::replay(&input);
        mqtt::replay(&input);
        nats::replay(&input);
        kafka::read(&input);
    }
}
