#!/usr/bin/env python3
"""Records real HTTP/1 connections: both directions of each, byte for byte, into this directory.

Needs nginx, curl, node and python3; listens on loopback only. It writes NAME.request.bin and NAME.response.bin for every
session below; the README beside it says with which versions it was last run.
"""
import http.server, os, socket, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))

NODE = r"""
const http = require('http'), net = require('net');
const server = http.createServer((req, res) => {
  if (req.url === '/chunked') {
    res.writeHead(200, {'Trailer': 'X-Sum', 'Content-Type': 'text/plain'});
    res.write('one'); setTimeout(() => { res.write('two'.repeat(100)); res.addTrailers({'X-Sum': '42'}); res.end(); }, 20);
  } else if (req.url === '/hints') {
    res.writeEarlyHints({link: '</style.css>; rel=preload; as=style'});
    res.end('hinted');
  } else {
    let n = 0; req.on('data', d => n += d.length); req.on('end', () => res.end(`got ${n}\n`));
  }
});
server.on('upgrade', (req, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
  socket.pipe(socket);
});
server.on('connect', (req, socket) => {
  const [host, port] = req.url.split(':');
  const upstream = net.connect(port, host, () => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n'); upstream.pipe(socket); socket.pipe(upstream);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""

NGINX = """
daemon off; error_log stderr crit; pid {dir}/pid; events {{}}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; types {{ text/html html; }}
  if_modified_since before;
  server {{
    listen 127.0.0.1:{port}; root {dir}/www;
    location /node/ {{ proxy_http_version 1.1; proxy_pass http://127.0.0.1:{node}/; }}
  }}
}}
"""


class UntilClose(http.server.BaseHTTPRequestHandler):
    """Answers without a length, as many small servers do: the body ends with the connection."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"line\n" * 20)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}")


class Recorder:
    """Passes one connection on to `upstream` and keeps what went by."""

    def __init__(self, upstream):
        self.upstream, self.bytes = upstream, {"request": b"", "response": b""}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.upstream))
        back = threading.Thread(target=self.pump, args=(server, client, "response"))
        back.start()
        self.pump(client, server, "request")
        back.join()

    def pump(self, source, sink, side):
        while data := source.recv(65536):
            self.bytes[side] += data
            sink.sendall(data)
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def save(self, name, directory=HERE):
        self.listener.close()
        self.thread.join()
        for side, data in self.bytes.items():
            with open(os.path.join(directory, f"{name}.{side}.bin"), "wb") as out:
                out.write(data)
            print(f"{name}.{side}.bin: {len(data)} bytes")


def curl(*args, stdin=None):
    # curl's exit code does not matter: some sessions end on purpose in ways that it dislikes.
    subprocess.run(["curl", "-s", "--max-time", "5", *args], input=stdin, stdout=subprocess.DEVNULL, check=False)


def raw(port, data, idle=0.3):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(data)
        s.settimeout(idle)
        try:
            while s.recv(65536):
                pass
        except TimeoutError:
            pass


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        os.mkdir(f"{work}/www")
        for name, text in {"index.html": "<p>hello</p>\n", "b.html": "<p>b</p>\n" * 200}.items():
            with open(f"{work}/www/{name}", "w") as out:
                out.write(text)
        node = subprocess.Popen(["node", "-e", NODE], stdout=subprocess.PIPE, text=True)
        node_port, nginx_port = int(node.stdout.readline()), free_port()
        with open(f"{work}/nginx.conf", "w") as out:
            out.write(NGINX.format(dir=work, port=nginx_port, node=node_port))
        nginx = subprocess.Popen(["nginx", "-p", work, "-c", f"{work}/nginx.conf"])
        closing = http.server.HTTPServer(("127.0.0.1", 0), UntilClose)
        threading.Thread(target=closing.serve_forever, daemon=True).start()
        wait_for(nginx_port)
        try:
            record(nginx_port, node_port, closing.server_port)
        finally:
            nginx.terminate(), node.terminate(), closing.shutdown()
            nginx.wait(), node.wait()


def record(nginx, node, closing):
    def session(name, upstream, client):
        recorder = Recorder(upstream)
        client(recorder.port, f"http://127.0.0.1:{recorder.port}")
        recorder.save(name)

    host = ["-H", "Host: shop.test"]
    session("nginx-keepalive", nginx, lambda _, url: curl(*host, f"{url}/", f"{url}/missing?q=1", f"{url}/b.html"))
    session("nginx-head", nginx, lambda _, url: curl(*host, "-I", f"{url}/", f"{url}/b.html"))
    session("nginx-range-and-304", nginx, lambda _, url: curl(
        *host, "-r", "0-9", f"{url}/b.html", "--next", "-s", *host, "-H", "If-Modified-Since: Fri, 31 Dec 2060 00:00:00 GMT", f"{url}/"))
    session("nginx-proxied-chunks", nginx, lambda _, url: curl(*host, f"{url}/node/chunked", f"{url}/"))
    session("nginx-pipelined", nginx, lambda port, _: raw(
        port, b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\nGET /b.html HTTP/1.1\r\nHost: shop.test\r\n\r\n"
              b"GET /missing HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"))
    session("nginx-bad-request", nginx, lambda port, _: raw(port, b"GET / HTTP/1.1\r\n\r\n"))
    session("node-trailers", node, lambda _, url: curl(*host, "-H", "TE: trailers", f"{url}/chunked", f"{url}/plain"))
    session("node-expect", node, lambda _, url: curl(*host, "-H", "Expect: 100-continue", "-X", "PUT", "-d", "x" * 300, f"{url}/upload"))
    session("node-chunked-upload", node, lambda _, url: curl(*host, "-T", "-", f"{url}/upload", stdin=b"line of input\n" * 50))
    session("node-early-hints", node, lambda _, url: curl(*host, f"{url}/hints"))
    session("node-upgrade", node, lambda port, _: raw(
        port, b"GET /echo HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n\x00\x01GET / HTTP/1.1\r\n\r\n"))
    session("node-connect", node, lambda port, _: curl("-p", "-x", f"http://127.0.0.1:{port}", f"http://127.0.0.1:{nginx}/"))
    session("python-until-close", closing, lambda _, url: curl(*host, f"{url}/report"))
    session("curl-large-cookie", nginx, lambda _, url: curl(*host, "-b", "session=" + "0123456789abcdef" * 100, f"{url}/", f"{url}/b.html"))


if __name__ == "__main__":
    main()
