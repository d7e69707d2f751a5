#!/usr/bin/env python3
"""Records real HTTP/2 connections, as ../http1/capture.py does for HTTP/1.

Needs nghttp, nghttpd, and a Python with grpcio, which runs this; listens on loopback only.
"""
import os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http1"))
from capture import Recorder, free_port, wait_for

APPS = os.path.join(HERE, "..", "..", "..", "tests", "apps")
TRACEPARENT = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def session(name, command, client):
    port = free_port()
    server = subprocess.Popen([*command(port)])
    try:
        wait_for(port)
        recorder = Recorder(port)
        client(recorder.port)
        recorder.save(name, HERE)
    finally:
        server.terminate()
        server.wait()


with tempfile.TemporaryDirectory() as work:
    for name, size in {"small": 20, "middle": 3000}.items():
        with open(f"{work}/{name}", "w") as out:
            out.write("x" * size)
    session(
        "nghttp",
        lambda port: ["nghttpd", "--no-tls", "--address=127.0.0.1", "--htdocs", work, str(port)],
        lambda port: subprocess.run(
            ["nghttp", "--null-out", "--header", TRACEPARENT]
            + [f"http://127.0.0.1:{port}/{path}" for path in ("small", "middle", "missing")],
            check=True,
        ),
    )
session(
    "grpcio",
    lambda port: [sys.executable, f"{APPS}/grpc_server.py", str(port)],
    lambda port: subprocess.run(
        [sys.executable, f"{APPS}/grpc_client.py", f"127.0.0.1:{port}"],
        input="call Unary\ncall Unary\nmany 3\n", text=True, check=True,
    ),
)
