"""An HTTP/1.1 client that moves its bytes by io_uring: uring_client.py PORT PATH WAY.

WAY says what the kernel is at when bytes are received:

- `inline`: the call that submits; the answer is there by then. The request is sent by the ring as well.
- `worker`: a thread of the kernel's; the request is sent by the ring as well.
- `elsewhere`: another system call (readv), which has a buffer of its own that looks like an answer. The request is sent by `send`.

The ring is set up by hand (include/uapi/linux/io_uring.h), so that nothing needs to be installed.
"""

import ctypes
import mmap
import os
import select
import socket
import struct
import sys
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
SETUP, ENTER = 425, 426
OFF_CQ_RING, OFF_SQES = 0x8000000, 0x10000000
ENTER_GETEVENTS = 1
OP_SEND, OP_RECV = 26, 27
SQE_ASYNC = 1 << 4
ENTRIES = 8


def call(number, *args):
    result = LIBC.syscall(number, *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Ring:
    def __init__(self):
        params = ctypes.create_string_buffer(120)
        self.fd = call(SETUP, ENTRIES, params)
        numbers = struct.unpack("10I 8IQ 8IQ", params.raw)
        entries, cq_entries, sq, cq = numbers[0], numbers[1], numbers[10:18], numbers[19:27]
        self.sq_tail, self.sq_mask, self.sq_array = sq[1], sq[2], sq[6]
        self.cq_head, self.cq_tail, self.cq_mask, self.cqes = cq[0], cq[1], cq[2], cq[5]
        self.sq = mmap.mmap(self.fd, sq[6] + entries * 4)
        self.cq = mmap.mmap(self.fd, cq[5] + cq_entries * 16, offset=OFF_CQ_RING)
        self.sqes = mmap.mmap(self.fd, entries * 64, offset=OFF_SQES)

    def submit(self, opcode, flags, fd, buffer, length, wait):
        (tail,) = struct.unpack_from("I", self.sq, self.sq_tail)
        (mask,) = struct.unpack_from("I", self.sq, self.sq_mask)
        index = tail & mask
        address = ctypes.addressof(buffer)
        entry = struct.pack("BBHiQQIIQ24x", opcode, flags, 0, fd, 0, address, length, 0, 7)
        self.sqes[index * 64 : index * 64 + 64] = entry
        struct.pack_into("I", self.sq, self.sq_array + index * 4, index)
        struct.pack_into("I", self.sq, self.sq_tail, tail + 1)
        call(ENTER, self.fd, 1, int(wait), ENTER_GETEVENTS if wait else 0, None, 0)

    def done(self):
        (head,) = struct.unpack_from("I", self.cq, self.cq_head)
        (tail,) = struct.unpack_from("I", self.cq, self.cq_tail)
        return head != tail

    def result(self):
        (head,) = struct.unpack_from("I", self.cq, self.cq_head)
        (mask,) = struct.unpack_from("I", self.cq, self.cq_mask)
        _, result, _ = struct.unpack_from("QiI", self.cq, self.cqes + (head & mask) * 16)
        struct.pack_into("I", self.cq, self.cq_head, head + 1)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result


def read_elsewhere(ring):
    """Sits in readv until the ring has a result, with a buffer that holds what looks like an answer."""
    forged = bytearray(b"HTTP/1.1 599 Forged\r\nContent-Length: 0\r\n\r\n" + bytes(200))
    reader, writer = os.pipe()

    def wake():
        while not ring.done():
            select.select([], [], [], 0.01)
        os.write(writer, b"x")

    threading.Thread(target=wake).start()
    os.readv(reader, [forged])


port, path, way = int(sys.argv[1]), sys.argv[2], sys.argv[3]
connection = socket.create_connection(("127.0.0.1", port))
request = f"GET {path} HTTP/1.1\r\nHost: uring\r\n\r\n".encode()
answer = ctypes.create_string_buffer(4096)
ring = Ring()
flags = SQE_ASYNC if way == "worker" else 0
if way == "elsewhere":
    ring.submit(OP_RECV, 0, connection.fileno(), answer, 4096, wait=False)
    connection.sendall(request)
    read_elsewhere(ring)
else:
    ring.submit(OP_SEND, flags, connection.fileno(), ctypes.create_string_buffer(request), len(request), wait=True)
    ring.result()
    if way == "inline":
        select.select([connection], [], [])
    ring.submit(OP_RECV, flags, connection.fileno(), answer, 4096, wait=True)
received = answer.raw[: ring.result()]
if not received.startswith(b"HTTP/1.1 200 "):
    sys.exit(f"The answer is {received!r}.")
