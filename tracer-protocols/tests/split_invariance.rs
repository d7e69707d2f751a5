//! Properties: splits never matter, gaps never panic, and what comes whole after a loss is found again.

mod common;

use common::http1::{Caller, drive, replay, shorts};
use common::{Piece, framed, lose, split};
use proptest::prelude::*;
use tracer_protocols::http1::Method;

/// A well-formed request.
fn request() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("GET / HTTP/1.1"),
        Just("HEAD /a/b?c=d HTTP/1.1"),
        Just("DELETE /a%20b HTTP/1.0"),
        Just("BREW /pot HTTP/1.1"),
        Just("OPTIONS * HTTP/1.1"),
    ];
    (line, fields(), prop_oneof![Just("\r\n"), Just("\n")], body())
        .prop_map(|(line, fields, end, (framing, body))| head(line, &fields, &framing, end) + &body)
}

/// A well-formed response to GET.
fn response() -> impl Strategy<Value = String> {
    let framed = (
        prop_oneof![
            Just("HTTP/1.1 200 OK"),
            Just("HTTP/1.0 404 Not Found"),
            Just("HTTP/1.1 500"),
            Just("HTTP/1.1 302 ")
        ],
        fields(),
        prop_oneof![Just("\r\n"), Just("\n")],
        body(),
    )
        .prop_map(|(line, fields, end, (framing, body))| {
            let framing = if framing.is_empty() { "Content-Length: 0".to_owned() } else { framing };
            head(line, &fields, &framing, end) + &body
        });
    prop_oneof![
        4 => framed,
        1 => Just("HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
        1 => Just("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n".to_owned()),
    ]
}

fn head(line: &str, fields: &[String], framing: &str, end: &str) -> String {
    let framing = (!framing.is_empty()).then_some(framing);
    let lines = std::iter::once(line).chain(fields.iter().map(String::as_str)).chain(framing);
    lines.chain([""]).flat_map(|line| [line, end]).collect()
}

fn fields() -> impl Strategy<Value = Vec<String>> {
    let field = prop_oneof![
        4 => "[A-Za-z-]{1,12}: [ -~]{0,30}",
        1 => "X-Fold: [a-z]{1,9}\r\n [a-z]{1,9}",
        1 => Just("Connection: keep-alive".to_owned()),
        1 => Just("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        1 => Just("Expect: 100-continue".to_owned()),
    ];
    // More fields than usual, now and then.
    prop_oneof![8 => prop::collection::vec(field.clone(), 0..6), 1 => prop::collection::vec(field, 60..70)]
}

/// The framing field and the body that it announces.
fn body() -> impl Strategy<Value = (String, String)> {
    let content = "[ -~\r\n]{0,60}";
    prop_oneof![
        2 => Just((String::new(), String::new())),
        2 => content.prop_map(|body| (format!("Content-Length: {}", body.len()), body)),
        2 => (prop::collection::vec(content, 0..4), prop_oneof![Just(""), Just("X-Trailer: y\r\n")]).prop_map(
            |(chunks, trailer)| {
                let chunks = chunks.iter().filter(|chunk| !chunk.is_empty());
                let chunks = chunks.map(|chunk| format!("{:x};ext\r\n{chunk}\r\n", chunk.len()));
                let body = chunks.collect::<Vec<_>>().concat();
                ("Transfer-Encoding: chunked".to_owned(), format!("{body}0\r\n{trailer}\r\n"))
            }
        ),
    ]
}

fn caller() -> impl Strategy<Value = Caller> {
    let answering = prop_oneof![Just(None), Just(Some(Method::Get)), Just(Some(Method::Head))];
    (any::<bool>(), answering, any::<bool>(), any::<bool>()).prop_map(
        |(client, answering, holds_skips, closes)| {
            let caller = if client { Caller::CLIENT } else { Caller::SERVER };
            Caller { answering, holds_skips, closes, ..caller }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_requests(
        messages in prop::collection::vec(request(), 1..4),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        // The first method has to be a known one: nothing leads to it. The last message is there because a body that
        // 100-continue may never call for and that could begin a head ("G") is settled by what follows it.
        let [first, last] = ["GET /first HTTP/1.1\r\n\r\n", "GET /last HTTP/1.1\r\n\r\n"];
        let bytes = format!("{first}{}{last}", messages.concat()).into_bytes();
        let caller = Caller { holds_skips, ..Caller::CLIENT };
        let whole = drive(caller, &[Piece::Bytes(bytes.clone())]);
        prop_assert_eq!(framed(&whole).len(), 2 * (messages.len() + 2), "{:?}", whole);
        prop_assert_eq!(drive(caller, &split(&bytes, &cuts)), whole.clone());
        let single: Vec<_> = bytes.iter().map(|&byte| Piece::Bytes(vec![byte])).collect();
        prop_assert_eq!(drive(caller, &single), whole);
    }

    #[test]
    fn any_split_of_responses(
        messages in prop::collection::vec(response(), 1..4),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        holds_skips: bool,
    ) {
        let bytes = messages.concat().into_bytes();
        let caller = Caller { holds_skips, ..Caller::SERVER };
        let whole = drive(caller, &[Piece::Bytes(bytes.clone())]);
        let interim = messages.iter().filter(|message| message.starts_with("HTTP/1.1 100")).count();
        prop_assert_eq!(framed(&whole).len(), 2 * messages.len() - interim, "{:?}", whole);
        prop_assert_eq!(drive(caller, &split(&bytes, &cuts)), whole.clone());
        let single: Vec<_> = bytes.iter().map(|&byte| Piece::Bytes(vec![byte])).collect();
        prop_assert_eq!(drive(caller, &single), whole);
    }

    #[test]
    fn any_split_of_anything(
        caller in caller(),
        parts in prop::collection::vec(prop_oneof![
            request(), response(), "[ -~\r\n]{0,40}",
            Just("GET ".to_owned()), Just("HTTP/1.1 200 OK\r\n".to_owned()), Just("\r\n0\r\n\r\n".to_owned()),
        ], 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let bytes = parts.concat().into_bytes();
        let whole = drive(caller, &[Piece::Bytes(bytes.clone())]);
        let parted = drive(caller, &split(&bytes, &cuts));
        prop_assert_eq!(framed(&parted), framed(&whole));
    }

    #[test]
    fn after_any_gaps_the_next_message_is_found(
        client: bool,
        requests in prop::collection::vec(request(), 1..5),
        responses in prop::collection::vec(response(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 1..12),
        lost in prop::collection::vec(any::<usize>(), 1..6),
        holds_skips: bool,
    ) {
        let (caller, messages) = if client { (Caller::CLIENT, requests) } else { (Caller::SERVER, responses) };
        let caller = Caller { holds_skips, ..caller };
        let mut pieces = split(messages.concat().as_bytes(), &cuts);
        lose(&mut pieces, &lost);
        // What was open may reach into what follows: two messages settle that, the third must come out whole.
        let (filler, last, expected) = if client {
            ("GET /filler HTTP/1.1\r\n\r\n", "GET /last HTTP/1.1\r\n\r\n", ["GET /last", "end 0"])
        } else {
            ("HTTP/1.1 204 \r\n\r\n", "HTTP/1.1 418 \r\nContent-Length: 2\r\n\r\nok", ["418", "end 2"])
        };
        let filler_bytes = filler.repeat(10);
        pieces.push(Piece::Gap(1));
        pieces.push(Piece::Gap(200));
        pieces.push(Piece::Bytes(filler_bytes.into_bytes()));
        pieces.push(Piece::Bytes(last.as_bytes().to_vec()));
        let log = shorts(caller, &pieces);
        prop_assert_eq!(&log[log.len().saturating_sub(2)..], &expected, "{:?}", log);
    }

    #[test]
    fn nothing_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
        replay(&input);
    }
}

#[test]
fn an_empty_gap_hides_no_gap_behind_it() {
    let pieces = [
        Piece::Bytes(b"HTTP/1.1 302 \nVary: 00-".to_vec()),
        Piece::Gap(0),
        Piece::Gap(80),
        Piece::Bytes(b"HTTP/1.1 204 \r\n\r\n".to_vec()),
    ];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["302~", "end ?~", "204", "end 0"]);
}
