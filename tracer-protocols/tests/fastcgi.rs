//! FastCGI by example.

mod common;

use common::{Habits, Piece, fastcgi};
use tracer_protocols::{
    Protocol,
    contract::Side,
    detect::{Detection, detect},
    fastcgi::Params,
    http1::Version,
};

const BEGIN: &[u8] = b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0";
const END: &[u8] = b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";

fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
    let length = (content.len() as u16).to_be_bytes();
    [&[1, kind, 0, 1, length[0], length[1], padding, 0], content, &vec![0; padding.into()]].concat()
}

fn params(pairs: &[(&str, &str)]) -> Vec<u8> {
    let pair = |(name, value): &(&str, &str)| {
        let length = |text: &str| match u8::try_from(text.len()) {
            Ok(short @ 0..128) => vec![short],
            _ => (text.len() as u32 | 1 << 31).to_be_bytes().to_vec(),
        };
        [length(name), length(value), name.as_bytes().to_vec(), value.as_bytes().to_vec()].concat()
    };
    pairs.iter().flat_map(pair).collect()
}

fn asked(pairs: &[(&str, &str)]) -> Vec<u8> {
    [BEGIN, &record(4, &params(pairs), 3), &record(4, b"", 0), &record(5, b"", 0)].concat()
}

fn shorts(client: bool, pieces: &[Piece]) -> Vec<String> {
    fastcgi::drive(client, Habits::default(), pieces).into_iter().map(|entry| entry.short).collect()
}

fn whole(client: bool, bytes: &[u8]) -> Vec<String> {
    shorts(client, &[Piece::Bytes(bytes.to_vec())])
}

/// What the parameters of `asked` become.
fn request(asked: &[u8]) -> tracer_protocols::fastcgi::Request {
    let mut parser = tracer_protocols::fastcgi::Requests::default();
    let mut made = None;
    let step = parser.step(asked, tracer_protocols::contract::Follows::Maybe);
    let _ = step.map(|params: Params<'_>| made = Some(tracer_protocols::fastcgi::Request::new(&params)));
    made.unwrap()
}

#[test]
fn a_request_is_told_by_its_first_record() {
    let found = Detection::Found(Protocol::FastCgi, Side::Request);
    assert_eq!(detect(BEGIN), found);
    assert_eq!(detect(&BEGIN[..8]), found, "PHP-FPM reads headers by themselves");
    assert_eq!(detect(&BEGIN[..5]), Detection::NeedMore);
    // What other protocols may still make of it is not this one's matter.
    assert_ne!(detect(END), found);
    assert_ne!(detect(b"\x01\x01\0\x01\0\x09\0\0"), found);
}

#[test]
fn parameters_become_a_head() {
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = request(&asked(&[
        ("REQUEST_METHOD", "POST"),
        ("REQUEST_URI", "/a.php?b=1"),
        ("SCRIPT_NAME", "/other"),
        ("HTTPS", "on"),
        ("CONTENT_LENGTH", "12"),
        ("HTTP_HOST", "shop:8080"),
        ("HTTP_USER_AGENT", "curl"),
        ("HTTP_TRACEPARENT", traceparent),
        ("HTTP_X_EVIL", "a\r\nhost: b"),
    ]));
    let head = request.head();
    assert!(request.https && !head.truncated);
    assert_eq!((head.method.as_str(), head.target, head.version), ("POST", "/a.php?b=1", Version::FastCgi));
    assert_eq!(
        (head.host, head.user_agent, head.content_length),
        (Some("shop:8080"), Some("curl"), Some(12))
    );
    assert_eq!(head.context.traceparent, Some(traceparent));
    assert_eq!(head.headers.get("x-evil"), None);
}

#[test]
fn what_the_web_server_leaves_out_is_told_by_others() {
    let request = request(&asked(&[
        ("SCRIPT_NAME", "/a.php"),
        ("QUERY_STRING", "b"),
        ("SERVER_NAME", "h"),
        ("SERVER_PORT", "81"),
    ]));
    let head = request.head();
    assert_eq!((head.target, head.host, request.https), ("/a.php?b", Some("h:81"), false));
}

#[test]
fn a_host_without_its_port_has_that_of_the_server() {
    let host =
        |host| request(&asked(&[("HTTP_HOST", host), ("SERVER_PORT", "81")])).head().host.map(str::to_owned);
    assert_eq!(host("shop").as_deref(), Some("shop:81"));
    assert_eq!(host("shop:82").as_deref(), Some("shop:82"));
    assert_eq!(host("[::1]").as_deref(), Some("[::1]:81"));
}

#[test]
fn bodies_are_passed_over() {
    let upload = [
        BEGIN.to_vec(),
        record(4, &params(&[("REQUEST_METHOD", "PUT"), ("REQUEST_URI", "/a")]), 0),
        record(4, b"", 0),
        record(5, BEGIN, 7),
        record(5, b"", 0),
        asked(&[("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/b")]),
    ];
    assert_eq!(whole(true, &upload.concat()), ["PUT /a", "GET /b"]);
}

#[test]
fn parameters_that_were_cut_are_read_as_far_as_they_go() {
    let request =
        asked(&[("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/a"), ("HTTP_COOKIE", &"c".repeat(400))]);
    let pieces = [
        Piece::Bytes(request[..100].to_vec()),
        Piece::Gap(request.len() as u64 - 108),
        Piece::Bytes(request[request.len() - 8..].to_vec()),
        Piece::Bytes(asked(&[("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/b")])),
    ];
    assert_eq!(shorts(true, &pieces), ["GET /a~", "refused", "refused", "GET /b"]);
}

#[test]
fn answers_have_a_status() {
    let out = |text: &str| [&record(6, text.as_bytes(), 5), END].concat();
    assert_eq!(
        whole(false, &out("X-Powered-By: PHP\r\nContent-type: text/html\r\n\r\nhello")),
        ["200", "end"]
    );
    assert_eq!(whole(false, &out("Status: 404 Not Found\r\n\r\n")), ["404", "end"]);
    assert_eq!(whole(false, &out("Location: /a\r\n\r\n")), ["302", "end"]);
    assert_eq!(whole(false, &out("nothing of the kind")), ["?", "end"]);
    let warned = [record(7, b"PHP Warning:  Undefined variable", 1), out("Status: 500 Oh\n\n")].concat();
    assert_eq!(whole(false, &warned), ["500", "end"]);
    assert_eq!(whole(false, b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\x02\0\0\0"), ["?", "refused"]);
}

/// The kernel side sees the front of a segment, and its last eight bytes.
fn cut(segment: &[u8], front: usize) -> [Piece; 3] {
    [
        Piece::Bytes(segment[..front].to_vec()),
        Piece::Gap((segment.len() - front - 8) as u64),
        Piece::Bytes(segment[segment.len() - 8..].to_vec()),
    ]
}

#[test]
fn the_end_of_a_long_answer_is_seen_in_its_last_bytes() {
    let long = [&record(6, &[&b"X: y\r\n\r\n"[..], &[b'z'; 5000]].concat(), 3), END].concat();
    let pieces = [cut(&long, 1024), cut(&long, 1024)].concat();
    assert_eq!(shorts(false, &pieces), ["200", "end", "200", "end"]);
}

#[test]
fn what_ends_like_an_end_and_where_none_is_due_is_none() {
    let mut long = record(6, &[&b"X: y\r\n\r\n"[..], &[0; 5000]].concat(), 0);
    let pieces = cut(&long, 1024);
    assert_eq!(shorts(false, &pieces), ["200"]);
    // A warning and a page: where the page ends is not seen.
    long.extend_from_slice(&record(6, &[0; 100], 0));
    long.extend_from_slice(END);
    let pieces = [&cut(&long, 1024)[..], &[Piece::Bytes([&record(6, b"rest", 4), END].concat())]].concat();
    assert_eq!(shorts(false, &pieces), ["200", "refused", "refused", "?", "end"]);
}
