//! The hot path allocates nothing: heads, bodies, gaps and losses alike.

#[path = "common/frames.rs"]
mod frames;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tracer_protocols::{
    amqp,
    context::{Extractor, Format, HeaderPair},
    fastcgi,
    http1::{Follows, Message, Method, Parser, Side, Step},
    kafka, memcached, mongodb, mqtt, mysql, nats, postgres, redis,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting touches a thread-local that needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn drive(side: Side, mut bytes: &[u8], follows: Follows) -> usize {
    let mut parser = Parser::new(side);
    let mut messages = 0;
    loop {
        match parser.step(bytes, follows, Some(Method::Get)) {
            Step::Message { consumed, .. } => {
                messages += 1;
                bytes = &bytes[consumed..];
            }
            Step::Skip(n) => {
                let now = n.min(bytes.len() as u64);
                if now == 0 {
                    break;
                }
                parser.skipped(now);
                bytes = &bytes[now as usize..];
            }
            Step::NotThis(_) => match parser.resync(bytes) {
                Some(at) => bytes = &bytes[at..],
                None => break,
            },
            Step::NeedMore => break,
        }
    }
    parser.gap(100);
    messages + usize::from(parser.connection_end().is_some())
}

#[test]
fn nothing_is_allocated() {
    let many = format!("GET /many HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(100));
    let cases: [(Side, &[u8], Follows, usize); 6] = [
        (
            Side::Request,
            b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nokGET / HTTP/1.1\r\n\r\n",
            Follows::Maybe,
            4,
        ),
        (Side::Request, many.as_bytes(), Follows::Maybe, 2),
        (Side::Request, b"GET /cut HTTP/1.1\r\nCookie: a", Follows::Gap, 2),
        (
            Side::Response,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
            Follows::Maybe,
            2,
        ),
        (
            Side::Response,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n0\r\n\r\n",
            Follows::Maybe,
            2,
        ),
        (Side::Response, b"{}\r\nHTTP/1.1 204 \r\nA: b\r\n\r\n", Follows::Maybe, 2),
    ];
    for (side, bytes, follows, expected) in cases {
        let before = ALLOCATIONS.with(Cell::get);
        let messages = drive(side, bytes, follows);
        let after = ALLOCATIONS.with(Cell::get);
        assert_eq!((messages, after - before), (expected, 0), "{}", bytes.escape_ascii());
    }
}

/// HTTP/2 keeps a table and a block, which grow to what a connection needs. From then on nothing is allocated.
#[test]
fn a_connection_of_http2_allocates_while_its_table_grows() {
    use frames::{END_HEADERS, END_STREAM, PREFACE, frame, literal};
    use tracer_protocols::http2;

    let request = |number: u32| {
        let path = literal(":path", &format!("/orders/{number:06}"), true);
        frame(1, END_HEADERS | END_STREAM, 2 * number + 1, &[&[0x82, 0x86][..], &path].concat())
    };
    let mut parser = http2::Parser::new();
    let mut run = |mut bytes: &[u8]| {
        let mut heads = 0;
        loop {
            match parser.step(bytes, Follows::Maybe) {
                Step::Message { message, consumed } => {
                    heads += usize::from(matches!(message, http2::Message::Request(..)));
                    bytes = &bytes[consumed..];
                }
                Step::Skip(n) => {
                    parser.skipped(n);
                    bytes = &bytes[n as usize..];
                }
                Step::NeedMore | Step::NotThis(_) => return heads,
            }
        }
    };
    run(PREFACE);
    for number in 0..1000 {
        run(&request(number));
    }
    let requests: Vec<_> = (1000..2000).map(request).collect();
    let before = ALLOCATIONS.with(Cell::get);
    let heads: usize = requests.iter().map(|bytes| run(bytes)).sum();
    assert_eq!((heads, ALLOCATIONS.with(Cell::get) - before), (1000, 0));
}

/// What is read of the context of a request, in allocations and whether there was any.
fn extracted(extractor: &Extractor, bytes: &[u8]) -> (usize, bool) {
    let mut parser = Parser::new(Side::Request);
    let Step::Message { message: Message::Request(head), .. } = parser.step(bytes, Follows::Maybe, None)
    else {
        panic!("no request: {}", bytes.escape_ascii());
    };
    let before = ALLOCATIONS.with(Cell::get);
    let found = extractor.context(&head).is_some();
    drop(extractor.baggage(&head));
    (ALLOCATIONS.with(Cell::get) - before, found)
}

#[test]
fn contexts_are_read_without_allocating() {
    let formats = [Format::W3c, Format::B3, Format::Jaeger, Format::Xray, Format::Baggage];
    let pair = HeaderPair::new("x-trace-id", "x-span-id", None).unwrap();
    let usual = Extractor::new(&formats, vec![], &[]);
    let custom = Extractor::new(&formats, vec![pair], &[]);
    let baggage = Extractor::new(&formats, vec![], &["user".to_owned()]);
    let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
    let plain = "GET / HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n";
    for extractor in [&usual, &custom, &baggage] {
        assert_eq!(extracted(extractor, plain.as_bytes()), (0, false));
        for header in [
            format!("traceparent: 00-{ids}-01"),
            format!("b3: {ids}"),
            "uber-trace-id: 1%3A2%3A0%3A1".to_owned(),
            "X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8".to_owned(),
        ] {
            let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{header}\r\n\r\n");
            assert_eq!(extracted(extractor, request.as_bytes()), (0, true), "{header}");
        }
    }
}

/// The messages that a parser sees in some bytes; what else its steps take follows.
macro_rules! count {
    ($parser:ident, $bytes:expr $(, $more:expr)?) => {
        count($bytes, |bytes, skipped| {
            $parser.skipped(skipped);
            $parser.step(bytes, Follows::Maybe $(, $more)?).map(drop)
        })
    };
}

#[test]
fn databases_are_read_without_allocating() {
    let before = ALLOCATIONS.with(Cell::get);
    let mut messages = 0;
    let (mut commands, mut replies) = (redis::Requests::default(), redis::Replies::default());
    let (mut requests, mut answers) = (postgres::Requests::default(), postgres::Answers::default());
    let (mut keys, mut values) = (memcached::Requests::default(), memcached::Replies::default());
    let (mut finds, mut found) = (mongodb::Requests::default(), mongodb::Answers::default());
    let (mut statements, mut results) = (mysql::Requests::default(), mysql::Answers::default());
    for _ in 0..1000 {
        messages += count!(keys, b"get a\r\n");
        messages += count!(values, b"ERROR\r\n");
        let ping = b"\x24\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x0f\0\0\0\x10ping\0\x01\0\0\0\0";
        messages += count!(finds, ping);
        let ok = b"\x24\0\0\0\x01\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0\x0f\0\0\0\x10okay\0\x01\0\0\0\0";
        messages += count!(found, ok);
        messages += count!(statements, b"\x09\0\0\0\x03SELECT 1");
        messages += count!(results, b"\x07\0\0\x01\0\x01\0\x02\0\0\0", Some(mysql::Expects::Results));
        messages += count!(commands, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
        messages += count!(replies, b"*2\r\n$1\r\na\r\n-ERR b\r\n");
        messages += count!(requests, b"Q\0\0\0\x0dSELECT 1\0");
        messages += count!(answers, b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I");
    }
    assert_eq!((messages, ALLOCATIONS.with(Cell::get) - before), (15_000, 0));
}

#[test]
fn brokers_are_read_without_allocating() {
    let before = ALLOCATIONS.with(Cell::get);
    let mut messages = 0;
    let (mut requests, mut responses) = (kafka::Requests::default(), kafka::Responses::default());
    let (mut frames, mut parser, mut packets) =
        (amqp::Frames::default(), nats::Parser::default(), mqtt::Packets::default());
    for _ in 0..1000 {
        messages += count!(requests, b"\0\0\0\x0e\0\x01\0\x04\0\0\0\x01\0\x04shop");
        messages += count!(responses, b"\0\0\0\x06\0\0\0\x01\0\0");
        messages += count!(frames, b"\x01\0\x01\0\0\0\x09\0\x3c\0\x28\0\0\0\0\0\xce");
        messages += count!(parser, b"PUB a 5\r\nhello\r\n");
        messages += count!(packets, b"\x30\x04\0\x01ab");
    }
    assert_eq!((messages, ALLOCATIONS.with(Cell::get) - before), (5000, 0));
}

#[test]
fn fastcgi_is_read_without_allocating() {
    let before = ALLOCATIONS.with(Cell::get);
    let (mut requests, mut answers) = (fastcgi::Requests::default(), fastcgi::Answers::default());
    let mut messages = 0;
    for _ in 0..1000 {
        let request = b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0\x01\x04\0\x01\0\x04\0\0\x01\x01ab\x01\x05\0\x01\0\0\0\0";
        messages += count!(requests, request);
        let answer = b"\x01\x06\0\x01\0\x08\0\0X: y\r\n\r\n\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
        messages += count!(answers, answer);
    }
    assert_eq!((messages, ALLOCATIONS.with(Cell::get) - before), (3000, 0));
}

/// The messages in `bytes`; `step` is told how many bytes were just skipped.
fn count(mut bytes: &[u8], mut step: impl FnMut(&[u8], u64) -> Step<()>) -> usize {
    let (mut messages, mut skipped) = (0, 0);
    loop {
        match step(bytes, skipped) {
            Step::Message { consumed, .. } => {
                messages += 1;
                (bytes, skipped) = (&bytes[consumed..], 0);
            }
            Step::Skip(n) => (bytes, skipped) = (&bytes[n as usize..], n),
            Step::NeedMore | Step::NotThis(_) => return messages,
        }
    }
}
