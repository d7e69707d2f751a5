#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into corpus/TARGET. Those whose names begin with `bad` are to be refused."""
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def write(target, seeds):
    directory = os.path.join(HERE, "corpus", target)
    os.makedirs(directory, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(directory, name), "wb") as out:
            out.write(data if isinstance(data, bytes) else data.encode())


write("traceql", {
    "all": "{}",
    "service": '{ resource.service.name = "shop" && span.http.status_code >= 500 }',
    "children": "{ kind = client } >> { status = error }",
    "parents": "{ status = error } << { kind = server }",
    "siblings": "{ name = `GET /1` } ~ { duration > 5ns }",
    "not_children": "{ kind = server } !> { kind = client }",
    "both_sides": "{ true } &>> { true }",
    "aggregates": "{ } | by(resource.service.name) | count() > 1 | avg(duration) < 1h",
    "select": "{ .a = 1 || .b = true } | select(span.url.path, name)",
    "coalesce": "{ } | by(kind) | coalesce()",
    "patterns": '{ name =~ "GET .*" && .x !~ "a|b" }',
    "arithmetic": "{ (duration * 2 + 1ms) % 3 > -1 && !(childCount = 0) }",
    "nothing": "{ .a = nil && .b != nil }",
    "intrinsics": '{ rootName != "" && rootServiceName = "shop" && traceDuration > 0 && nestedSetParent < 0 }',
    "scopes": '{ event.name = "began" || link.x = 1 || instrumentation.y = "z" || trace:id = "a" || span:id = "b" }',
    "quoted": '{ span."a key" = "\\"\\\\" }',
    "deep": "(" * 30 + "{ true }" + ")" * 30,
    "bad_deep": "(" * 60 + "{ true }" + ")" * 60,
    "bad_long": "{ " + " && ".join([".a = 1"] * 400) + " }",
    "bad_open": "{ .a = ",
    "bad_word": "{ .a = 1 } | rate()",
    "bad_pattern": '{ .a =~ "(" }',
    "bad_bytes": b"\xff\xfe{ \x00 }",
})

STOP, BOOL, BYTE, DOUBLE, I16, I32, I64, STRING, STRUCT, MAP, SET, LIST = 0, 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15


def field(of, number, value):
    return bytes([of]) + struct.pack(">h", number) + value


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">i", len(data)) + data


def structure(*fields):
    return b"".join(fields) + bytes([STOP])


def listed(of, values):
    return bytes([of]) + struct.pack(">i", len(values)) + b"".join(values)


def i64(value):
    return struct.pack(">q", value)


def i32(value):
    return struct.pack(">i", value)


def tag(key, kind, of, number, value):
    return structure(field(STRING, 1, text(key)), field(I32, 2, i32(kind)), field(of, number, value))


TAGS = [
    tag("span.kind", 0, STRING, 3, text("server")),
    tag("ratio", 1, DOUBLE, 4, struct.pack(">d", 0.5)),
    tag("error", 2, BOOL, 5, b"\x01"),
    tag("http.status_code", 3, I64, 6, i64(500)),
    tag("raw", 4, STRING, 7, text(b"\x00\xff")),
    structure(field(STRING, 1, text("without a value"))),
]
IDS = [field(I64, 1, i64(2)), field(I64, 2, i64(1)), field(I64, 3, i64(3)), field(I64, 4, i64(0))]
REFERENCES = [structure(field(I32, 1, i32(kind)), field(I64, 2, i64(2)), field(I64, 3, i64(1)), field(I64, 4, i64(9))) for kind in (0, 1)]
LOGS = [structure(field(I64, 1, i64(1_000)), field(LIST, 2, listed(STRUCT, TAGS[:2])))]
SPAN = structure(*IDS, field(STRING, 5, text("GET /")), field(I32, 7, i32(1)), field(I64, 8, i64(1_700_000_000_000_000)), field(I64, 9, i64(250)))
FULL = structure(*IDS, field(STRING, 5, text("GET /")), field(LIST, 6, listed(STRUCT, REFERENCES)), field(I64, 8, i64(1)), field(I64, 9, i64(1)),
                 field(LIST, 10, listed(STRUCT, TAGS)), field(LIST, 11, listed(STRUCT, LOGS)))
PROCESS = structure(field(STRING, 1, text("shop")), field(LIST, 2, listed(STRUCT, TAGS)))


def batch(*spans, process=PROCESS):
    return structure(field(STRUCT, 1, process), field(LIST, 2, listed(STRUCT, list(spans))))


def nested(depth):
    value = structure()
    for _ in range(depth):
        value = structure(field(STRUCT, 1, value))
    return value


write("jaeger_thrift", {
    "one": batch(SPAN),
    "full": batch(FULL, SPAN),
    "no_spans": batch(),
    "no_process": structure(field(LIST, 2, listed(STRUCT, [SPAN]))),
    "process_alone": structure(field(STRUCT, 1, PROCESS)),
    "empty_process": batch(SPAN, process=structure()),
    "no_ids": batch(structure(field(STRING, 5, text("lost")))),
    "empty_span": batch(structure()),
    "far_times": batch(structure(*IDS, field(I64, 8, i64(2**63 - 1)), field(I64, 9, i64(-1)))),
    "negative_times": batch(structure(*IDS, field(I64, 8, i64(-2**63)), field(I64, 9, i64(2**63 - 1)))),
    "unknown_fields": structure(field(MAP, 9, bytes([STRING, I32]) + struct.pack(">i", 1) + text("a") + i32(1)), field(SET, 8, listed(BYTE, [b"\x01"])),
                                field(I16, 7, struct.pack(">h", 1)), field(STRUCT, 1, PROCESS), field(LIST, 2, listed(STRUCT, [SPAN]))),
    "other_types": batch(structure(field(STRING, 1, text("an id")), field(I32, 5, i32(7)))),
    "no_utf8": batch(structure(*IDS, field(STRING, 5, text(b"\xff\xfe")))),
    "nested": structure(field(STRUCT, 99, nested(10)), field(STRUCT, 1, PROCESS)),
    "trailing": batch(SPAN) + b"more",
    "bad_empty": structure(),
    "bad_nothing": b"",
    "bad_nested": structure(field(STRUCT, 99, nested(40)), field(STRUCT, 1, PROCESS)),
    "bad_type": bytes([5]) + b"\x00\x01",
    "bad_length": structure(field(STRUCT, 1, structure(field(STRING, 1, struct.pack(">i", -1))))),
    "bad_count": field(LIST, 2, bytes([STRUCT]) + struct.pack(">i", 2**31 - 1)),
    "bad_json": b'{"process":{}}',
})

TRACE, ID, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
PLAIN = {"traceId": TRACE, "id": ID}


def spans(*list_of):
    return json.dumps(list(list_of))


write("zipkin", {
    "none": "[]",
    "least": spans(PLAIN),
    "short_ids": spans({"traceId": "1", "id": "2"}),
    "upper_case": spans({"traceId": TRACE.upper(), "id": ID.upper()}),
    "full": spans({**PLAIN, "parentId": PARENT, "name": "get /", "kind": "SERVER", "timestamp": 1_700_000_000_000_000, "duration": 250, "shared": True, "debug": True,
                   "localEndpoint": {"serviceName": "shop", "ipv4": "10.0.0.1", "port": 80}, "remoteEndpoint": {"serviceName": "web", "ipv6": "::1", "port": 5},
                   "annotations": [{"timestamp": 1, "value": "sr"}], "tags": {"error": "true", "http.status_code": "500", "otel.status_code": "ERROR"}}),
    "kinds": spans(*({**PLAIN, "kind": kind} for kind in ("CLIENT", "SERVER", "PRODUCER", "CONSUMER"))),
    "no_parent": spans({**PLAIN, "parentId": ""}),
    "annotations_alone": spans({**PLAIN, "annotations": [{"timestamp": 5, "value": "a"}, {"timestamp": 3, "value": "b"}]}),
    "far_times": spans({**PLAIN, "timestamp": 2**64 - 1, "duration": 2**64 - 1}),
    "odd_texts": spans({**PLAIN, "name": "\u0000\ud83e\uddc0\u202e", "tags": {"": "", "\"": "</script>"}}),
    "null_fields": spans({**PLAIN, "name": None, "kind": None, "localEndpoint": None}),
    "odd_endpoints": spans({**PLAIN, "localEndpoint": {"ipv4": "not an address", "port": -1}, "remoteEndpoint": {"port": 99999}}),
    "unknown_fields": spans({**PLAIN, "future": {"a": [1, {}]}}),
    "bad_nothing": "",
    "bad_object": json.dumps(PLAIN),
    "bad_trace_id": spans({"traceId": "xyz", "id": ID}),
    "bad_zero_id": spans({"traceId": TRACE, "id": "0" * 16}),
    "bad_long_id": spans({"traceId": TRACE, "id": "1" * 17}),
    "bad_parent": spans({**PLAIN, "parentId": "none"}),
    "bad_kind": spans({**PLAIN, "kind": "NEIGHBOUR"}),
    "bad_number": '[{"traceId":"1","id":"2","timestamp":-1}]',
    "bad_nested": "[" * 5000,
    "bad_bytes": b"\xff[]",
})
