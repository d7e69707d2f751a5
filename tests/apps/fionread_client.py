"""fionread_client.py PORT PATH [GATE]: reads an answer in the pieces that FIONREAD announces, as nginx and the JDK do, and
writes its length. Stands still where FIONREAD says that nothing is there although something is.

With GATE it says `reading` after the first piece and goes on once that file exists.
"""

import fcntl
import os
import select
import socket
import struct
import sys
import termios
import time

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % sys.argv[2].encode())
poll = select.epoll()
# Edge-triggered: told of bytes once.
poll.register(connection, select.EPOLLIN | select.EPOLLET)
received = b""
expected = None
while expected is None or len(received) < expected:
    if not poll.poll(30):
        sys.exit("nothing arrives any more")
    while True:
        (waiting,) = struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, bytes(4)))
        if not waiting:
            break
        received += connection.recv(min(waiting, 65536))
        if expected is None and b"\r\n\r\n" in received:
            head, _ = received.split(b"\r\n\r\n", 1)
            expected = len(head) + 4 + int(head.rsplit(b"Content-Length: ", 1)[1].split(b"\r\n")[0])
            if len(sys.argv) > 3:
                print("reading", flush=True)
                while not os.path.exists(sys.argv[3]):
                    time.sleep(0.01)
print(len(received) - len(head) - 4)
