#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets of brokers' protocols into corpus/TARGET; see make_seeds.py, whose seeds it writes anew too."""
import gzip

from make_seeds import SPLIT, gap, write

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def each_byte(data):
    return SPLIT.join(bytes([byte]) for byte in data)


def number(value, size):
    return value.to_bytes(size, "big")


# Kafka: one byte for the caller (1 holds skips, 2: the client's side). Null strings and arrays would need 0xff, which means a gap here.
def text(value):
    return number(len(value), 2) + value


def compact(value):
    return bytes([len(value) + 1]) + value


def signed(value):
    value *= 2
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def record(offset, value, headers=()):
    body = b"\0\0" + signed(offset) + signed(0) + signed(len(value)) + value + signed(len(headers))
    for name, content in headers:
        body += signed(len(name)) + name + signed(len(content)) + content
    return signed(len(body)) + body


def batch(first, records, attributes=0, packed=None):
    data = b"".join(records) if packed is None else packed
    body = b"\0\0\0\0\x02" + b"\0" * 4 + number(attributes, 2) + number(len(records) - 1, 4) + b"\0" * 30 + number(len(records), 4) + data
    return number(first, 8) + number(len(body), 4) + body


def request(api, version, body, correlation=7, client=b"shop", flexible=False):
    body = number(api, 2) + number(version, 2) + number(correlation, 4) + text(client) + (b"\0" if flexible else b"") + body
    return number(len(body), 4) + body


def response(body, correlation=7):
    return number(len(body) + 4, 4) + number(correlation, 4) + body


ONE = batch(0, [record(0, b"hello", [(b"traceparent", PARENT)])])
TWO = batch(5, [record(0, b"a"), record(1, b"b", [(b"k", b"v"), (b"traceparent", PARENT)])])
PACKED = batch(0, [record(0, b"hello")] * 2, 1, gzip.compress(record(0, b"hello", [(b"traceparent", PARENT)]) * 2, mtime=0).replace(b"\xff", b"\x03"))
OLD = text(b"") + b"\0\x01\0\0\x75\x30\0\0\0\x01" + text(b"orders") + b"\0\0\0\x01\0\0\0\0"
PRODUCE = request(0, 7, OLD + number(len(ONE), 4) + ONE)
NEW = b"\x01\0\x01\0\0\x75\x30\x02" + compact(b"orders") + b"\x02\0\0\0\0"
PRODUCE_9 = request(0, 9, NEW + bytes([len(ONE) % 128 + 1 | 0x80, len(ONE) // 128]) + ONE + b"\0\0\0", flexible=True)
FETCH = request(1, 11, b"\0" * 16 + b"\0" + b"\0" * 8 + b"\0\0\0\x01" + text(b"orders") + b"\0\0\0\x01" + b"\0\0\0\0\0\0\0\0" + number(5, 8) + b"\0" * 12 + b"\0\0\0\0" + text(b""))
FETCHED = response(b"\0" * 10 + b"\0\0\0\x01" + text(b"orders") + b"\0\0\0\x01" + b"\0\0\0\0\0\0" + number(7, 8) * 3 + b"\0\0\0\0" + b"\0\0\0\0" + number(len(TWO), 4) + TWO)
FETCHED_4 = response(b"\0" * 4 + b"\0\0\0\x01" + text(b"orders") + b"\0\0\0\x01" + b"\0\0\0\0\0\0" + number(7, 8) * 2 + b"\0\0\0\0" + number(len(TWO), 4) + TWO)
ACKNOWLEDGED = response(b"\0\0\0\x01" + text(b"orders") + b"\0\0\0\x01" + b"\0\0\0\0" + b"\0\0" + number(41, 8) + b"\0" * 16 + b"\0\0\0\0")
NAMES = response(b"\0\0\0\0\0" + b"\x02\0\0\0\x01" + compact(b"host") + b"\0\0\x23\x84\0\0" + b"\0\0\0\0\x01" + b"\x02\0\0" + compact(b"orders") + b"\x11" * 16 + b"\0\x01" + b"\0\0\0\0\0\0")
write("kafka", {
    "produce": (2, PRODUCE),
    "produce_flexible": (2, PRODUCE_9),
    "produce_packed": (2, request(0, 7, OLD + number(len(PACKED), 4) + PACKED)),
    "produce_cut": (2, PRODUCE[:90] + gap(12) + SPLIT + PRODUCE),
    "pipelined": (2, PRODUCE + FETCH + PRODUCE),
    "fetch": (2, FETCH),
    "metadata": (2, request(3, 9, b"\x02" + compact(b"orders") + b"\0\x01\0\0\0", flexible=True)),
    "join_group": (2, request(11, 5, text(b"readers") + b"\0\0\x75\x30\0\0\x75\x30")),
    "heartbeat_flexible": (2, request(12, 4, compact(b"readers") + b"\0\0\0\x01", flexible=True)),
    "tags": (2, request(18, 3, compact(b"client") + compact(b"1") + b"\0", flexible=True)[:22] + b"\x01\x05\x02ab" + b"\0" * 9),
    "split_everywhere": (2, each_byte(PRODUCE)),
    "split_flexible": (3, each_byte(PRODUCE_9)),
    "gap_in_records": (2, request(0, 7, OLD + number(9000, 4) + ONE + b"x" * 8800)[:300] + gap(90) + SPLIT + FETCH),
    "gap_over_requests": (2, FETCH[:9] + gap(9) + SPLIT + FETCH),
    "not_kafka": (2, b"\0\0\0\x30\0\x03\0\0user\0me\0database\0shop\0\0" + SPLIT + FETCH),
    "bad_size": (2, b"\x7f\0\0\0\0\0\0\0" + SPLIT + FETCH),
    "client_that_does_not_fit": (2, b"\0\0\0\x0e\0\0\0\x07\0\0\0\x01\0\x70abcd" + SPLIT + FETCH),
    "fetched": (0, FETCHED),
    "fetched_old": (0, FETCHED_4 + FETCHED_4),
    "acknowledged": (0, ACKNOWLEDGED),
    "names": (0, NAMES),
    "split_responses": (0, each_byte(FETCHED + ACKNOWLEDGED)),
    "gap_in_response": (1, FETCHED[:60] + gap(8) + SPLIT + ACKNOWLEDGED),
    "gap_over_responses": (0, FETCHED[:70] + gap(20) + SPLIT + ACKNOWLEDGED),
    "short_response": (0, b"\0\0\0\x04\0\0\0\x01" + b"\0\0\0\x02\0\0" + SPLIT + ACKNOWLEDGED),
    "bad_batch": (0, response(b"\0" * 10 + b"\0\0\0\x01" + text(b"o") + b"\0\0\0\x01" + b"\0" * 38 + b"\0\0\0\x20" + b"\x7f" * 32)),
})


# AMQP, NATS and MQTT: both sides alike.
def frame(kind, channel, payload):
    return bytes([kind]) + number(channel, 2) + number(len(payload), 4) + payload + b"\xce"


def short(value):
    return bytes([len(value)]) + value


def long(value):
    return number(len(value), 4) + value


def method(cls, name, arguments=b"", channel=1):
    return frame(1, channel, number(cls, 2) + number(name, 2) + arguments)


def content(headers=b"", body=b"hello", channel=1):
    properties = b"\x20\0" + long(headers) if headers else b"\0\0"
    return frame(2, channel, b"\0\x3c\0\0" + number(len(body), 8) + properties) + frame(3, channel, body)


START = b"AMQP\0\0\x09\x01"
PUBLISH = method(60, 40, b"\0\0" + short(b"shop") + short(b"orders") + b"\0")
DELIVER = method(60, 60, short(b"ctag1") + number(1, 8) + b"\0" + short(b"shop") + short(b"orders"))
TRACED = short(b"traceparent") + b"S" + long(PARENT)
ALL_TYPES = (short(b"t") + b"t\x01" + short(b"i") + b"I\0\0\0\x01" + short(b"v") + b"V" + short(b"f") + b"F" + long(short(b"a") + b"V")
             + short(b"a") + b"A" + long(b"I\0\0\0\x01") + short(b"d") + b"D\x02\0\0\0\x01" + short(b"l") + b"l" + b"\0" * 8 + TRACED)
write("amqp", {
    "start": (2, START + method(10, 11, b"\0\0\0\0" + short(b"PLAIN") + long(b"\0me\0secret") + short(b"en"), 0)),
    "open": (2, method(10, 40, short(b"/") + b"\0\0", 0) + method(20, 10, b"\0")),
    "publish": (2, PUBLISH + content()),
    "publish_traced": (2, PUBLISH + content(TRACED)),
    "publish_all_types": (2, PUBLISH + content(ALL_TYPES)),
    "publish_unknown_type": (2, PUBLISH + content(short(b"q") + b"q\0" + TRACED)),
    "publish_properties": (2, PUBLISH + frame(2, 1, b"\0\x3c\0\0" + number(0, 8) + b"\x0e\x80" + b"\x01" + short(b"corr") + short(b"reply") + short(b"id"))),
    "publish_empty": (2, PUBLISH + content(body=b"")),
    "confirm": (2, method(85, 10, b"\0") + PUBLISH + content() + PUBLISH + content()),
    "confirmed": (0, method(85, 11) + method(60, 80, number(1, 8) + b"\0") + method(60, 120, number(2, 8) + b"\x01")),
    "returned": (0, method(60, 50, b"\x01\x38" + short(b"NO_ROUTE") + short(b"shop") + short(b"nowhere")) + content()),
    "consume": (2, method(60, 20, b"\0\0" + short(b"orders") + short(b"") + b"\x02" + b"\0\0\0\0")),
    "deliver": (0, method(60, 21, short(b"ctag1")) + DELIVER + content(TRACED)),
    "acknowledge": (2, method(60, 80, number(1, 8) + b"\x01") + method(60, 90, number(2, 8) + b"\x01")),
    "get": (2, method(60, 70, b"\0\0" + short(b"orders") + b"\0")),
    "got": (0, method(60, 71, number(3, 8) + b"\0" + short(b"shop") + short(b"orders") + number(9, 4)) + content()),
    "got_nothing": (0, method(60, 72, short(b""))),
    "channels": (0, DELIVER + method(60, 60, short(b"c") + number(1, 8) + b"\0" + short(b"") + short(b"q"), 2) + content(channel=2) + content()),
    "heartbeat": (0, frame(8, 0, b"") + DELIVER),
    "closed": (0, method(20, 40, b"\x01\x94" + short(b"NOT_FOUND") + b"\0\x3c\0\x28")),
    "split_everywhere": (2, each_byte(START + PUBLISH + content(TRACED))),
    "gap_in_body": (0, DELIVER + content(TRACED, b"x" * 400)[:-401] + gap(20) + b"\xce" + DELIVER),
    "gap_in_body_held": (1, DELIVER + frame(3, 1, b"x" * 400)[:7] + gap(20) + b"\xce" + DELIVER),
    "gap_over_frames": (0, DELIVER + gap(20) + b"x" + SPLIT + DELIVER),
    "cut_header": (0, DELIVER[:5] + gap(3) + SPLIT + DELIVER),
    "no_end": (2, PUBLISH[:-1] + b"\0" + SPLIT + PUBLISH),
    "not_amqp": (2, b"GET / HTTP/1.1\r\n\r\n" + SPLIT + PUBLISH),
    "other_version": (2, b"AMQP\0\x01\0\0" + SPLIT + PUBLISH),
})

HEADERS = b"NATS/1.0\r\ntraceparent: " + PARENT + b"\r\n\r\n"


def with_headers(verb, words, headers, body):
    return b"%s %s %d %d\r\n" % (verb, words, len(headers), len(headers) + len(body)) + headers + body + b"\r\n"


HPUB = with_headers(b"HPUB", b"orders.new", HEADERS, b"hello")
PUB = b"PUB orders.new 5\r\nhello\r\n"
MSG = b"MSG orders.new 1 5\r\nhello\r\n"
write("nats", {
    "info": (0, b'INFO {"server_id":"A","headers":true}\r\nPING\r\n'),
    "connect": (2, b'CONNECT {"verbose":false,"pass":"secret"}\r\nPING\r\n'),
    "publish": (2, PUB),
    "publish_empty": (2, b"PUB a 0\r\n\r\n" + PUB),
    "request": (2, b"PUB orders.new _INBOX.abc.1 5\r\nhello\r\n"),
    "publish_traced": (2, HPUB),
    "request_traced": (2, with_headers(b"HPUB", b"orders.new _INBOX.abc.1", HEADERS, b"hello")),
    "deliver": (0, MSG + b"MSG orders.new 1 _INBOX.abc.1 5\r\nhello\r\n"),
    "deliver_traced": (0, with_headers(b"HMSG", b"orders.new 1", HEADERS, b"hello")),
    "no_responders": (0, with_headers(b"HMSG", b"_INBOX.abc.1 2", b"NATS/1.0 503\r\n\r\n", b"")),
    "status_text": (0, with_headers(b"HMSG", b"_INBOX.abc.1 2", b"NATS/1.0 409 Message Size\r\nA: b\r\n\r\n", b"")),
    "subscribe": (2, b"SUB orders.* 1\r\nSUB orders.> readers 2\r\nUNSUB 1 5\r\n"),
    "errors": (0, b"-ERR 'Unknown Protocol Operation'\r\n+OK\r\n" + MSG),
    "lower_case": (2, b"pub orders.new 5\r\nhello\r\nping\r\n"),
    "tabs": (2, b"PUB\torders.new\t 5\r\nhello\r\n"),
    "bare_line_ends": (2, b"PING\nPUB a 1\nx\r\n"),
    "pipelined": (2, PUB * 3 + HPUB * 2),
    "split_everywhere": (2, each_byte(HPUB + PUB)),
    "split_deliveries": (1, each_byte(MSG + MSG)),
    "gap_in_body": (2, b"PUB a 402\r\n" + gap(20) + b"xy\r\n" + PUB),
    "gap_in_body_held": (3, b"PUB a 402\r\n" + gap(20) + b"xy\r\n" + PUB),
    "gap_in_headers": (2, with_headers(b"HPUB", b"a", HEADERS + b"B: " + b"x" * 397 + b"\r\n\r\n", b"c")[:60] + gap(20) + SPLIT + PUB),
    "gap_over_messages": (2, PUB[:20] + gap(9) + SPLIT + PUB),
    "bad_size": (2, b"PUB a 5x\r\nhello\r\n" + SPLIT + PUB),
    "huge_size": (2, b"PUB a 999999999\r\n" + SPLIT + PUB),
    "headers_beyond_total": (2, b"HPUB a 9 5\r\nNATS/1.0\r\n" + SPLIT + PUB),
    "not_nats": (2, b"GET / HTTP/1.1\r\n\r\n" + SPLIT + PUB),
    "long_line": (2, b"SUB " + b"a" * 9000 + b" 1\r\n" + SPLIT + PUB),
})


def length(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def packet(kind, body, flags=0):
    return bytes([kind << 4 | flags]) + length(len(body)) + body


def publish(topic, body, flags=0, packet_id=b"", properties=None):
    front = text(topic) + packet_id + (b"" if properties is None else length(len(properties)) + properties)
    return packet(3, front + body, flags)


CONNECT = packet(1, b"\0\x04MQTT\x04\x02\0\x3c" + text(b"sensor"))
CONNECT_5 = packet(1, b"\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\0\x0a" + text(b"sensor"))
USER = b"\x26" + text(b"traceparent") + text(PARENT)
write("mqtt", {
    "connect": (2, CONNECT),
    "connect_5": (2, CONNECT_5),
    "connect_3_1": (2, packet(1, b"\0\x06MQIsdp\x03\x02\0\x3c" + text(b"sensor"))),
    "connack": (0, packet(2, b"\0\0") + packet(2, b"\0\x87\0")),
    "publish": (2, publish(b"a/b", b"21.5")),
    "publish_once": (2, publish(b"a/b", b"21.5", 2, b"\0\x07")),
    "publish_exactly_once": (2, publish(b"a/b", b"21.5", 4, b"\0\x07") + packet(6, b"\0\x07", 2)),
    "publish_again": (2, publish(b"a/b", b"21.5", 10, b"\0\x07")),
    "publish_retained": (2, publish(b"a/b", b"", 1)),
    "publish_traced": (2, publish(b"a/b", b"21.5", properties=USER)),
    "publish_all_properties": (2, publish(b"a/b", b"21.5", properties=b"\x01\x01\x02\0\0\0\x09\x03" + text(b"text") + b"\x08" + text(b"r") + b"\x09" + text(b"c") + b"\x0b\x05\x23\0\x02" + USER)),
    "publish_alias": (2, publish(b"", b"21.5", properties=b"\x23\0\x02")),
    "unknown_property": (2, publish(b"a/b", b"21.5", properties=b"\x7e" + USER)),
    "properties_beyond_packet": (2, packet(3, text(b"a") + b"\x70" + USER)),
    "settled": (0, packet(4, b"\0\x07") + packet(5, b"\0\x08") + packet(7, b"\0\x08")),
    "refused": (0, packet(4, b"\0\x07\x87") + packet(5, b"\0\x08\x97\0")),
    "subscribe": (2, packet(8, b"\0\x01" + text(b"a/#") + b"\x01", 2)),
    "ping": (2, packet(12, b"") + packet(14, b"")),
    "split_everywhere": (2, each_byte(CONNECT_5 + publish(b"a/b", b"21.5", 2, b"\0\x07", USER))),
    "long_payload": (2, publish(b"a/b", b"x" * 5000) + CONNECT),
    "gap_in_payload": (2, publish(b"a/b", b"x" * 400)[:-400] + gap(20) + publish(b"c", b"")),
    "gap_in_payload_held": (3, publish(b"a/b", b"x" * 5000)[:4200] + gap(28) + b"x" * 24 + publish(b"c", b"")),
    "gap_over_packets": (2, publish(b"a/b", b"x")[:4] + gap(9) + SPLIT + publish(b"c", b"d")),
    "cut_length": (2, b"\x30\x80" + gap(3) + SPLIT + publish(b"c", b"d")),
    "bad_length": (2, b"\x30\x80\x80\x80\x80\x01" + SPLIT + publish(b"c", b"d")),
    "bad_flags": (2, b"\x41\x02\0\x07" + SPLIT + publish(b"c", b"d")),
    "cut_topic": (2, packet(3, b"\0\x09ab")),
    "not_mqtt": (2, b"GET / HTTP/1.1\r\n\r\n" + SPLIT + publish(b"c", b"d")),
})
