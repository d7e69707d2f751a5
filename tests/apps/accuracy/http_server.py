"""http_server.py PORT BACK: http.server with a thread for each connection, calls by urllib3's pool, or of a store (store.py)."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import store
import urllib3
from blocking import after, before
from ids import parse

BACK = sys.argv[2]
POOL = urllib3.PoolManager(maxsize=300)


def call(path):
    if POOL.request("GET", BACK + path, retries=False).status != 200:
        raise OSError("The back service did not answer with 200.")


if store.STORE:
    call = store.blocking()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        kind, identifier = parse(self.path)
        before(kind, identifier, call)
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")
        after(kind, identifier, call)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
