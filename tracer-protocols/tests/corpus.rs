//! Replays what was recorded (testdata) and the fuzz seeds, on stable.

mod common;

use std::path::{Path, PathBuf};

use common::http1::{Caller, drive, replay, shorts};
use common::{
    Entry, Habits, Piece, amqp, cassandra, dns, fastcgi, http2, kafka, memcached, mongodb, mqtt, mysql, nats,
    postgres, redis,
};
use tracer_protocols::http1::{Detection, Method, detect};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn recorded(name: &str, side: &str) -> Vec<u8> {
    let path = directory("testdata/http1").join(format!("{name}.{side}.bin"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

struct Recording {
    name: &'static str,
    answering: Method,
    requests: &'static [&'static str],
    responses: &'static [&'static str],
}

/// What connections of HTTP/2 give, by name and side.
const HTTP2: [(&str, &str, &[&str]); 4] = [
    (
        "nghttp",
        "request",
        &["13 GET /small", "13 end", "15 GET /middle", "15 end", "17 GET /missing", "17 end", "goaway 0 0"],
    ),
    (
        "nghttp",
        "response",
        &[
            "13 200",
            "15 200",
            "17 404",
            "13 data 20",
            "13 end",
            "15 data 3000",
            "15 end",
            "17 data 148",
            "17 end",
        ],
    ),
    (
        "grpcio",
        "request",
        &[
            "1 POST /tracer.Echo/Unary",
            "1 data 10",
            "1 end",
            "3 POST /tracer.Echo/Unary",
            "3 data 10",
            "3 end",
            "5 POST /tracer.Echo/Unary0",
            "5 data 10",
            "5 end",
            "7 POST /tracer.Echo/Unary1",
            "7 data 10",
            "7 end",
            "9 POST /tracer.Echo/Unary2",
            "9 data 10",
            "9 end",
        ],
    ),
    (
        "grpcio",
        "response",
        &[
            "1 200",
            "1 data 10",
            "1 trailers grpc-status=0 grpc-message=",
            "1 end",
            "3 200",
            "3 data 10",
            "3 trailers grpc-status=0 grpc-message=",
            "3 end",
            "5 200",
            "5 data 10",
            "5 trailers grpc-status=0 grpc-message=",
            "5 end",
            "9 200",
            "9 data 10",
            "9 trailers grpc-status=0 grpc-message=",
            "9 end",
            "7 200",
            "7 data 10",
            "7 trailers grpc-status=0 grpc-message=",
            "7 end",
        ],
    ),
];

const RECORDINGS: [Recording; 14] = [
    Recording {
        name: "nginx-keepalive",
        answering: Method::Get,
        requests: &["GET /", "end 0", "GET /missing?q=1", "end 0", "GET /b.html", "end 0"],
        responses: &["200", "end 13", "404", "end 153", "200", "end 1800"],
    },
    Recording {
        name: "nginx-head",
        answering: Method::Head,
        requests: &["HEAD /", "end 0", "HEAD /b.html", "end 0"],
        responses: &["200", "end 0", "200", "end 0"],
    },
    Recording {
        name: "nginx-range-and-304",
        answering: Method::Get,
        requests: &["GET /b.html", "end 0", "GET /", "end 0"],
        responses: &["206", "end 10", "304", "end 0"],
    },
    Recording {
        name: "nginx-proxied-chunks",
        answering: Method::Get,
        requests: &["GET /node/chunked", "end 0", "GET /", "end 0"],
        responses: &["200", "end 303", "200", "end 13"],
    },
    Recording {
        name: "nginx-pipelined",
        answering: Method::Get,
        requests: &["GET /", "end 0", "GET /b.html", "end 0", "GET /missing", "end 0"],
        responses: &["200", "end 13", "200", "end 1800", "404", "end 153"],
    },
    Recording {
        name: "nginx-bad-request",
        answering: Method::Get,
        requests: &["GET /", "end 0"],
        responses: &["400", "end 157"],
    },
    Recording {
        name: "node-trailers",
        answering: Method::Get,
        requests: &["GET /chunked", "end 0", "GET /plain", "end 0"],
        responses: &["200", "end 303", "200", "end 6"],
    },
    Recording {
        name: "node-expect",
        answering: Method::Put,
        requests: &["PUT /upload", "end 300"],
        responses: &["100", "200", "end 8"],
    },
    Recording {
        name: "node-chunked-upload",
        answering: Method::Put,
        requests: &["PUT /upload", "end 700"],
        responses: &["100", "200", "end 8"],
    },
    Recording {
        name: "node-early-hints",
        answering: Method::Get,
        requests: &["GET /hints", "end 0"],
        responses: &["103", "200", "end 6"],
    },
    Recording {
        name: "node-upgrade",
        answering: Method::Get,
        // Only the answer tells this direction that it is a tunnel; see `the_request_direction_of_a_tunnel_is_passed_over`.
        requests: &["GET /echo", "end 0", "refused", "GET /", "end 0"],
        responses: &["101", "end 0"],
    },
    Recording {
        name: "node-connect",
        answering: Method::Connect,
        requests: &["CONNECT 127.0.0.1", "end 0", "GET /", "end 0"],
        responses: &["200", "end 0"],
    },
    Recording {
        name: "python-until-close",
        answering: Method::Get,
        requests: &["GET /report", "end 0"],
        responses: &["200", "end 100"],
    },
    Recording {
        name: "curl-large-cookie",
        answering: Method::Get,
        requests: &["GET /", "end 0", "GET /b.html", "end 0"],
        responses: &["200", "end 13", "200", "end 1800"],
    },
];

fn sides(recording: &Recording) -> [(Vec<u8>, Caller, &'static [&'static str]); 2] {
    [
        (recorded(recording.name, "request"), Caller::CLIENT.closing(), recording.requests),
        (
            recorded(recording.name, "response"),
            Caller::SERVER.answering(Some(recording.answering)).closing(),
            recording.responses,
        ),
    ]
}

/// Ports differ from recording to recording.
fn without_port(short: &str) -> &str {
    if short.starts_with("CONNECT") { short.rsplit_once(':').map_or(short, |(host, _)| host) } else { short }
}

#[test]
fn recordings_give_their_messages() {
    for recording in &RECORDINGS {
        for (bytes, caller, expected) in sides(recording) {
            let log = shorts(caller, &[Piece::Bytes(bytes)]);
            let log: Vec<_> = log.iter().map(|short| without_port(short)).collect();
            assert_eq!(log, expected, "{} {:?}", recording.name, caller.side);
        }
    }
}

#[test]
fn every_recording_is_listed() {
    let mut files: Vec<_> = std::fs::read_dir(directory("testdata/http1"))
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".request.bin").map(str::to_owned)
        })
        .collect();
    files.sort();
    let mut listed: Vec<_> = RECORDINGS.iter().map(|recording| recording.name.to_owned()).collect();
    listed.sort();
    assert_eq!(files, listed);
}

#[test]
fn recordings_are_detected() {
    for recording in &RECORDINGS {
        assert_eq!(detect(&recorded(recording.name, "request")), Detection::Request, "{}", recording.name);
        assert_eq!(detect(&recorded(recording.name, "response")), Detection::Response, "{}", recording.name);
    }
}

/// Recordings without bytes of another protocol, split at every place.
#[test]
fn splits_of_recordings_do_not_matter() {
    for recording in RECORDINGS.iter().filter(|recording| recording.name != "node-upgrade") {
        for (bytes, caller, _) in sides(recording) {
            let whole = drive(caller, &[Piece::Bytes(bytes.clone())]);
            for at in 0..=bytes.len() {
                let pieces = [Piece::Bytes(bytes[..at].to_vec()), Piece::Bytes(bytes[at..].to_vec())];
                assert_eq!(
                    drive(caller, &pieces),
                    whole,
                    "{} {:?} split at {at}",
                    recording.name,
                    caller.side
                );
            }
        }
    }
}

/// What the kernel side makes of a large segment: its first bytes, a gap, its last eight. Here each message is one segment.
#[test]
fn recordings_captured_in_part_give_their_messages() {
    const TAIL: usize = 8;
    let capture = |segment: &[u8], limit: usize| -> Vec<Piece> {
        if segment.len() <= limit + TAIL {
            return vec![Piece::Bytes(segment.to_vec())];
        }
        let (first, rest) = segment.split_at(limit);
        let (lost, last) = rest.split_at(rest.len() - TAIL);
        vec![Piece::Bytes(first.to_vec()), Piece::Gap(lost.len() as u64), Piece::Bytes(last.to_vec())]
    };
    let cookies = recorded("curl-large-cookie", "request");
    let (one, two) = cookies.split_at(memchr::memmem::rfind(&cookies, b"GET ").unwrap());
    let pieces = [capture(one, 256), capture(two, 256)].concat();
    assert_eq!(shorts(Caller::CLIENT, &pieces), ["GET /~", "end ?~", "GET /b.html~", "end ?~"]);

    let chunks = recorded("node-trailers", "response");
    let (chunked, plain) = chunks.split_at(memchr::memmem::rfind(&chunks, b"HTTP/1.1").unwrap());
    for limit in [200, 256, 400, 480] {
        let pieces = [capture(chunked, limit), capture(plain, limit)].concat();
        let log = shorts(Caller::SERVER, &pieces);
        assert_eq!(log.len(), 4, "{limit}: {log:?}");
        assert_eq!(
            (log[0].as_str(), log[2].as_str(), log[3].as_str()),
            ("200", "200", "end 6"),
            "{limit}: {log:?}"
        );
    }
}

#[test]
fn http2_recordings_give_their_messages() {
    for (name, side, expected) in HTTP2 {
        let path = directory("testdata/http2").join(format!("{name}.{side}.bin"));
        let bytes = std::fs::read(path).unwrap();
        let whole = http2::drive(Habits::default(), &[Piece::Bytes(bytes.clone())]);
        let shorts: Vec<_> = whole.iter().map(|entry| entry.short.as_str()).collect();
        assert_eq!(shorts, expected, "{name} {side}");
        for at in 0..bytes.len() {
            let split = [Piece::Bytes(bytes[..at].to_vec()), Piece::Bytes(bytes[at..].to_vec())];
            assert_eq!(http2::drive(Habits::default(), &split), whole, "{name} {side} split at {at}");
        }
    }
}

#[test]
fn an_indexed_context_of_a_recording_is_read() {
    let bytes = std::fs::read(directory("testdata/http2/nghttp.request.bin")).unwrap();
    let log = http2::drive(Habits::default(), &[Piece::Bytes(bytes)]);
    let carried = log.iter().filter(|entry| entry.full.contains("Some(Carried { format: W3c"));
    assert_eq!(carried.count(), 3, "{log:#?}");
}

/// Every seed of a fuzz target reaches something.
fn replay_seeds(target: &str, replay: fn(&[u8]) -> Vec<Entry>) {
    let mut seeds = 0;
    for entry in std::fs::read_dir(directory("fuzz/corpus").join(target)).unwrap() {
        let path = entry.unwrap().path();
        let log = replay(&std::fs::read(&path).unwrap());
        assert!(!log.is_empty(), "{} reaches nothing", path.display());
        seeds += 1;
    }
    assert!(seeds >= 20, "only {seeds} seeds of {target}");
}

#[test]
fn fuzz_seeds_replay() {
    replay_seeds("http1", replay);
    replay_seeds("http2", http2::replay);
    replay_seeds("dns", dns::replay);
    replay_seeds("fastcgi", fastcgi::replay);
    replay_seeds("redis", redis::replay);
    replay_seeds("postgres", postgres::replay);
    replay_seeds("mysql", mysql::replay);
    replay_seeds("memcached", memcached::replay);
    replay_seeds("mongodb", mongodb::replay);
    replay_seeds("cassandra", cassandra::replay);
    replay_seeds("amqp", amqp::replay);
    replay_seeds("kafka", kafka::replay);
    replay_seeds("mqtt", mqtt::replay);
    replay_seeds("nats", nats::replay);
}
