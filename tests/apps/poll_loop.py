"""poll_loop.py PORT BACK select|poll: one thread and one loop, by select(2) or poll(2).

A GET of .../slow/... is answered after a third of a second; .../late/... at once, and the service behind is asked a moment later.
"""

import heapq
import selectors
import socket
import sys
import time
from urllib.parse import urlsplit

SLOW = 0.3
LATE = 0.1


class Loop:
    def __init__(self, port, back, kind):
        self.back = (urlsplit(back).hostname, urlsplit(back).port)
        self.selector = selectors.SelectSelector() if kind == "select" else selectors.PollSelector()
        self.timers = []
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, self.accept)

    def run(self):
        while True:
            timeout = max(0, self.timers[0][0] - time.monotonic()) if self.timers else None
            for key, _ in self.selector.select(timeout):
                key.data(key.fileobj)
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()

    def after(self, delay, action):
        heapq.heappush(self.timers, (time.monotonic() + delay, len(self.timers), action))

    def accept(self, listener):
        connection, _ = listener.accept()
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, self.request)

    def read(self, connection):
        data = connection.recv(65536)
        if not data:
            self.selector.unregister(connection)
            connection.close()
        return data

    def request(self, connection):
        data = self.read(connection)
        if not data:
            return
        path = data.split(b" ", 2)[1].decode()
        answer = lambda: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
        if "/slow/" in path:
            self.after(SLOW, answer)
        else:
            answer()
            self.after(LATE, lambda: self.call(path))

    def call(self, path):
        connection = socket.create_connection(self.back)
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, self.read)
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: back\r\n\r\n".encode())


Loop(int(sys.argv[1]), sys.argv[2], sys.argv[3]).run()
