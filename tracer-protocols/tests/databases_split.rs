//! Properties of the parsers for databases, DNS and FastCGI: splits never matter, and gaps never panic.

mod common;

use common::{
    Entry, Habits, Piece, cassandra, dns, fastcgi, framed, lose, memcached, mongodb, mysql, postgres, redis,
    split,
};
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

/// A message of DNS over TCP.
fn dns_message() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::collection::vec("[a-z0-9]{1,20}", 0..5);
    let records = prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20);
    (any::<[u8; 2]>(), any::<bool>(), name, records).prop_map(|(id, response, name, records)| {
        let name = name.iter().flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
        let name: Vec<u8> = name.chain([0]).collect();
        let count = if response { records.len() as u8 } else { 0 };
        let head = [id[0], id[1], if response { 0x81 } else { 1 }, 0, 0, 1, 0, count, 0, 0, 0, 0];
        let answers = records.iter().take(count.into()).flat_map(|(kind, data)| {
            let kind = kind.to_be_bytes();
            [&[0xc0, 12, kind[0], kind[1], 0, 1, 0, 0, 0, 9, 0, data.len() as u8], &data[..]].concat()
        });
        let message = [&head[..], &name, &[0, 1, 0, 1], &answers.collect::<Vec<_>>()].concat();
        [&(message.len() as u16).to_be_bytes()[..], &message].concat()
    })
}

/// A record of FastCGI.
fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
    let length = (content.len() as u16).to_be_bytes();
    [&[1, kind, 0, 1, length[0], length[1], padding, 0], content, &vec![0; padding.into()]].concat()
}

/// A request of FastCGI: its first record, parameters, and a body.
fn fastcgi_request() -> impl Strategy<Value = Vec<u8>> {
    let params = prop::collection::vec(("[A-Z_]{1,20}", prop::collection::vec(any::<u8>(), 0..200)), 0..6);
    (params, prop::collection::vec(any::<u8>(), 0..80), any::<u8>()).prop_map(|(params, body, padding)| {
        let params = params.into_iter().flat_map(|(name, value)| {
            let long = (value.len() as u32 | 1 << 31).to_be_bytes();
            [&[name.len() as u8], &long[..], name.as_bytes(), &value].concat()
        });
        let params: Vec<u8> = params.collect();
        let parts =
            [(1, b"\0\x01\0\0\0\0\0\0".to_vec()), (4, params), (4, Vec::new()), (5, body), (5, Vec::new())];
        parts.iter().flat_map(|(kind, content)| record(*kind, content, padding)).collect()
    })
}

/// An answer of FastCGI.
fn fastcgi_answer() -> impl Strategy<Value = Vec<u8>> {
    let head = prop_oneof![
        Just("Status: 404 Not Found\r\n\r\n"),
        Just("Content-type: text/html\n\n"),
        Just("Location: /a\r\nX: y\r\n\r\n"),
        Just("no head at all"),
    ];
    (head, prop::collection::vec(any::<u8>(), 0..2000), any::<u8>(), any::<bool>()).prop_map(
        |(head, body, padding, warns)| {
            let warning = if warns { record(7, b"PHP Warning", padding) } else { Vec::new() };
            let out = [
                record(6, &[head.as_bytes(), &body].concat(), padding),
                record(6, &body, 0),
                record(6, b"", 0),
            ];
            [warning, out.concat(), record(3, &[0; 8], 0)].concat()
        },
    )
}

/// A packet of MySQL.
fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..3], &[number], body].concat()
}

fn mysql_command() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..60),
        1 => prop::collection::vec(b'a'..=b'z', 2000..2100),
    ];
    let command = prop::sample::select(&[1u8, 2, 3, 4, 9, 14, 17, 22, 23, 24, 25, 26, 28, 31, 250][..]);
    (command, text).prop_map(|(command, text)| packet(0, &[&[command], &text[..]].concat()))
}

/// An answer of MySQL: an error, a result without rows, or one with them in the newer or the older form; another may follow.
fn mysql_answer() -> impl Strategy<Value = Vec<u8>> {
    let row = (b'a'..=b'z', prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(first, mut row)| {
        row.insert(0, first);
        row
    });
    let result = (0..4u8, prop::collection::vec(row, 0..4), any::<bool>());
    prop::collection::vec(result, 1..4).prop_map(|results| {
        let (mut bytes, mut number) = (Vec::new(), 0);
        let mut add = |body: &[u8]| {
            number += 1;
            bytes.extend(packet(number, body));
        };
        let last = results.len() - 1;
        for (at, (columns, rows, marks)) in results.iter().enumerate() {
            let more = if at < last { 8 } else { 0 };
            if *columns == 0 {
                add(&[0, 1, 0, 2 | more, 0, 0, 0]);
                continue;
            }
            add(&[*columns]);
            (0..*columns).for_each(|_| add(b"\x03def\0\0\0\x01a\x01a"));
            if *marks {
                add(&[0xfe, 0, 0, 2, 0]);
            }
            for row in rows {
                add(row);
            }
            if *marks { add(&[0xfe, 0, 0, 2 | more, 0]) } else { add(&[0xfe, 0, 0, 2 | more, 0, 0, 0]) }
        }
        bytes
    })
}

fn memcached_command() -> impl Strategy<Value = Vec<u8>> {
    let value = prop::collection::vec(any::<u8>(), 0..60);
    let line = prop_oneof![
        Just("get a b".to_owned()),
        Just("incr counter 5".to_owned()),
        Just("delete a noreply".to_owned()),
        Just("mg a v q".to_owned()),
        Just("mn".to_owned()),
        "gets( [a-z]{40}){30}".prop_map(|line| line),
    ];
    prop_oneof![
        line.prop_map(|line| format!("{line}\r\n").into_bytes()),
        value.clone().prop_map(|value| {
            [format!("set key 0 60 {} noreply\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat()
        }),
        (0..0x1d_u8, value).prop_map(|(opcode, value)| {
            let head = [0x80, opcode, 0, 0, 0, 0, 0, 0];
            [&head[..], &(value.len() as u32).to_be_bytes(), &[0; 12], &value].concat()
        }),
    ]
}

fn memcached_reply() -> impl Strategy<Value = Vec<u8>> {
    let value = prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        Just(b"STORED\r\n".to_vec()),
        Just(b"CLIENT_ERROR bad data chunk\r\n".to_vec()),
        Just([b"SERVER_ERROR ", &[b'x'; 1500][..], b"\r\n"].concat()),
        Just(b"HD t5\r\n".to_vec()),
        value.clone().prop_map(|value| {
            [format!("VALUE a 0 {}\r\n", value.len()).as_bytes(), &value, b"\r\nEND\r\n"].concat()
        }),
        value.clone().prop_map(|value| {
            [format!("VA {} f0\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat()
        }),
        (prop::sample::select(&[0_u8, 1, 5, 6, 0x1c][..]), 0..7_u8, value).prop_map(
            |(opcode, status, value)| {
                let head = [0x81, opcode, 0, 0, 0, 0, 0, status];
                [&head[..], &(value.len() as u32).to_be_bytes(), &[0; 12], &value].concat()
            }
        ),
    ]
}

/// A message of MongoDB.
fn mongodb_message(answers: u32) -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 12..80),
        1 => prop::collection::vec(any::<u8>(), 1000..1100),
    ];
    (prop::sample::select(&[2013_u32, 2012][..]), body).prop_map(move |(opcode, body)| {
        let words = [body.len() as u32 + 16, 7, answers, opcode];
        [&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()[..], &body].concat()
    })
}

/// A message of Cassandra.
fn cassandra_message(version: u8, opcodes: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..80),
        1 => prop::collection::vec(any::<u8>(), 1000..1100),
    ];
    (0..16_u8, any::<u8>(), prop::sample::select(opcodes), body).prop_map(
        move |(flags, stream, opcode, body)| {
            let length = (body.len() as u32).to_be_bytes();
            [&[version, flags, 0, stream, opcode], &length[..], &body].concat()
        },
    )
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
    fn any_split_of_dns(
        messages in prop::collection::vec(dns_message(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(dns::drive, true, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_requests_of_fastcgi(
        messages in prop::collection::vec(fastcgi_request(), 1..4),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(fastcgi::drive, true, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_answers_of_fastcgi(
        messages in prop::collection::vec(fastcgi_answer(), 1..4),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(fastcgi::drive, false, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_commands_of_mysql(
        messages in prop::collection::vec(mysql_command(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(mysql::drive, true, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_answers_of_mysql(
        messages in prop::collection::vec(mysql_answer(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(mysql::drive, false, &messages, &cuts, holds_skips);
        // And every answer has its end, where it is.
        let log = mysql::drive(false, Habits::default(), &[Piece::Bytes(messages.concat())]);
        prop_assert_eq!(log.iter().filter(|entry| entry.short == "End").count(), messages.len());
    }

    #[test]
    fn any_split_of_commands_of_memcached(
        messages in prop::collection::vec(memcached_command(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(memcached::drive, true, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_replies_of_memcached(
        messages in prop::collection::vec(memcached_reply(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(memcached::drive, false, &messages, &cuts, holds_skips);
        let log = memcached::drive(false, Habits::default(), &[Piece::Bytes(messages.concat())]);
        prop_assert_eq!(log.iter().filter(|entry| entry.short == "End").count(), messages.len());
    }

    #[test]
    fn any_split_of_commands_of_mongodb(
        messages in prop::collection::vec(mongodb_message(0), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(mongodb::drive, true, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_answers_of_mongodb(
        messages in prop::collection::vec(mongodb_message(7), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(mongodb::drive, false, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_requests_of_cassandra(
        messages in prop::collection::vec(cassandra_message(4, &[1, 5, 7, 9, 10, 11, 13, 15]), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(cassandra::drive, true, &messages, &cuts, holds_skips);
    }

    #[test]
    fn any_split_of_answers_of_cassandra(
        messages in prop::collection::vec(cassandra_message(0x84, &[0, 2, 3, 6, 8, 12, 14, 16]), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        check(cassandra::drive, false, &messages, &cuts, holds_skips);
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
        dns::replay(&input);
        fastcgi::replay(&input);
        redis::replay(&input);
        postgres::replay(&input);
        mysql::replay(&input);
        memcached::replay(&input);
        mongodb::replay(&input);
        cassandra::replay(&input);
    }
}
