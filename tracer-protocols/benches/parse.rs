//! How fast heads and bodies go by: `cargo bench -p tracer-protocols`. Prints a table; nothing here judges it.
//!
//! Each line drives a parser as the stream layer does over one buffer of many messages, so that it pays for every step: head, end and
//! skip.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use tracer_protocols::http1::{Follows, Message, Method, Parser, Side, Step, detect};
use tracer_protocols::http2;
use tracer_protocols::redact::{self, QueryValues};
use tracer_protocols::route;

const CURL: &str = "GET /api/users/42?verbose=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";
const SERVICE: &str = "POST /v1/orders HTTP/1.1\r\nHost: orders.internal:8080\r\nUser-Agent: python-requests/2.32.3\r\n\
    Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n\
    traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: ot=th:c\r\nContent-Type: application/json\r\n\
    Content-Length: 17\r\n\r\n{\"item\":\"shoe-7\"}";
const BROWSER: &str = "GET /assets/app.3f2a1b9c.js HTTP/1.1\r\nHost: www.shop.example\r\nConnection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nAccept: */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n\
    Referer: https://www.shop.example/products/42\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=all\r\n\r\n";
const NGINX: &str = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 24 Nov 2026 07:35:03 GMT\r\nContent-Type: text/html\r\n\
    Content-Length: 13\r\nLast-Modified: Tue, 24 Nov 2026 07:35:03 GMT\r\nConnection: keep-alive\r\nETag: \"6b053e27-d\"\r\n\
    Accept-Ranges: bytes\r\n\r\n<p>hello</p>\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
    10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";

/// Messages in one buffer: it stays within the first-level cache for the short ones, as freshly read events do.
const MESSAGES: usize = 64;
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(60);

fn main() {
    println!("{:34} {:>12} {:>12} {:>10}", "workload", "messages/s", "ns/message", "MB/s");
    for (name, side, message) in [
        ("request, curl", Side::Request, CURL),
        ("request, service with context", Side::Request, SERVICE),
        ("request, browser", Side::Request, BROWSER),
        ("response, nginx", Side::Response, NGINX),
        ("response, chunked", Side::Response, CHUNKED),
    ] {
        let buffer = message.repeat(MESSAGES);
        report(name, MESSAGES, buffer.len(), || {
            assert_eq!(drive(side, black_box(buffer.as_bytes())), MESSAGES);
        });
    }
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-Header: value\r\n".repeat(100));
    report("request, 100 fields (slow path)", 1, many.len(), || {
        assert_eq!(drive(Side::Request, black_box(many.as_bytes())), 1);
    });
    let stream = [&[0, 0, 8, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 0x03][..], b"a.b"].concat();
    let stream = stream.repeat(MESSAGES);
    report("HTTP/2 request", MESSAGES, stream.len(), || {
        assert_eq!(drive2(black_box(&stream)), MESSAGES);
    });
    report("request cut by a gap", 1, BROWSER.len(), || {
        let mut parser = Parser::new(Side::Request);
        black_box(parser.step(black_box(&BROWSER.as_bytes()[..512]), Follows::Gap, None));
    });
    report("detect, request", 1, CURL.len(), || {
        black_box(detect(black_box(CURL.as_bytes())));
    });
    report("detect, TLS", 1, 64, || {
        black_box(detect(black_box(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])));
    });
    let mut out = String::with_capacity(256);
    let path = "/api/v1/users/550e8400-e29b-41d4-a716-446655440000/orders/1234";
    report("route guess", 1, path.len(), || {
        out.clear();
        route::guess(black_box(path), &mut out);
        black_box(&out);
    });
    let query = "q=running+shoes&page=2&session=0123456789abcdef";
    report("query redaction", 1, query.len(), || {
        out.clear();
        redact::query(black_box(query), QueryValues::default(), &mut out);
        black_box(&out);
    });
}

/// Requests of frames that follow one another.
fn drive2(mut bytes: &[u8]) -> usize {
    let mut parser = http2::Parser::new();
    let mut requests = 0;
    loop {
        match parser.step(bytes, Follows::Maybe) {
            Step::Message { message, consumed } => {
                requests += usize::from(matches!(message, http2::Message::Request(..)));
                bytes = &bytes[consumed..];
            }
            _ => return requests,
        }
    }
}

/// Heads in `bytes`.
fn drive(side: Side, mut bytes: &[u8]) -> usize {
    let mut parser = Parser::new(side);
    let mut heads = 0;
    loop {
        match parser.step(bytes, Follows::Maybe, Some(Method::Get)) {
            Step::Message { message, consumed } => {
                heads += usize::from(!matches!(message, Message::End(_)));
                black_box(&message);
                bytes = &bytes[consumed..];
            }
            Step::Skip(n) => {
                let now = n.min(bytes.len() as u64);
                if now == 0 {
                    return heads;
                }
                parser.skipped(now);
                bytes = &bytes[now as usize..];
            }
            Step::NeedMore | Step::NotThis(_) => return heads,
        }
    }
}

/// Prints the best of several rounds of `work`, the one least disturbed, which handles so many messages and bytes.
fn report(name: &str, messages: usize, bytes: usize, mut work: impl FnMut()) {
    let seconds = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let mut runs = 0u32;
            while start.elapsed() < ROUND {
                for _ in 0..64 {
                    work();
                }
                runs += 64;
            }
            start.elapsed().as_secs_f64() / f64::from(runs)
        })
        .fold(f64::INFINITY, f64::min);
    let per_second = messages as f64 / seconds;
    println!("{name:34} {per_second:12.0} {:12.1} {:10.0}", 1e9 / per_second, bytes as f64 / seconds / 1e6);
}
