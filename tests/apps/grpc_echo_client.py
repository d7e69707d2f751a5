"""grpc_echo_client.py AUTHORITY METHOD...: calls each method after the other over one channel, and prints the answers."""

import sys

import grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    for method in sys.argv[2:]:
        sys.stdout.write(channel.unary_unary(method)(b"x" * 1000).decode())
