"""A threaded HTTP/1.1 service that calls by name: lookups_front.py PORT BACKEND_PORT CLOSED_PORT.

The last word of the path says what is done. Failures are answered with 502.
"""

import asyncio
import http.client
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BACKEND, CLOSED = int(sys.argv[2]), int(sys.argv[3])


def call(host, port):
    connection = http.client.HTTPConnection(host, port, timeout=20)
    connection.request("GET", "/behind")
    return connection.getresponse().read()


async def open_later(host, port):
    _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 10)
    writer.close()


def without_blocking(host, port):
    asyncio.run(open_later(host, port))


def given_up():
    """A connection that nobody waits for to be refused or accepted."""
    with socket.socket() as waits:
        waits.setblocking(False)
        waits.connect_ex(("198.51.100.1", 81))


ASKS = {
    "hello": lambda: call("back.example", BACKEND),
    "missing": lambda: call("missing.example", BACKEND),
    # Of two addresses, ::1 and 127.0.0.1, the service listens on one.
    "dual": lambda: call("dual.example", BACKEND),
    "refused": lambda: call("127.0.0.1", CLOSED),
    "refused_later": lambda: without_blocking("127.0.0.1", CLOSED),
    "both_refused": lambda: call("dual.example", CLOSED),
    "unreachable": lambda: call("192.0.2.99", 80),
    "given_up": given_up,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = 200
        try:
            ASKS[self.path.rsplit("/", 1)[1]]()
        except OSError:
            status = 502
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
