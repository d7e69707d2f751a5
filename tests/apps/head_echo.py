"""head_echo.py PORT: answers each request with its own head, byte for byte, as it arrived.

`.../large` is answered with ten megabytes instead. A body is read by its length or its chunks, and thrown away.
"""

import socketserver
import sys

LARGE = b"0123456789" * 1_000_000


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.head():
            lines = head.lower().split(b"\r\n")
            fields = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
            if fields.get(b"transfer-encoding") == b"chunked":
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            self.rfile.read(int(fields.get(b"content-length", 0)))
            body = LARGE if b"/large " in lines[0] else head
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return b""
            head += line
        return head


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 1024


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
