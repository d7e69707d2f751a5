"""What a driver of Cassandra needs of a server, by the specification of its protocol (native_protocol_v4.spec): cql_server.py PORT [VERSION].

It keeps nothing: a statement with `nowhere` fails, one with `slow` is answered after the next one, every other one finds one row.
"""

import socket
import struct
import sys
import threading

VERSION = int(sys.argv[2]) if len(sys.argv) > 2 else 4
TEXT = 0x0D
READY, SUPPORTED, ERROR, RESULT = 0x02, 0x06, 0x00, 0x08
STARTUP, OPTIONS, QUERY, PREPARE, EXECUTE, REGISTER, BATCH = 0x01, 0x05, 0x07, 0x09, 0x0A, 0x0B, 0x0D


def string(text):
    return struct.pack(">H", len(text)) + text.encode()


def long_string(text):
    return struct.pack(">i", len(text)) + text.encode()


def rows(count=1, **columns):
    metadata = struct.pack(">ii", 1, len(columns)) + string("shop") + string("goods")
    metadata += b"".join(string(name) + struct.pack(">H", TEXT) for name in columns)
    return struct.pack(">i", 2) + metadata + struct.pack(">i", count) + b"".join(map(long_string, columns.values())) * count


def prepared(statement):
    """Its id is the statement: nothing has to be remembered."""
    nothing = struct.pack(">iii", 0, 0, 0)
    result_id = string("result") if VERSION > 4 else b""
    return struct.pack(">i", 4) + string(statement) + result_id + nothing + struct.pack(">ii", 4, 0)


def answer_to(opcode, body):
    if opcode == OPTIONS:
        version = string("CQL_VERSION") + struct.pack(">H", 1) + string("3.4.5")
        return SUPPORTED, struct.pack(">H", 2) + version + string("COMPRESSION") + struct.pack(">H", 0)
    if opcode in (STARTUP, REGISTER):
        return READY, b""
    if opcode == EXECUTE:
        statement = body[2 : 2 + struct.unpack_from(">H", body)[0]].decode()
    elif opcode == BATCH:
        return RESULT, struct.pack(">i", 1)
    else:
        statement = body[4 : 4 + struct.unpack_from(">i", body)[0]].decode()
    if "system.local" in statement:
        known = {"key": "local", "cluster_name": "test", "data_center": "one", "rack": "one", "release_version": "4.0.0"}
        return RESULT, rows(**known)
    if "system." in statement:
        return RESULT, rows(count=0, peer="")
    if "nowhere" in statement:
        return ERROR, struct.pack(">i", 0x2200) + string("table nowhere does not exist")
    if opcode == PREPARE:
        return RESULT, prepared(statement)
    if statement.startswith("USE "):
        return RESULT, struct.pack(">i", 3) + string(statement.split()[1].strip('"'))
    return RESULT, rows(name="x" * (3000 if "large" in statement else 10))


def serve(connection):
    stream = connection.makefile("rb")
    late = b""
    while head := stream.read(9):
        version, _, number, opcode, length = struct.unpack(">BBhBi", head)
        body = stream.read(length)
        if version != VERSION:
            kind, answer = ERROR, struct.pack(">i", 0x0A) + string(f"Invalid or unsupported protocol version ({version})")
        else:
            kind, answer = answer_to(opcode, body)
        answer = struct.pack(">BBhBi", 0x80 | VERSION, 0, number, kind, len(answer)) + answer
        if b"slow" in body and opcode == QUERY:
            late = answer
            continue
        connection.sendall(answer)
        if late:
            connection.sendall(late)
            late = b""


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
