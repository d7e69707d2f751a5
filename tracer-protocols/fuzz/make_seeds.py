#!/usr/bin/env python3
"""Writes the seeds of the fuzz target `http1` into corpus/http1: recorded connections, and small inputs for what no
recording holds. The format is that of `replay` in ../tests/common/mod.rs.
"""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.join(HERE, "..", "testdata", "http1")
OUT = os.path.join(HERE, "corpus", "http1")

REQUEST, RESPONSE = 0, 1
UNKNOWN, GET, HEAD, CONNECT = 0 << 1, 1 << 1, 2 << 1, 3 << 1
HOLDS_SKIPS, CLOSES = 8, 16
SPLIT = b"\xfe"


def gap(n):
    """A gap of n * n bytes."""
    return bytes([0xFF, n])


def recorded(name, side):
    with open(os.path.join(TESTDATA, f"{name}.{side}.bin"), "rb") as data:
        return data.read().replace(b"\xff", b"").replace(b"\xfe", b"")


TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = b"HTTP/1.1 204 No Content\r\n\r\n"
SEEDS = {
    "pipelined_requests": (REQUEST, recorded("nginx-pipelined", "request")),
    "keepalive_responses": (RESPONSE | GET, recorded("nginx-keepalive", "response")[:700]),
    "head_responses": (RESPONSE | HEAD, recorded("nginx-head", "response")),
    "head_responses_unknown_method": (RESPONSE | UNKNOWN | CLOSES, recorded("nginx-head", "response")),
    "trailers": (RESPONSE | GET | HOLDS_SKIPS, recorded("node-trailers", "response")),
    "early_hints": (RESPONSE | GET, recorded("node-early-hints", "response")),
    "upgrade": (RESPONSE | GET, recorded("node-upgrade", "response")),
    "connect": (RESPONSE | CONNECT, recorded("node-connect", "response")),
    "expect_request": (REQUEST, recorded("node-expect", "request")),
    "chunked_upload": (REQUEST | CLOSES, recorded("node-chunked-upload", "request")),
    "until_close": (RESPONSE | GET | CLOSES, recorded("python-until-close", "response")),
    "split_everywhere": (RESPONSE | GET, SPLIT.join(bytes([b]) for b in CHUNKED + b"1\r\nx\r\n0\r\n\r\n" + NEXT)),
    "cut_request_head": (REQUEST, b"GET /a HTTP/1.1\r\nCookie: a" + gap(20) + b"id=1\r\n\r\n" + SPLIT + b"GET /b HTTP/1.1\r\n\r\n"),
    "cut_request_line": (REQUEST | HOLDS_SKIPS, b"GET /a/long/pa" + gap(9) + b"GET /b HTTP/1.1\r\n\r\n"),
    "cut_status_line": (RESPONSE | GET, b"HTTP/1.1 200" + gap(9) + NEXT),
    "gap_within_chunk": (RESPONSE | GET, CHUNKED + b"64\r\n" + gap(10) + b"\r\n0\r\n\r\n" + NEXT),
    "gap_over_chunks": (RESPONSE | GET, CHUNKED + b"64\r\nabc" + gap(100) + b"x\r\n0\r\n\r\n" + SPLIT + NEXT),
    "gap_over_chunks_then_close": (RESPONSE | GET | CLOSES | HOLDS_SKIPS, CHUNKED + b"64\r\nabc" + gap(100) + b"abcdefgh"),
    "gap_beyond_length": (RESPONSE | GET | HOLDS_SKIPS, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + gap(10) + NEXT),
    "contradictory_lengths": (REQUEST, b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" + SPLIT + b"GET / HTTP/1.1\r\n\r\n"),
    "bad_chunk": (RESPONSE | GET, CHUNKED + b"zz\r\n" + SPLIT + NEXT),
    "lenient_lines": (REQUEST, b"\r\n\nGET /a HTTP/1.1\nHost: h\r\n fold\n\nBREW /b HTTP/1.0\r\n\r\n"),
    "context_w3c": (REQUEST, b"GET / HTTP/1.1\r\ntraceparent: 00-" + TRACE + b"-" + SPAN + b"-01\r\ntracestate: a=1\r\nTracestate: ot=th:c\r\nbaggage: key=a%20b;p, c = d\r\n\r\n"),
    "context_b3": (REQUEST, b"GET / HTTP/1.1\r\nb3: " + TRACE + b"-" + SPAN + b"-d-" + SPAN + SPLIT + b"\r\n\r\nGET / HTTP/1.1\r\nB3: 0\r\n\r\n"),
    "context_b3_multi": (REQUEST, b"GET / HTTP/1.1\r\nX-B3-TraceId: " + SPAN + b"\r\nX-B3-SpanId: " + SPAN + b"\r\nX-B3-Sampled: 0\r\nX-B3-Flags: 1\r\n\r\n"),
    "context_jaeger": (REQUEST, b"GET / HTTP/1.1\r\nuber-trace-id: 1f%3A2:0:1\r\nuberctx-key: %61\r\n\r\n"),
    "context_xray": (REQUEST, b"GET / HTTP/1.1\r\nX-Amzn-Trace-Id: Self=1;Root=1-5759e988-bd862e3fe1be46a994272793; Parent=" + SPAN + b";Sampled=?\r\n\r\n"),
    "context_custom": (REQUEST, b"GET / HTTP/1.1\r\nX-Trace-Id: 0AF76519-16CD-43DD-8448-EB211C80319C\r\nX-Span-Id: " + SPAN + b"\r\nX-Baggage-Key: v\r\n\r\n"),
    "context_contradictory": (REQUEST, b"GET / HTTP/1.1\r\nb3: " + TRACE + b"-" + SPAN + b"\r\nX-B3-TraceId: " + SPAN + b"\r\nX-B3-SpanId: " + SPAN + b"\r\nuber-trace-id: 1:2:0:1\r\n\r\n"),
    "not_http": (REQUEST, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SPLIT + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
}

os.makedirs(OUT, exist_ok=True)
for name, (flags, data) in SEEDS.items():
    with open(os.path.join(OUT, name), "wb") as out:
        out.write(bytes([flags]) + data)
