"""A threaded HTTP/1.1 service: threaded_backend.py PORT [NEXT_URL].

`.../status/N` answers with status N. With NEXT_URL, any other request is answered after a request for the same path below it,
made by the same thread. With TLS_CERTIFICATE (a file with certificate and key) in its environment, it speaks TLS.
"""

import os
import ssl
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NEXT = sys.argv[2] if len(sys.argv) > 2 else None
CERTIFICATE = os.environ.get("TLS_CERTIFICATE")
UNVERIFIED = ssl._create_unverified_context() if NEXT and NEXT.startswith("https:") else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, body = 200, b"hello\n"
        if "/status/" in self.path:
            status = int(self.path.rsplit("/", 1)[1])
        elif NEXT:
            with urllib.request.urlopen(NEXT + self.path, context=UNVERIFIED) as answer:
                body = answer.read()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024


server = Server((os.environ.get("BIND", "127.0.0.1"), int(sys.argv[1])), Handler)
if CERTIFICATE:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    # Hands are shaken by the thread that reads the first request.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
