//! HTTP/1 behaviour by example: one direction in, a short log out (see `common::Entry`).

mod common;

use common::Piece;
use common::http1::{Caller, drive, shorts};
use tracer_protocols::http1::limits::MAX_HEAD;
use tracer_protocols::http1::{
    Follows, Gap, Message, Method, Parser, Reason, RequestHead, ResponseHead, Side, Step, Version,
};

fn bytes(text: impl AsRef<[u8]>) -> Piece {
    Piece::Bytes(text.as_ref().to_vec())
}

fn client(text: &str) -> Vec<String> {
    shorts(Caller::CLIENT, &[bytes(text)])
}

fn server(text: &str) -> Vec<String> {
    shorts(Caller::SERVER, &[bytes(text)])
}

fn request(text: &str) -> RequestHead<'_> {
    match Parser::new(Side::Request).step(text.as_bytes(), Follows::Maybe, None) {
        Step::Message { message: Message::Request(head), consumed } => {
            assert_eq!(consumed, head.head_bytes);
            head
        }
        other => panic!("{other:?}"),
    }
}

fn response(text: &str, answering: Option<Method>) -> ResponseHead<'_> {
    match Parser::new(Side::Response).step(text.as_bytes(), Follows::Maybe, answering) {
        Step::Message { message: Message::Response(head), .. } => head,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_head_in_full() {
    let text = "POST /cart?item=7 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8\r\nContent-Length: 3\r\n\
                traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=1\r\n\
                Expect: 100-continue\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n";
    let head = request(text);
    assert_eq!((head.method, head.method_text, head.target), (Method::Post, "POST", "/cart?item=7"));
    assert_eq!(
        (head.version, head.host, head.user_agent),
        (Version::Http11, Some("shop.example"), Some("curl/8"))
    );
    assert_eq!(head.context.traceparent.map(str::len), Some(55));
    assert_eq!((head.context.tracestate, head.context.ambiguous), (Some("a=1"), false));
    assert_eq!((head.content_length, head.chunked), (Some(3), false));
    assert!(head.expects_continue && head.keep_alive && !head.upgrade && !head.truncated && !head.target_cut);
    assert_eq!(head.head_bytes, text.len());
    assert_eq!(head.headers.get("x-forwarded-for"), Some("10.0.0.1"));
    assert_eq!(head.headers.iter().count(), 7);
}

#[test]
fn a_response_head_in_full() {
    let head =
        response("HTTP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 9\r\n\r\n", None);
    assert_eq!((head.status, head.version, head.content_length), (503, Version::Http10, Some(9)));
    assert!(!head.keep_alive && head.ends_connection && !head.upgraded && !head.truncated);
    assert_eq!(head.headers.get("retry-after"), Some("5"));
    let head = response("HTTP/1.1 200\r\n\r\n", Some(Method::Get));
    assert!(head.keep_alive && head.ends_connection, "its body runs until the connection closes");
}

#[test]
fn keep_alive_and_pipelining() {
    assert_eq!(
        client(
            "GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloHEAD /c HTTP/1.0\r\n\r\n"
        ),
        ["GET /a", "end 0", "POST /b", "end 5", "HEAD /c", "end 0"]
    );
    assert_eq!(
        server(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"
        ),
        ["200", "end 2", "204", "end 0", "404", "end 0"]
    );
}

#[test]
fn chunked_bodies() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(server(&format!("{head}5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n")), ["200", "end 11"]);
    assert_eq!(
        server(&format!("{head}1\r\nx\r\n0\r\nDigest: y\r\nExpires: z\r\n\r\nHTTP/1.1 304 \r\n\r\n")),
        ["200", "end 1", "304", "end 0"]
    );
    assert_eq!(server(&format!("{head}0\n\n")), ["200", "end 0"]);
    assert_eq!(
        client(
            "PUT /a HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n"
        ),
        ["PUT /a", "end 2", "GET /b", "end 0"]
    );
}

#[test]
fn transfer_encoding_beats_content_length() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(server(&format!("{head}5\r\nhello\r\n0\r\n\r\n")), ["200", "end 5"]);
    assert_eq!(response(head, None).content_length, None);
}

#[test]
fn a_body_until_the_connection_closes() {
    let text = "HTTP/1.0 200 OK\r\n\r\nsome text";
    assert_eq!(server(text), ["200"]);
    assert_eq!(shorts(Caller::SERVER.closing(), &[bytes(text)]), ["200", "end 9"]);
    let pieces = [bytes(text), Piece::Gap(1000), bytes("more")];
    assert_eq!(shorts(Caller::SERVER.closing(), &pieces), ["200", "end 1013"]);
    let other_coding = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nzzz";
    assert_eq!(shorts(Caller::SERVER.closing(), &[bytes(other_coding)]), ["200", "end 3"]);
}

#[test]
fn responses_without_body() {
    let answer = |method, text: &str| shorts(Caller::SERVER.answering(Some(method)), &[bytes(text)]);
    let two =
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(answer(Method::Head, two), ["200", "end 0", "200", "end 0"]);
    assert_eq!(response(two, Some(Method::Head)).content_length, Some(99));
    assert_eq!(
        server("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 \r\n\r\n"),
        ["304", "end 0", "204", "end 0"]
    );
}

#[test]
fn interim_answers() {
    assert_eq!(
        server(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 \r\nContent-Length: 1\r\n\r\nx"
        ),
        ["100", "103", "201", "end 1"]
    );
}

#[test]
fn upgrades_and_connect() {
    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x01\x02";
    assert!(response(switch, Some(Method::Get)).upgraded);
    assert_eq!(server(&format!("{switch}HTTP/1.1 200 OK\r\n\r\n")), ["101", "end 0"]);
    let established = "HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x01";
    assert!(response(established, Some(Method::Connect)).upgraded);
    assert_eq!(
        shorts(Caller::SERVER.answering(Some(Method::Connect)), &[bytes(established)]),
        ["200", "end 0"]
    );
    let refused = "HTTP/1.1 407 \r\nContent-Length: 2\r\n\r\nno";
    assert_eq!(shorts(Caller::SERVER.answering(Some(Method::Connect)), &[bytes(refused)]), ["407", "end 2"]);
    assert!(
        request("GET /chat HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n")
            .upgrade
    );
}

#[test]
fn the_request_direction_of_a_tunnel_is_passed_over() {
    let mut parser = Parser::new(Side::Request);
    let head = b"CONNECT a.example:443 HTTP/1.1\r\n\r\n";
    assert!(matches!(parser.step(head, Follows::Maybe, None), Step::Message { .. }));
    parser.tunnel();
    assert!(matches!(
        parser.step(b"", Follows::Maybe, None),
        Step::Message { message: Message::End(_), consumed: 0 }
    ));
    assert_eq!(parser.step(b"GET / HTTP/1.1\r\n\r\n", Follows::Maybe, None), Step::Skip(u64::MAX));
    parser.skipped(18);
    assert_eq!(parser.gap(5), Gap::Inside);
    assert_eq!(parser.connection_end(), None);
}

#[test]
fn contradictory_lengths_lose_framing_behind_this_message() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(response(text, None).content_length, None);
    assert_eq!(server(text), ["200"]);
    let pieces = [bytes(text), bytes("hello"), bytes("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["200", "end ?~", "404", "end 0"]);
    assert_eq!(client("POST / HTTP/1.1\r\nContent-Length: nine\r\n\r\nxxxxxxxxx"), ["POST /"]);
}

#[test]
fn lenient_syntax() {
    assert_eq!(
        client("\r\n\r\nGET /a HTTP/1.1\nHost: x\n\n\nGET /b HTTP/1.1\r\n\r\n"),
        ["GET /a", "end 0", "GET /b", "end 0"]
    );
    let folded = request("GET / HTTP/1.1\r\nUser-Agent: a\r\n  b\r\nHost: h\r\n\r\n");
    assert_eq!((folded.user_agent, folded.host), (Some("a\r\n  b"), Some("h")));
    let spaced = request("GET / HTTP/1.1\r\nHost : h\r\nbroken\r\nX: \x01\r\n\r\n");
    assert_eq!(spaced.host, Some("h"));
    assert_eq!(request("GET /a b HTTP/1.1\r\n\r\n").target, "/a b");
    assert_eq!(server("HTTP/1.1 200\nContent-Length: 1\n\nx"), ["200", "end 1"]);
}

#[test]
fn a_target_that_is_not_utf8() {
    let text = b"GET /caf\xe9 HTTP/1.1\r\n\r\n";
    let Step::Message { message: Message::Request(head), .. } =
        Parser::new(Side::Request).step(text, Follows::Maybe, None)
    else {
        panic!("no request")
    };
    assert_eq!((head.target, head.target_cut, head.truncated), ("/caf", true, false));
}

#[test]
fn seventy_fields() {
    let many = (0..200).map(|i| format!("X-{i}: {i}\r\n")).collect::<Vec<_>>().concat();
    let text = format!("POST /a HTTP/1.1\r\n{many}Content-Length: 2\r\n\r\nokGET /b HTTP/1.1\r\n\r\n");
    assert_eq!(client(&text), ["POST /a", "end 2", "GET /b", "end 0"]);
    assert_eq!(request(&text).headers.get("x-199"), Some("199"));
}

#[test]
fn unknown_methods_are_believed_where_framing_leads() {
    assert_eq!(
        client("GET / HTTP/1.1\r\n\r\nBREW /pot HTTP/1.1\r\n\r\n"),
        ["GET /", "end 0", "BREW /pot", "end 0"]
    );
    assert_eq!(client("BREW /pot HTTP/1.1\r\n\r\n"), ["refused"]);
}

#[test]
fn a_head_beyond_the_limit_is_truncated() {
    let text = format!("GET /a HTTP/1.1\r\nHost: h\r\nCookie: {}\r\n\r\n", "c".repeat(MAX_HEAD));
    let log = drive(Caller::CLIENT, &[bytes(&text), bytes("GET /b HTTP/1.1\r\n\r\n")]);
    let log: Vec<_> = log.iter().map(|entry| entry.short.as_str()).collect();
    assert_eq!(log, ["GET /a~", "end ?~", "GET /b", "end 0"]);
    let head = request(&text);
    assert_eq!((head.host, head.head_bytes, head.truncated), (Some("h"), MAX_HEAD, true));
}

#[test]
fn a_gap_in_a_body_keeps_framing() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789";
    for caller in [Caller::SERVER, Caller::SERVER.holding_skips()] {
        let pieces = [bytes(head), Piece::Gap(82), bytes("12345678HTTP/1.1 204 \r\n\r\n")];
        assert_eq!(shorts(caller, &pieces), ["200", "end 100", "204", "end 0"]);
        let pieces = [bytes(head), Piece::Gap(90), bytes("HTTP/1.1 204 \r\n\r\n")];
        assert_eq!(shorts(caller, &pieces), ["200", "end 100", "204", "end 0"]);
    }
}

#[test]
fn a_gap_beyond_a_body_ends_it_and_loses_framing() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    for caller in [Caller::SERVER, Caller::SERVER.holding_skips()] {
        let pieces = [bytes(head), Piece::Gap(101), bytes("nothing"), bytes("HTTP/1.1 204 \r\n\r\n")];
        assert_eq!(shorts(caller, &pieces), ["200", "end 100", "refused", "204", "end 0"]);
    }
}

#[test]
fn a_gap_within_a_chunk_keeps_framing() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n0123456789";
    for caller in [Caller::SERVER, Caller::SERVER.holding_skips()] {
        let pieces = [bytes(head), Piece::Gap(92), bytes("0\r\n\r\nHTTP/1.1 204 \r\n\r\n")];
        assert_eq!(shorts(caller, &pieces), ["200", "end 100", "204", "end 0"]);
    }
}

#[test]
fn a_gap_over_a_chunk_boundary_ends_with_the_last_chunk_in_sight() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n0123456789";
    for caller in [Caller::SERVER, Caller::SERVER.holding_skips()] {
        let tail = [bytes(head), Piece::Gap(5000), bytes("x\r\n0\r\n\r\n")];
        assert_eq!(shorts(caller, &tail), ["200", "end ?~"]);
        let alone = [bytes(head), Piece::Gap(5000), bytes("abcdefgh"), Piece::Gap(70), bytes("0\r\n\r\n")];
        assert_eq!(shorts(caller, &alone), ["200", "end ?~"]);
        let next = [bytes(head), Piece::Gap(5000), bytes("abcdefgh"), bytes("HTTP/1.1 204 \r\n\r\n")];
        assert_eq!(shorts(caller, &next), ["200", "end ?~", "204", "end 0"]);
        let closed = [bytes(head), Piece::Gap(5000), bytes("abcdefgh")];
        assert_eq!(shorts(caller.closing(), &closed), ["200", "end ?~"]);
    }
}

#[test]
fn a_bad_chunk_loses_framing() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let pieces = [bytes(format!("{head}zz\r\n")), bytes("HTTP/1.1 204 \r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["200", "end ?~", "204", "end 0"]);
}

#[test]
fn cut_trailers() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nDig";
    let pieces = [bytes(head), Piece::Gap(30), bytes("HTTP/1.1 204 \r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["200", "end 1~", "204", "end 0"]);
}

#[test]
fn a_head_cut_by_a_gap() {
    let cut = "GET /a HTTP/1.1\r\nHost: h\r\nCookie: aaaa";
    let pieces = [bytes(cut), Piece::Gap(500), bytes("id=1\r\n\r\n"), bytes("GET /b HTTP/1.1\r\n\r\n")];
    assert_eq!(shorts(Caller::CLIENT, &pieces), ["GET /a~", "end ?~", "GET /b", "end 0"]);
    let no_tail = [bytes(cut), Piece::Gap(500), bytes("GET /b HTTP/1.1\r\n\r\n")];
    assert_eq!(shorts(Caller::CLIENT, &no_tail), ["GET /a~", "end ?~", "GET /b", "end 0"]);
    let Step::Message { message: Message::Request(head), consumed } =
        Parser::new(Side::Request).step(cut.as_bytes(), Follows::Gap, None)
    else {
        panic!("no request")
    };
    assert!(head.truncated && !head.target_cut);
    assert_eq!((consumed, head.head_bytes, head.host), (cut.len(), cut.len(), Some("h")));
    assert_eq!(head.headers.get("cookie"), None, "cut values are not shown");
}

#[test]
fn a_cut_head_whose_end_is_in_sight_keeps_its_framing() {
    let cut = |framing: &str| format!("POST /a HTTP/1.1\r\n{framing}\r\nCookie: aaaa");
    let with = |framing: &str, body: &str| {
        let pieces = [
            bytes(cut(framing)),
            Piece::Gap(500),
            bytes("id=1\r\n\r\n"),
            bytes(body),
            bytes("GET /b HTTP/1.1\r\n\r\n"),
        ];
        shorts(Caller::CLIENT, &pieces)
    };
    assert_eq!(with("Content-Length: 5", "hello"), ["POST /a~", "end 5~", "GET /b", "end 0"]);
    assert_eq!(
        with("Transfer-Encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"),
        ["POST /a~", "end 2", "GET /b", "end 0"]
    );
    let response = "HTTP/1.1 200 OK\r\nSet-Cookie: aaaa";
    let pieces = [bytes(response), Piece::Gap(500), bytes("id=1\r\n\r\n"), bytes("HTTP/1.1 204 \r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["200~", "end ?~", "204", "end 0"]);
}

#[test]
fn a_start_line_cut_by_a_gap() {
    let pieces = [bytes("GET /a/very/long/pa"), Piece::Gap(500), bytes("GET /b HTTP/1.1\r\n\r\n")];
    assert_eq!(shorts(Caller::CLIENT, &pieces), ["GET /a/very/long/pa~", "end ?~", "GET /b", "end 0"]);
    let mut parser = Parser::new(Side::Request);
    assert_eq!(parser.step(b"GE", Follows::Gap, None), Step::NotThis(Reason::CutTooEarly));
    let pieces = [bytes("HTTP/1.1 404"), Piece::Gap(500), bytes("HTTP/1.1 204 \r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["404~", "end ?~", "204", "end 0"]);
    let pieces = [bytes("HTTP/1.1 40"), Piece::Gap(500), bytes("HTTP/1.1 204 \r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["refused", "204", "end 0"]);
    let pieces = [bytes("HTTP/1.1 101 Switching"), Piece::Gap(500), bytes("HTTP/1.1 204 \r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["101~", "end ?~"]);
    let pieces = [bytes("HTTP/1.1 103 Early"), Piece::Gap(50), bytes("HTTP/1.1 204 \r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["103", "204", "end 0"]);
}

#[test]
fn starting_in_mid_stream() {
    let pieces = [bytes("some body bytes"), bytes("HTTP/1.1 204 \r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &pieces), ["refused", "204", "end 0"]);
    let together = [bytes("{}\r\n0\r\n\r\nHTTP/1.1 204 \r\nServer: x\r\n\r\n")];
    assert_eq!(shorts(Caller::SERVER, &together), ["refused", "204", "end 0"]);
}

#[test]
fn a_gap_between_messages_is_a_loss() {
    let mut parser = Parser::new(Side::Request);
    assert_eq!(parser.gap(0), Gap::Inside);
    assert_eq!(parser.gap(10), Gap::Lost);
    let pieces = [bytes("GET /a HTTP/1.1\r\n\r\n"), Piece::Gap(100), bytes("GET /b HTTP/1.1\r\n\r\n")];
    assert_eq!(shorts(Caller::CLIENT, &pieces), ["GET /a", "end 0", "GET /b", "end 0"]);
}

#[test]
fn a_response_to_an_unknown_request_may_have_no_body() {
    let unknown = Caller::SERVER.answering(None);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(shorts(unknown, &[bytes(format!("{head}ok{head}ok"))]), ["200", "end 2~", "200", "end 2~"]);
    assert_eq!(shorts(unknown, &[bytes(format!("{head}{head}ok"))]), ["200", "end 0~", "200", "end 2~"]);
    assert_eq!(shorts(unknown.closing(), &[bytes(head)]), ["200", "end 0~"]);
    let until_close = "HTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(shorts(unknown, &[bytes(format!("{until_close}{until_close}"))]), ["200", "end 0~", "200"]);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(shorts(unknown, &[bytes(format!("{chunked}0\r\n\r\n"))]), ["200", "end 0"]);
    assert_eq!(
        shorts(unknown, &[bytes(format!("{chunked}HTTP/1.1 204 \r\n\r\n"))]),
        ["200", "end ?~", "204", "end 0"]
    );
}

#[test]
fn a_body_that_100_continue_did_not_call_for() {
    let put = "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(client(&format!("{put}bodyGET /b HTTP/1.1\r\n\r\n")), ["PUT /a", "end 4", "GET /b", "end 0"]);
    assert_eq!(client(&format!("{put}GET /b HTTP/1.1\r\n\r\n")), ["PUT /a", "end 0~", "GET /b", "end 0"]);
}

#[test]
fn the_connection_ends_in_mid_message() {
    let aborted = |text: &str| shorts(Caller::SERVER.closing(), &[bytes(text)]);
    assert_eq!(aborted("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), ["200", "aborted"]);
    assert_eq!(aborted("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"), ["200", "aborted"]);
    assert_eq!(aborted("HTTP/1.1 204 \r\n\r\n"), ["204", "end 0"]);
    let mut parser = Parser::new(Side::Request);
    assert_eq!(parser.step(b"GET / HT", Follows::Maybe, None), Step::NeedMore);
    assert!(!parser.is_idle());
    assert_eq!(parser.connection_end(), None);
    assert!(parser.is_idle());
}

#[test]
fn state_is_small() {
    assert!(size_of::<Parser>() <= 64, "{}", size_of::<Parser>());
}
