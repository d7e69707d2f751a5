"""The services of the recordings: a threaded HTTP server with odd habits, and clients.

services.py server PORT|PATH      serves until it is told to end
services.py session PORT          five requests on one connection
services.py pipeline PORT         five requests in one segment
services.py download PORT         a chunked body of ten megabytes
services.py reset PORT            a response that is cut by a reset
"""

import http.client
import os
import socket
import socketserver
import struct
import sys
from http.server import BaseHTTPRequestHandler


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/missing":
            self.answer(404, b"not here")
        elif self.path == "/download":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(20):
                self.wfile.write(b"80000\r\n" + b"x" * 0x80000 + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/reset":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"ten bytes.")
            # No lingering: close(2) sends a reset (socket(7), SO_LINGER).
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        else:
            self.answer(200, b"hello")

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.answer(201, str(len(self.rfile.read(length))).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self):
        super().finish()
        if getattr(self, "path", "") == "/reset":
            self.connection.close()

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def shutdown_request(self, request):
        self.close_request(request)


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def server(place):
    if place.isdigit():
        service = TcpServer(("127.0.0.1", int(place)), Handler)
    else:
        service = UnixServer(place, Handler)
        os.chmod(place, 0o666)
    service.serve_forever()


def session(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for method, path, body in [
        ("GET", "/users/17", None),
        ("GET", "/missing", None),
        ("POST", "/users", b"n" * 300),
        ("GET", "/search?q=secret&page=2", None),
        ("GET", "/users/18", None),
    ]:
        connection.request(method, path, body)
        connection.getresponse().read()
    connection.close()


def read_all(connection):
    size = 0
    while block := connection.recv(65536):
        size += len(block)
    return size


def pipeline(port):
    requests = [f"GET /page/{number} HTTP/1.1\r\nHost: localhost\r\n\r\n" for number in range(1, 5)]
    requests.append("GET /page/5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("".join(requests).encode())
        read_all(connection)


def download(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/download")
    response = connection.getresponse()
    while response.read(1 << 20):
        pass
    connection.close()


def reset(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/reset")
    try:
        connection.getresponse().read()
    except (ConnectionError, http.client.IncompleteRead):
        pass
    connection.close()


if __name__ == "__main__":
    what, place = sys.argv[1:]
    if what == "server":
        server(place)
    else:
        {"session": session, "pipeline": pipeline, "download": download, "reset": reset}[what](int(place))
