"""A threaded service that starts a program for every request: starting_front.py PORT BACKEND_URL.

`.../shell/...`: a shell that starts curl. `.../fork/...`: a fork of its own that calls with urllib. Both ask the backend for the same path.
"""

import os
import subprocess
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BACKEND = sys.argv[2]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if "/fork/" in self.path:
            child = os.fork()
            if child == 0:
                urllib.request.urlopen(BACKEND + self.path).read()
                os._exit(0)
            os.waitpid(child, 0)
        else:
            subprocess.run(["sh", "-c", 'curl -s "$0" >/dev/null; exit 0', BACKEND + self.path], check=True)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"done\n")

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
