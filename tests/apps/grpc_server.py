"""A gRPC server of generic handlers: messages are bytes, any method of `tracer.Echo` exists.

    grpc_server.py PORT [HOST:PORT of the server that Forward methods ask]

Methods begin with what they do: Unary, Upload, Download, Chat; Fail (status FAILED_PRECONDITION), Broken (raises),
Wait (until the caller gives up), Forward (asks the next server, then answers).

With TLS_CERTIFICATE (a file with certificate and key) in its environment, it speaks TLS.
"""
import os
import sys
import threading
from concurrent import futures

import grpc

port, onward = sys.argv[1], sys.argv[2:]
channel = grpc.insecure_channel(onward[0]) if onward else None


def fail(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked for")


def broken(request, context):
    raise RuntimeError("as asked for")


def wait(request, context):
    context.send_initial_metadata(())
    over = threading.Event()
    context.add_callback(over.set)
    over.wait(20)
    return b""


def forward(request, context):
    return channel.unary_unary("/tracer.Echo/Unary")(request)


def upload(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def download(request, context):
    for _ in range(5):
        yield request


def chat(requests, context):
    yield from requests


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(lambda request, context: request),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Broken": grpc.unary_unary_rpc_method_handler(broken),
    "Wait": grpc.unary_unary_rpc_method_handler(wait),
    "Forward": grpc.unary_unary_rpc_method_handler(forward),
    "Upload": grpc.stream_unary_rpc_method_handler(upload),
    "Download": grpc.unary_stream_rpc_method_handler(download),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        service, _, method = details.method.rpartition("/")
        return HANDLERS.get(method.rstrip("0123456789")) if service == "/tracer.Echo" else None


server = grpc.server(futures.ThreadPoolExecutor(max_workers=128))
server.add_generic_rpc_handlers((Echo(),))
if certificate := os.environ.get("TLS_CERTIFICATE"):
    with open(certificate, "rb") as file:
        pem = file.read()
    server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(pem, pem)]))
else:
    server.add_insecure_port(f"127.0.0.1:{port}")
server.start()
server.wait_for_termination()
