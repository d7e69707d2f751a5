"""Calls `grpc_server.py` as the lines of its input say, and answers each with a line of its own:

    kinds       one call of each kind, one after the other
    many N      N calls at a time, each of a method of its own
    call NAME   one unary call of this method

    grpc_client.py HOST:PORT

With TLS_CERTIFICATE (a file with a certificate) in its environment, it speaks TLS and trusts that one.
"""
import os
import sys

import grpc

if certificate := os.environ.get("TLS_CERTIFICATE"):
    with open(certificate, "rb") as file:
        channel = grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials(file.read()))
else:
    channel = grpc.insecure_channel(sys.argv[1])
BIG = b"x" * 100_000


def unary(method, **options):
    return channel.unary_unary(f"/tracer.Echo/{method}")(b"hello", **options)


def fails(method, **options):
    try:
        unary(method, **options)
    except grpc.RpcError as error:
        return error.code()
    raise SystemExit(f"{method} did not fail")


def kinds():
    unary("Unary")
    channel.stream_unary("/tracer.Echo/Upload")(iter([b"a", BIG, b"c"]))
    list(channel.unary_stream("/tracer.Echo/Download")(BIG))
    list(channel.stream_stream("/tracer.Echo/Chat")(iter([b"a", b"b"])))
    fails("Fail")
    fails("Broken")
    fails("Missing")
    call = channel.unary_stream("/tracer.Echo/Wait")(b"hello")
    call.initial_metadata()
    call.cancel()


def many(count):
    calls = [channel.unary_unary(f"/tracer.Echo/Unary{number}").future(b"hello") for number in range(count)]
    for call in calls:
        call.result()


for line in sys.stdin:
    word, *rest = line.split()
    {"kinds": kinds, "many": lambda: many(int(*rest)), "call": lambda: unary(*rest)}[word]()
    print("done", flush=True)
