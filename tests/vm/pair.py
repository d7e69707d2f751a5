"""A service that answers by itself, or asks the next one first: pair.py PORT [NEXT_PORT].

A thread for each connection, connections kept on both sides: one to the next service for each thread.
"""

import http.client
import http.server
import sys
import threading

PORT = int(sys.argv[1])
NEXT = int(sys.argv[2]) if len(sys.argv) > 2 else None
KEPT = threading.local()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write for an answer's head and body.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        body = b"hello\n" if NEXT is None else self.ask()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ask(self):
        if not hasattr(KEPT, "connection"):
            KEPT.connection = http.client.HTTPConnection("127.0.0.1", NEXT)
        KEPT.connection.request("GET", self.path)
        return KEPT.connection.getresponse().read()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024


Server(("127.0.0.1", PORT), Handler).serve_forever()
