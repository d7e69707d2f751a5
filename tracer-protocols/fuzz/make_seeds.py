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
