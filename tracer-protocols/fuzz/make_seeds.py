#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into corpus/TARGET: recorded connections, and small inputs for what no
recording holds. The format is that of `replay` in ../tests/common/TARGET.rs.
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


# HTTP/2: one byte for the caller (1 holds skips, 2 closes).
def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def recorded2(name, side):
    with open(os.path.join(HERE, "..", "testdata", "http2", f"{name}.{side}.bin"), "rb") as data:
        # Bytes that mean something else here: frames that hold them are refused from there on.
        return data.read().replace(b"\xff", b"\x7f").replace(b"\xfe", b"\x7e")


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = b"\x82\x86\x84"
WHOLE = 5
SEEDS2 = {
    "nghttp_requests": (2, recorded2("nghttp", "request")),
    "nghttp_responses": (3, recorded2("nghttp", "response")),
    "grpcio_requests": (2, recorded2("grpcio", "request")),
    "grpcio_responses": (0, recorded2("grpcio", "response")),
    "split_everywhere": (0, SPLIT.join(bytes([b]) for b in PREFACE + frame(1, WHOLE, 1, GET) + frame(0, 1, 3, b"xy"))),
    "padding_and_priority": (0, PREFACE + frame(1, 0x2D, 1, b"\x02\0\0\0\0\x10" + GET + b"\0\0") + frame(0, 9, 1, b"\x01ab\0")),
    "continuation": (0, frame(1, 1, 1, GET) + frame(9, 0, 1, b"\x40\x01a") + frame(9, 4, 1, b"\x01b") + frame(1, WHOLE, 3, b"\x82\xbe")),
    "continuation_of_nothing": (0, frame(9, 4, 1, GET) + frame(1, WHOLE, 3, GET)),
    "interrupted_block": (0, frame(1, 1, 1, GET) + frame(6, 0, 0, b"\0" * 8) + frame(1, WHOLE, 3, GET)),
    "unknown_entries": (0, frame(1, WHOLE, 7, b"\xbf\x82\xc0\x7f\x01\x01a\xbe")),
    "resized_table": (0, frame(1, WHOLE, 1, b"\x20\x3f\xe1\x1f\x40\x01a\x01b\xbe")),
    "huffman": (0, frame(1, WHOLE, 1, GET + b"\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\x7f")),
    "gap_in_body": (1, frame(1, 4, 1, b"\x88") + b"\0\x27\x10\0\x01\0\0\0\x01" + gap(100) + frame(1, WHOLE, 3, b"\x8d")),
    "gap_in_block": (0, frame(1, WHOLE, 1, GET + b"\x40" * 40)[:15] + gap(6) + SPLIT + frame(8, 0, 0, b"\0\0\0\x01") + frame(1, WHOLE, 3, GET)),
    "gap_between_frames": (0, frame(1, WHOLE, 1, GET) + gap(9) + b"lost" + gap(3) + frame(6, 1, 0, b"\0" * 8) + frame(1, WHOLE, 3, GET)),
    "resets": (0, frame(4, 0, 0) + frame(3, 0, 5, b"\0\0\0\x08") + frame(7, 0, 0, b"\0\0\0\x03\0\0\0\0bye")),
    "trailers": (2, frame(1, 4, 1, b"\x88") + frame(0, 0, 1, b"hello") + frame(1, WHOLE, 1, b"\x40\x0bgrpc-status\x010")),
    "push_promise": (0, frame(5, 4, 1, b"\0\0\0\x02" + GET) + frame(1, WHOLE, 1, b"\x88")),
    "bad_lengths": (0, frame(3, 0, 1, b"\0") + SPLIT + frame(1, WHOLE, 3, GET)),
    "not_http2": (0, b"\x16\x03\x01\x02\0\x01\0\x01" + SPLIT + b"GET / HTTP/1.1\r\n\r\n"),
}

OUT2 = os.path.join(HERE, "corpus", "http2")
os.makedirs(OUT2, exist_ok=True)
for name, (flags, data) in SEEDS2.items():
    with open(os.path.join(OUT2, name), "wb") as out:
        out.write(bytes([flags]) + data)


# FastCGI and databases: one byte for the caller (1 holds skips, 2: the client's side).
def write(target, seeds):
    out_dir = os.path.join(HERE, "corpus", target)
    os.makedirs(out_dir, exist_ok=True)
    for name, (flags, data) in seeds.items():
        with open(os.path.join(out_dir, name), "wb") as out:
            out.write(bytes([flags]) + data)


def record(kind, content=b"", padding=0, request=1):
    head = bytes([1, kind]) + request.to_bytes(2, "big") + len(content).to_bytes(2, "big") + bytes([padding, 0])
    return head + content + b"\0" * padding


def params(**values):
    return b"".join(
        bytes([len(name)]) + (len(value) | 1 << 31).to_bytes(4, "big") + name.encode() + value if len(value) > 127
        else bytes([len(name), len(value)]) + name.encode() + value
        for name, value in values.items())


BEGIN, FIN, NO_MORE = record(1, b"\0\1\0\0\0\0\0\0"), record(3, b"\0" * 8), record(4)
ASKED = params(QUERY_STRING=b"a=1", REQUEST_METHOD=b"GET", REQUEST_URI=b"/a?a=1", SERVER_NAME=b"h", SERVER_PORT=b"80")
BODY = NO_MORE + record(5)
ASK = BEGIN + record(4, ASKED, 3) + BODY
HTML = b"Content-type: text/html\r\n\r\n" + b"x" * 40
write("fastcgi", {
    "request": (2, ASK),
    "kept": (2, ASK * 3),
    "held": (3, ASK * 2),
    "split_everywhere": (2, SPLIT.join(bytes([b]) for b in ASK)),
    "upload": (2, BEGIN + record(4, params(REQUEST_METHOD=b"POST", CONTENT_LENGTH=b"900", CONTENT_TYPE=b"text/plain")) + NO_MORE + record(5, b"x" * 900, 4) + record(5) + ASK),
    "upload_gap": (2, BEGIN + record(4, ASKED) + NO_MORE + record(5, b"x" * 500)[:108] + gap(20) + record(5) + ASK),
    "headers": (2, BEGIN + record(4, params(REQUEST_METHOD=b"GET", SCRIPT_NAME=b"/b", QUERY_STRING=b"c", HTTPS=b"on", HTTP_HOST=b"h", HTTP_USER_AGENT=b"curl", HTTP_TRACEPARENT=b"00-" + TRACE + b"-" + SPAN + b"-01", HTTP_X_A=b"b\r\nc"))),
    "long_value": (2, BEGIN + record(4, params(HTTP_COOKIE=b"c" * 5000, REQUEST_URI=b"/late")) + BODY + ASK),
    "cut_params": (2, BEGIN + record(4, ASKED)[:40] + gap(9) + ASK),
    "cut_begin": (2, BEGIN[:11] + gap(2) + ASK),
    "cut_behind_begin": (2, BEGIN + b"\1\4\0" + gap(9) + SPLIT + ASK),
    "no_params": (2, BEGIN + record(5) + ASK),
    "aborted": (2, ASK + record(2) + record(9, params(FCGI_MPXS_CONNS=b""), request=0) + record(8, b"data")),
    "bad_lengths": (2, BEGIN + record(4, b"\xff\xff\xff\xff\xff\xff\xff\xffab") + BODY),
    "no_length": (2, BEGIN + record(4, b"\xff\xff")),
    "not_fastcgi": (2, b"\x01\x00\x00\x00\x01" + SPLIT + ASK),
    "answer": (0, record(6, HTML, 2) + FIN),
    "status": (0, record(6, b"Status: 404 Not Found\r\nX: y\r\n\r\n") + record(6) + FIN),
    "redirect": (0, record(6, b"Location: /b\n\n") + FIN),
    "no_head": (0, record(6, b"x" * 2000) + FIN + record(6, HTML) + FIN),
    "warning": (0, record(7, b"PHP Warning: x", 2) + record(6, HTML) + FIN),
    "refused": (0, record(3, b"\0\0\0\0\2\0\0\0") + record(11, b"\x63" + b"\0" * 7, request=0)),
    "split_answers": (0, SPLIT.join(bytes([b]) for b in record(6, HTML) + FIN + record(6, HTML) + FIN)),
    "hidden_end": (0, record(6, HTML + b"y" * 492)[:69 + 8] + gap(22) + FIN[8:] + record(6, HTML) + FIN),
    "hidden_end_held": (1, record(6, b"x" * 101)[:9] + gap(10) + b"\0" * 8 + record(6, HTML) + FIN),
    "hidden_nothing": (0, record(6, HTML) + gap(2) + b"zz" + gap(3) + b"late" + FIN),
    "cut_status": (0, record(6, b"X: y\r\n" + b"z" * 93)[:12] + gap(10) + FIN),
    "found_again": (0, record(6, HTML) + gap(9) + b"tail" + FIN + record(6, HTML) + FIN),
})


def name(text):
    return b"".join(bytes([len(label)]) + label for label in text.split(b".")) + b"\0"


def dns(flags, question, answers=b"", count=0, record=1, extra=b""):
    head = b"\x12\x34" + flags.to_bytes(2, "big") + b"\0\1" + count.to_bytes(2, "big") + b"\0\0" + bytes([0, len(extra) and 1])
    return head + question + record.to_bytes(2, "big") + b"\0\1" + answers + extra


def answer(owner, record, data, seconds=60):
    return owner + record.to_bytes(2, "big") + b"\0\1" + seconds.to_bytes(4, "big") + len(data).to_bytes(2, "big") + data


def sized(data):
    return len(data).to_bytes(2, "big") + data


EXAMPLE, BACK = name(b"www.example.org"), b"\xc0\x0c"
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
QUERY, ADDRESS = sized(dns(0x100, EXAMPLE, extra=OPT)), answer(BACK, 1, b"\xc0\0\2\1")
write("dns", {
    "query": (2, QUERY),
    "datagram": (2, dns(0x100, EXAMPLE)),
    "pipelined": (2, QUERY + sized(dns(0x100, EXAMPLE, record=28))),
    "split_everywhere": (2, SPLIT.join(bytes([b]) for b in QUERY)),
    "held": (3, QUERY * 2),
    "answer": (0, sized(dns(0x8180, EXAMPLE, ADDRESS, 1))),
    "datagram_answer": (0, dns(0x8180, EXAMPLE, ADDRESS, 1)),
    "aaaa": (0, sized(dns(0x8180, EXAMPLE, answer(BACK, 28, b"\x20\1" + b"\0" * 14), 1, record=28))),
    "cname": (0, sized(dns(0x8180, EXAMPLE, answer(BACK, 5, name(b"a.b")) + answer(name(b"a.b"), 1, b"\x7f\0\0\1"), 2))),
    "nxdomain": (0, sized(dns(0x8183, EXAMPLE))),
    "servfail": (0, sized(dns(0x8182, EXAMPLE))),
    "truncated": (0, dns(0x8380, EXAMPLE)),
    "many": (0, sized(dns(0x8180, EXAMPLE, ADDRESS * 60, 60))),
    "cut_answer": (0, sized(dns(0x8180, EXAMPLE, ADDRESS * 60, 60))[:200] + gap(28)),
    "gap_in_answer": (0, sized(dns(0x8180, EXAMPLE, ADDRESS * 40, 40))[:273] + gap(20) + QUERY),
    "root": (2, sized(dns(0x100, b"\0", record=2))),
    "escapes": (2, sized(dns(0x100, b"\3a.b\2\x01\\\0"))),
    "circle": (0, sized(dns(0x8180, b"\xc0\x0c"))),
    "forward": (0, sized(dns(0x8180, b"\xc0\x40" + b"\0" * 60))),
    "long_label": (0, sized(dns(0x8180, b"\x7fabc"))),
    "long_name": (0, sized(dns(0x8180, (b"\x3f" + b"a" * 63) * 5 + b"\0"))),
    "transfer": (2, sized(dns(0x2800, EXAMPLE)) + QUERY),
    "two_questions": (2, sized(b"\0\1\1\0\0\2\0\0\0\0\0\0" + EXAMPLE) + QUERY),
    "short": (2, b"\0\3abc" + SPLIT + QUERY),
    "unknown_type": (2, sized(dns(0x100, EXAMPLE, record=32769))),
})


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


GET_KEY = command(b"GET", b"key")
write("redis", {
    "get": (2, GET_KEY),
    "lower_case": (2, command(b"get", b"key")),
    "pipeline": (2, GET_KEY + command(b"SET", b"a", b"b") + command(b"PING")),
    "transaction": (2, command(b"MULTI") + command(b"INCR", b"a") + command(b"EXEC")),
    "client_reply": (2, command(b"CLIENT", b"REPLY", b"OFF") + GET_KEY),
    "client_setinfo": (2, command(b"CLIENT", b"SETINFO", b"LIB-NAME", b"redis-py")),
    "empty_value": (2, command(b"SET", b"a", b"") + GET_KEY),
    "split_everywhere": (2, SPLIT.join(bytes([b]) for b in command(b"SET", b"a", b"bc") + GET_KEY)),
    "gap_in_value": (2, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$400\r\n" + gap(20) + b"\r\n" + GET_KEY),
    "gap_in_value_held": (3, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$400\r\n" + gap(20) + b"\r\n" + GET_KEY),
    "gap_over_arguments": (2, b"*9\r\n$5\r\nRPUSH\r\n$1\r\na\r\n" + gap(20) + GET_KEY),
    "cut_head": (2, b"*2\r\n$3\r\nGE" + gap(3) + GET_KEY),
    "no_command": (2, command(b"made", b"up") + SPLIT + b"*0\r\n" + SPLIT + GET_KEY),
    "inline": (2, b"PING\r\n" + SPLIT + GET_KEY),
    "simple_replies": (0, b"+OK\r\n:1\r\n_\r\n#t\r\n,1.5\r\n(3492890328409238509324850943850943825024385\r\n"),
    "errors": (0, b"-WRONGTYPE Operation\r\n-ERR unknown\r\n!21\r\nSYNTAX invalid syntax\r\n-lower case\r\n"),
    "nothing": (0, b"$-1\r\n*-1\r\n$0\r\n\r\n*0\r\n"),
    "nested": (0, b"*2\r\n*2\r\n$1\r\na\r\n:1\r\n%1\r\n+a\r\n~1\r\n+b\r\n+OK\r\n"),
    "push": (0, b">2\r\n$7\r\nmessage\r\n$1\r\na\r\n+OK\r\n"),
    "attribute": (0, b"|1\r\n+ttl\r\n:3600\r\n$1\r\na\r\n+OK\r\n"),
    "long_line": (0, b"+" + b"a" * 700 + b"\r\n-ERR " + b"b" * 700 + b"\r\n+OK\r\n"),
    "split_replies": (0, SPLIT.join(bytes([b]) for b in b"*2\r\n$3\r\nabc\r\n-ERR a\r\n+OK\r\n")),
    "gap_in_reply": (1, b"$900\r\nabc" + gap(29) + b"x" * 56 + b"\r\n+OK\r\n"),
    "gap_over_values": (0, b"*9\r\n$1\r\na\r\n" + gap(9) + b"+OK\r\n"),
})


def message(tag, body=b""):
    return tag + (len(body) + 4).to_bytes(4, "big") + body


def startup(version, body=b""):
    return (len(body) + 8).to_bytes(4, "big") + version.to_bytes(4, "big") + body


PARSE = message(b"P", b"s1\0SELECT $1\0\0\0")
BIND = message(b"B", b"\0s1\0\0\0\0\x01\0\0\0\x017\0\0")
EXECUTE, SYNC, READY = message(b"E", b"\0\0\0\0\0"), message(b"S"), message(b"Z", b"I")
QUERY = message(b"Q", b"SELECT 1\0")
ERROR = message(b"E", b"SERROR\0VERROR\0C42P01\0Mrelation\0\0")
ROW = message(b"D", b"\0\x01\0\0\0\x017")
write("postgres", {
    "startup": (2, startup(196608, b"user\0me\0database\0shop\0\0") + message(b"p", b"secret\0") + QUERY),
    "startup_user_alone": (2, startup(196610, b"user\0me\0\0") + QUERY),
    "ssl_refused": (2, startup(80877103) + startup(196608, b"user\0me\0\0") + QUERY),
    "cancel": (2, startup(80877102, b"\0\0\0\x01\0\0\0\x02")),
    "query": (2, QUERY + message(b"X")),
    "extended": (2, PARSE + BIND + message(b"D", b"P\0") + EXECUTE + SYNC),
    "pipelined": (2, (BIND + EXECUTE + SYNC) * 3),
    "close": (2, message(b"C", b"Ss1\0") + message(b"C", b"P\0") + SYNC),
    "copy_in": (2, message(b"Q", b"COPY a FROM STDIN\0") + message(b"d", b"1\t2\n" * 9) + message(b"c")),
    "long_statement": (2, message(b"Q", b"SELECT " + b"1," * 2000 + b"1\0") + QUERY),
    "split_everywhere": (2, SPLIT.join(bytes([b]) for b in PARSE + BIND + EXECUTE + SYNC)),
    "gap_in_statement": (3, b"Q\0\0\x01\x9eSELECT" + gap(20) + b"end\0" + QUERY),
    "gap_over_messages": (2, PARSE + gap(20) + b"\0\0\0" + SYNC + SPLIT + QUERY),
    "cut_header": (2, b"Q\0\0" + gap(2) + QUERY),
    "not_postgres": (2, b"GET / HTTP/1.1\r\n\r\n" + SPLIT + QUERY),
    "bad_length": (2, b"Q\0\0\0\x01SELECT" + SPLIT + QUERY),
    "rows": (0, message(b"T", b"\0\x01a\0") + ROW * 5 + message(b"C", b"SELECT 5\0") + READY),
    "error": (0, ERROR + READY),
    "notice": (0, message(b"N", b"C00000\0\0") + message(b"A", b"\0\0\0\x01ch\0\0") + message(b"C", b"LISTEN\0") + READY),
    "greeting": (0, message(b"R", b"\0\0\0\0") + message(b"S", b"a\0b\0") + message(b"K", b"\0" * 8) + READY),
    "gap_over_rows": (0, ROW * 3 + gap(30) + b"4\0" + READY),
    "gap_over_rows_held": (1, ROW + b"D\0\0\x03\x84" + gap(30) + READY),
    "split_answers": (0, SPLIT.join(bytes([b]) for b in ERROR + READY)),
    "long_error": (0, message(b"E", b"M" + b"x" * 400 + b"\0C42P01\0\0") + READY),
})


# MySQL: as those of databases; bits 2 to 4 say what answers are expected (see ../tests/common/mysql.rs).
def literal(data):
    """Bytes that mean themselves."""
    return data.replace(b"\xff", b"\xff\xff").replace(b"\xfe", b"\xff\xfe")


def packet(number, body):
    return literal(len(body).to_bytes(3, "little") + bytes([number]) + body)


def packets(first, *bodies):
    return b"".join(packet(first + at, body) for at, body in enumerate(bodies))


RESULTS, PREPARED, ROWS, TEXT, LOGIN, UNASKED = (kind << 2 for kind in range(6))
MYSQL_GREETING = b"\x0a5.5.5-10.11.19-MariaDB\0" + b"\x07\0\0\0abcdefgh\0\x3e\xf7\x2d\x02\0\x7f\x81\x15" + b"\0" * 10 + b"abcdefghijkl\0mysql_native_password\0"
CAPABILITIES = (1 << 3 | 1 << 9 | 1 << 15 | 1 << 19).to_bytes(4, "little") + b"\0\0\0\x01\x2d" + b"\0" * 23
MYSQL_LOGIN = CAPABILITIES + b"me\0" + b"\x14" + b"h" * 20 + b"shop\0mysql_native_password\0"
COLUMN = b"\x03def\x04shop\x05goods\x05goods\x04name\x04name\x0c\x2d\0\x90\x01\0\0\x7d\0\0\0\0\0"
MYSQL_OK = b"\0\x01\0\x02\0\0\0"
MARK, MARK_MORE = b"\xfe\0\0\x02\0", b"\xfe\0\0\x0a\0"
END = b"\xfe\0\0\x02\0\0\0"
MYSQL_ERROR = b"\xff\x7a\x04#42S02Table 'shop.nowhere' doesn't exist"
MORE = b"\0\x01\0\x0a\0\0\0"
QUERY = packet(0, b"\x03SELECT name FROM goods")
write("mysql", {
    "query": (2, QUERY + packet(0, b"\x01")),
    "login": (2, packet(1, MYSQL_LOGIN) + QUERY),
    "login_for_tls": (2, packet(1, CAPABILITIES[:32]) + packet(2, MYSQL_LOGIN) + QUERY),
    "login_compressed": (2, packet(1, b"\x20" + MYSQL_LOGIN[1:])),
    "attributes": (2, packet(0, b"\x03\0\x01SELECT 1") + packet(0, b"\x03\x01\x01SELECT 1")),
    "prepared": (2, packet(0, b"\x16SELECT ?") + packet(0, b"\x17\x01\0\0\0\0\x01\0\0\0\0\x01\x08\0a") + packet(0, b"\x19\x01\0\0\0")),
    "other_commands": (2, b"".join(packet(0, bytes([command])) for command in (4, 9, 14, 17, 24, 26, 28, 31))),
    "init_db": (2, packet(0, b"\x02shop") + packet(0, b"\x05a") + packet(0, b"\x06a")),
    "replication": (2, packet(0, b"\x12\x04\0\0\0")),
    "file_content": (2, packet(0, b"\x03LOAD DATA LOCAL INFILE 'a' INTO TABLE goods") + packet(2, b"1\t2\n" * 9) + packet(3, b"") + QUERY),
    "long_statement": (2, packet(0, b"\x03SELECT " + b"1," * 2000 + b"1") + QUERY),
    "split_everywhere": (2, SPLIT.join(bytes([b]) for b in QUERY + packet(0, b"\x0e"))),
    "gap_in_statement": (3, b"\xa3\x01\0\0\x03SELECT" + gap(20) + b"end of it" + QUERY),
    "gap_over_packets": (2, QUERY + gap(20) + b"lost" + SPLIT + QUERY),
    "cut_header": (2, b"\x10\0" + gap(2) + QUERY),
    "no_command": (2, packet(0, b"\x7f") + SPLIT + QUERY),
    "greeting": (UNASKED, packet(0, MYSQL_GREETING) + packet(2, MYSQL_OK)),
    "ok": (RESULTS, packet(1, MYSQL_OK) * 3),
    "more_results": (RESULTS, packet(1, MORE) + packet(2, MYSQL_OK)),
    "rows": (RESULTS, packets(1, b"\x01", COLUMN, MARK, b"\x04nail", b"\x05screw", MARK)),
    "rows_of_newer_servers": (RESULTS, packets(1, b"\x01", COLUMN, b"\x04nail", END)),
    "several_results": (RESULTS, packets(1, b"\x01", COLUMN, MARK, b"\x04nail", MARK_MORE, MYSQL_OK)),
    "error": (RESULTS, packet(1, MYSQL_ERROR) * 2),
    "error_in_rows": (RESULTS, packets(1, b"\x01", COLUMN, MARK, b"\x04nail", MYSQL_ERROR)),
    "cursor": (RESULTS, packets(1, b"\x01", COLUMN, b"\xfe\0\0\x42\0") + packet(1, MYSQL_OK)),
    "fetched": (ROWS, packets(1, b"\0\0\x04nail", MARK)),
    "marked_statement": (PREPARED, packets(1, b"\0\x07\0\0\0\x01\0\x01\0\0\0\0", COLUMN, MARK, COLUMN, MARK) * 2),
    "gap_up_to_the_mark": (RESULTS, packets(1, b"\x01", COLUMN, MARK, b"\x04nail") + gap(30) + packet(9, MARK)[1:] + packet(1, MYSQL_OK)),
    "gap_up_to_the_end": (RESULTS, packets(1, b"\x01", COLUMN, b"\x04nail") + gap(30) + packet(9, END)[3:] + packet(1, MYSQL_OK)),
    "rows_without_descriptions": (RESULTS, packets(1, b"\x01\0", b"\x04nail", b"\x05screw")),
    "numbers_that_jump": (RESULTS, packets(1, b"\x01", COLUMN) + packet(7, b"\x04nail") + SPLIT + packet(1, MYSQL_OK)),
    "file_wanted": (RESULTS, packet(1, b"\xfba.txt") + packet(5, MYSQL_OK)),
    "statement": (PREPARED, packets(1, b"\0\x07\0\0\0\x01\0\x01\0\0\0\0", COLUMN, COLUMN) + packet(1, b"\0\x08\0\0\0\0\0\0\0\0\0\0")),
    "text": (TEXT, packet(1, b"Uptime: 17")),
    "other_user": (LOGIN, packet(1, b"\x01abc") + packet(3, MYSQL_OK)),
    "nothing_where_rows_are": (RESULTS, packets(1, b"", b"\x01", COLUMN, b"")),
    "gap_in_row": (RESULTS | 1, packets(1, b"\x01", COLUMN) + b"\x84\x03\0\x03" + gap(30) + packet(4, b"\x05screw")),
    "gap_over_rows": (RESULTS, packets(1, b"\x01", COLUMN) + gap(30) + b"\x05screw"),
    "split_answers": (RESULTS, SPLIT.join(literal(bytes([b])) for b in b"\x01\0\0\x01\x01" + b"\x29\0\0\x02" + COLUMN + b"\x05\0\0\x03" + MARK + b"\x05\0\0\x04" + MARK)),
})


# Memcached and MongoDB: as those of databases.
def binary(magic, opcode, extras=b"", key=b"", value=b"", status=0):
    body = extras + key + value
    head = bytes([magic, opcode]) + len(key).to_bytes(2, "big") + bytes([len(extras), 0]) + status.to_bytes(2, "big")
    return literal(head + len(body).to_bytes(4, "big") + b"\0\0\0\x07" + b"\0" * 8 + body)


KEPT = b"set a 0 0 3\r\nabc\r\n"
write("memcached", {
    "get": (2, b"get key\r\n"),
    "gets": (2, b"gets a b c\r\nget a\r\n"),
    "set": (2, KEPT + b"cas a 0 0 1 17\r\nx\r\n"),
    "noreply": (2, b"set a 0 0 3 noreply\r\nabc\r\ndelete a noreply\r\nget a\r\n"),
    "counters": (2, b"incr a 1\r\ndecr a 1 noreply\r\ntouch a 10\r\ngat 10 a\r\n"),
    "meta": (2, b"mg a v q\r\nms a 3 T0\r\nabc\r\nmd a\r\nma a N0 J1\r\nmn\r\n"),
    "others": (2, b"stats\r\nversion\r\nflush_all noreply\r\nverbosity 1\r\nquit\r\n"),
    "many_keys": (2, b"get" + b" some_longer_key" * 100 + b"\r\n" + KEPT),
    "many_keys_cut": (2, b"get" + b" some_longer_key" * 20 + gap(20) + b"key\r\n" + SPLIT + KEPT),
    "value_that_looks_like_a_command": (2, b"set a 0 0 7\r\nget b\r\n\r\n" + KEPT),
    "split_everywhere": (2, SPLIT.join(bytes([b]) for b in KEPT + b"get a\r\n")),
    "gap_in_value": (2, b"set a 0 0 398\r\n" + gap(20) + KEPT),
    "gap_in_value_held": (3, b"set a 0 0 398\r\n" + gap(20) + KEPT),
    "gap_over_commands": (2, KEPT + gap(20) + b"lost" + SPLIT + KEPT),
    "cut_head": (2, b"set a 0 0 3" + gap(3) + KEPT),
    "bad_length": (2, b"set a 0 0 -1\r\n" + SPLIT + KEPT),
    "no_command": (2, b"got a\r\n" + SPLIT + b"get \x01\r\n" + SPLIT + KEPT),
    "binary": (2, binary(0x80, 0, key=b"key") + binary(0x80, 1, b"\0" * 8, b"key", b"value")),
    "binary_quiet": (2, binary(0x80, 0x0d, key=b"a") + binary(0x80, 0x0d, key=b"b") + binary(0x80, 0x0a)),
    "binary_unknown": (2, binary(0x80, 0x7f) + SPLIT + binary(0x80, 0, key=b"key")),
    "values": (0, b"VALUE a 0 3\r\nabc\r\nVALUE b 0 5 17\r\nEND\r\n\r\nEND\r\n"),
    "outcomes": (0, b"STORED\r\nNOT_STORED\r\nEXISTS\r\nNOT_FOUND\r\nDELETED\r\nTOUCHED\r\nOK\r\n17\r\nVERSION 1.6.18\r\n"),
    "errors": (0, b"ERROR\r\nCLIENT_ERROR bad data chunk\r\nSERVER_ERROR object too large for cache\r\n"),
    "meta_answers": (0, b"VA 3 t1 f0\r\nabc\r\nEN\r\nHD\r\nNS\r\nEX\r\nNF\r\nME a exp=-1\r\nMN\r\n"),
    "statistics": (0, b"STAT pid 1\r\nSTAT uptime 2\r\nEND\r\n"),
    "long_line": (0, b"SERVER_ERROR " + b"x" * 2000 + b"\r\nSTORED\r\n"),
    "split_answers": (0, SPLIT.join(bytes([b]) for b in b"VALUE a 0 3\r\nabc\r\nEND\r\nERROR\r\n")),
    "gap_in_answer": (1, b"VALUE a 0 400\r\nab" + gap(20) + b"END\r\nSTORED\r\n"),
    "gap_over_values": (0, b"VALUE a 0 40\r\nab" + gap(20) + b"\r\nEND\r\nSTORED\r\n"),
    "no_answer": (0, b"hello\r\n" + SPLIT + b"x\r\nEND\r\n"),
    "binary_answers": (0, binary(0x81, 0, b"\0" * 4, b"", b"value") + binary(0x81, 1, status=1) + binary(0x81, 5, value=b"Non-numeric", status=6)),
    "binary_statistics": (0, binary(0x81, 0x10, key=b"pid", value=b"1") + binary(0x81, 0x10)),
    "binary_quiet_answers": (0, binary(0x81, 0x0d, b"\0" * 4, b"a", b"v") + binary(0x81, 0x0a)),
})


def element(kind, name, value):
    return bytes([kind]) + name + b"\0" + value


def bson_text(name, text):
    return element(2, name, (len(text) + 1).to_bytes(4, "little") + text + b"\0")


def document(*elements):
    body = b"".join(elements) + b"\0"
    return (len(body) + 4).to_bytes(4, "little") + body


def mongo(opcode, body, number=7, answers=0):
    head = b"".join(word.to_bytes(4, "little") for word in (len(body) + 16, number, answers, opcode))
    return literal(head + body)


def op_msg(*sections, flags=0, answers=0):
    return mongo(2013, flags.to_bytes(4, "little") + b"".join(sections), answers=answers)


DATABASE = bson_text(b"$db", b"shop")
FIND = document(bson_text(b"find", b"goods"), element(3, b"filter", document(bson_text(b"name", b"secret"))), DATABASE)
OK = element(1, b"ok", b"\0\0\0\0\0\0\xf0\x3f")
FAILED = element(1, b"ok", b"\0" * 8)
CODE = element(16, b"code", b"\x3b\0\0\0")
MANY = b"\x01" + (4 + 10 + 200).to_bytes(4, "little") + b"documents\0" + b"d" * 200
ALL_KINDS = b"".join((
    element(1, b"a", b"d" * 8), bson_text(b"b", b"text"), element(3, b"c", document(OK)), element(4, b"d", document(CODE)),
    element(5, b"e", b"\x02\0\0\0\0xy"), element(6, b"f", b""), element(7, b"g", b"o" * 12), element(8, b"h", b"\1"), element(9, b"i", b"t" * 8),
    element(10, b"j", b""), element(11, b"k", b"a.*\0i\0"), element(12, b"l", b"\2\0\0\0a\0" + b"o" * 12), element(13, b"m", b"\2\0\0\0a\0"),
    element(14, b"n", b"\2\0\0\0a\0"), element(15, b"o", b"\x0f\0\0\0\2\0\0\0a\0" + document()), element(16, b"p", b"1234"),
    element(17, b"q", b"t" * 8), element(18, b"r", b"n" * 8), element(19, b"s", b"d" * 16), element(127, b"t", b""), element(255, b"u", b""),
))
write("mongodb", {
    "find": (2, op_msg(b"\0" + FIND) * 2),
    "insert": (2, op_msg(b"\0" + document(bson_text(b"insert", b"goods"), DATABASE), MANY)),
    "insert_other_order": (2, op_msg(MANY, b"\0" + document(bson_text(b"insert", b"goods"), DATABASE))),
    "get_more": (2, op_msg(b"\0" + document(element(18, b"getMore", b"1" * 8), bson_text(b"collection", b"goods"), DATABASE))),
    "ping": (2, op_msg(b"\0" + document(element(16, b"ping", b"\1\0\0\0"), DATABASE))),
    "user": (2, op_msg(b"\0" + document(bson_text(b"createUser", b"me"), DATABASE))),
    "all_kinds": (2, op_msg(b"\0" + document(bson_text(b"find", b"goods"), ALL_KINDS, DATABASE))),
    "unknown_kind": (2, op_msg(b"\0" + document(bson_text(b"find", b"goods"), element(99, b"a", b"b"), DATABASE))),
    "unacknowledged": (2, op_msg(b"\0" + FIND, flags=2) + op_msg(b"\0" + FIND)),
    "hello": (2, mongo(2004, b"\0" * 4 + b"admin.$cmd\0" + b"\0" * 4 + b"\1\0\0\0" + document(element(16, b"hello", b"\1\0\0\0")))),
    "old_query": (2, mongo(2004, b"\0" * 4 + b"shop.goods\0" + b"\0" * 8 + document())),
    "compressed": (2, mongo(2012, (2013).to_bytes(4, "little") + b"\x80\0\0\0\2" + b"zlib's bytes")),
    "compressed_by_none": (2, mongo(2012, (2013).to_bytes(4, "little") + b"\x80\0\0\0\0" + b"\0" * 4 + b"\0" + FIND)),
    "compressed_unknown": (2, mongo(2012, (2013).to_bytes(4, "little") + b"\x80\0\0\0\x09abc")),
    "long": (2, op_msg(b"\0" + document(bson_text(b"find", b"goods"), bson_text(b"comment", b"x" * 3000), DATABASE)) + op_msg(b"\0" + FIND)),
    "no_section": (2, op_msg() + op_msg(b"\7") + op_msg(b"\0") + op_msg(b"\0" + FIND)),
    "split_everywhere": (2, SPLIT.join(literal(bytes([b])) for b in b"\x1c\0\0\0\7\0\0\0\0\0\0\0\xdd\x07\0\0" + b"\0" * 5 + document(element(10, b"a", b"")))),
    "gap_in_message": (3, op_msg(b"\0" + FIND)[:60] + gap(6) + op_msg(b"\0" + FIND)),
    "gap_over_messages": (2, op_msg(b"\0" + FIND) + gap(20) + b"lost" + SPLIT + op_msg(b"\0" + FIND)),
    "no_message": (2, b"\x1a\0\0\0\7\0\0\0\0\0\0\0\x77\0\0\0" + SPLIT + op_msg(b"\0" + FIND)),
    "answer": (0, op_msg(b"\0" + document(element(3, b"cursor", document(element(4, b"firstBatch", document()))), OK), answers=7)),
    "error": (0, op_msg(b"\0" + document(FAILED, bson_text(b"errmsg", b"no such command"), CODE), answers=7)),
    "error_without_code": (0, op_msg(b"\0" + document(FAILED), answers=7)),
    "write_errors": (0, op_msg(b"\0" + document(element(16, b"n", b"\0" * 4), element(4, b"writeErrors", document(element(3, b"0", document(CODE)))), OK), answers=7)),
    "write_concern": (0, op_msg(b"\0" + document(element(3, b"writeConcernError", document(CODE)), OK), answers=7)),
    "old_reply": (0, mongo(1, b"\0" * 16 + b"\1\0\0\0" + document(OK), answers=7)),
    "compressed_answer": (0, mongo(2012, (2013).to_bytes(4, "little") + b"\x80\0\0\0\1snappy", answers=7)),
    "split_answers": (0, SPLIT.join(literal(bytes([b])) for b in b"\x26\0\0\0\7\0\0\0\7\0\0\0\xdd\x07\0\0" + b"\0" * 5 + document(OK))),
    "gap_in_answer": (1, b"\xb0\1\0\0\7\0\0\0\7\0\0\0\xdd\x07\0\0" + b"\0" * 16 + gap(20) + op_msg(b"\0" + document(OK), answers=8)),
    "gap_over_answers": (0, op_msg(b"\0" + document(OK), answers=7) + gap(20) + op_msg(b"\0" + document(OK), answers=8)),
})


# Cassandra: as those of databases.
def cql(version, stream, opcode, body=b"", flags=0):
    return bytes([version, flags]) + stream.to_bytes(2, "big") + bytes([opcode]) + len(body).to_bytes(4, "big") + body


def short_string(text):
    return len(text).to_bytes(2, "big") + text


def long_text(text):
    return len(text).to_bytes(4, "big") + text


def crc24(data):
    """That of a frame's header (native_protocol_v5.spec, section 2.2)."""
    crc = 0x875060
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1974F0B
    return crc


def frame5(content, whole=True):
    header = (len(content) | whole << 17).to_bytes(3, "little")
    return header + crc24(header).to_bytes(3, "little") + content + b"abcd"


SELECT = long_text(b"SELECT name FROM goods") + b"\0\x01\0"
CQL_QUERY, QUERY5 = cql(4, 1, 7, SELECT), cql(5, 1, 7, SELECT)
STARTUP5 = cql(5, 0, 1, b"\0\x01" + short_string(b"CQL_VERSION") + short_string(b"3.0.0"))
DONE = cql(0x84, 1, 8, b"\0\0\0\x01")
write("cassandra", {name: (flags, literal(data) if isinstance(data, bytes) else b"".join(part if escaped else literal(part) for part, escaped in data)) for name, (flags, data) in {
    "query": (2, CQL_QUERY * 2),
    "startup": (2, cql(4, 0, 1, STARTUP5[9:]) + cql(4, 0, 5) + cql(4, 0, 15, b"\0\0\0\x01a") + cql(4, 0, 11, b"\0\0")),
    "startup_compressed": (2, cql(5, 0, 1, b"\0\x01" + short_string(b"COMPRESSION") + short_string(b"lz4"))),
    "startup_cut": (2, cql(5, 0, 1, b"\0\x09" + short_string(b"CQL_VERSION"))),
    "prepared": (2, cql(4, 1, 9, long_text(b"SELECT ?")) + cql(4, 2, 10, short_string(b"i" * 16))),
    "batch": (2, cql(4, 1, 13, b"\0\0\x02\0" + long_text(b"INSERT") + b"\0\0\x01" + short_string(b"id"))),
    "batch_of_prepared": (2, cql(4, 1, 13, b"\1\0\x01\1" + short_string(b"id") + b"\0\0") + cql(4, 1, 13)),
    "compressed": (2, cql(4, 1, 7, b"\x08anything", 1)),
    "payload": (2, cql(4, 1, 7, b"\0\1" + short_string(b"key") + long_text(b"value") + SELECT, 4) + cql(4, 1, 7, b"\0\xff", 4)),
    "long": (2, cql(4, 1, 7, long_text(b"x" * 3000)) + CQL_QUERY),
    "frames": (2, STARTUP5 + frame5(QUERY5 * 2) + frame5(QUERY5)),
    "frames_with_parts": (2, STARTUP5 + frame5(cql(5, 1, 7, long_text(b"x" * 300))[:200], False) + frame5(b"x" * 113, False) + frame5(QUERY5)),
    "frame_with_nothing": (2, STARTUP5 + frame5(b"") + frame5(QUERY5)),
    "frame_too_short": (2, STARTUP5 + frame5(b"abc") + frame5(QUERY5)),
    "frame_without_checksum": (2, STARTUP5 + b"\x20\0\2abc" + QUERY5),
    "split_everywhere": (2, [part for byte in CQL_QUERY + cql(4, 0, 5) for part in ((bytes([byte]), False), (SPLIT, True))]),
    "split_frames": (2, [part for byte in STARTUP5 + frame5(QUERY5) for part in ((bytes([byte]), False), (SPLIT, True))]),
    "gap_in_statement": (3, [(b"\4\0\0\1\7\0\0\1\x94" + b"\0\0\1\x90", False), (gap(20), True), (CQL_QUERY, False)]),
    "gap_over_messages": (2, [(CQL_QUERY, False), (gap(20) , True), (b"lost", False), (SPLIT, True), (CQL_QUERY, False)]),
    "gap_over_frames": (2, [(STARTUP5 + frame5(QUERY5), False), (gap(20), True), (frame5(QUERY5), False)]),
    "no_request": (2, [(cql(4, 1, 0x77), False), (SPLIT, True), (CQL_QUERY, False)]),
    "result": (0, DONE + cql(0x84, 2, 8, b"\0\0\0\2" + b"\0" * 60)),
    "errors": (0, cql(0x84, 1, 0, b"\0\0\x22\0" + short_string(b"no")) + cql(0x84, 1, 0, b"\x08compressed", 1) + cql(0x84, 1, 0)),
    "prepared_answer": (0, cql(0x84, 1, 8, b"\0\0\0\4" + short_string(b"i" * 16)) + cql(0x84, 1, 8, b"\0\0\0\4\0")),
    "keyspace": (0, cql(0x84, 1, 8, b"\0\0\0\3" + short_string(b"shop"))),
    "warned_and_traced": (0, cql(0x84, 1, 8, b"t" * 16 + b"\0\1" + short_string(b"careful") + b"\0\0\0\1", 2 | 8)),
    "event": (0, cql(0x84, 0xFFFF, 12, short_string(b"STATUS_CHANGE"))),
    "answers_in_frames": (0, cql(0x85, 0, 2) + frame5(cql(0x85, 1, 8, b"\0\0\0\1") * 2)),
    "split_answers": (0, [part for byte in DONE * 2 for part in ((bytes([byte]), False), (SPLIT, True))]),
    "gap_in_answer": (1, [(b"\x84\0\0\1\x08\0\0\1\x94\0\0\0\2", False), (gap(20), True), (DONE, False)]),
    "gap_over_answers": (0, [(DONE, False), (gap(20), True), (DONE, False)]),
}.items()})
