"""An API server of Kubernetes with one pod: kube_api.py PORT CONTAINER.

The list is empty; the pod is told by the watch, which stays open. Only asked with the right token. Speaks TLS with the certificate
in TLS_CERTIFICATE.
"""

import http.server
import json
import os
import ssl
import sys
import time

PORT, CONTAINER = int(sys.argv[1]), sys.argv[2]
POD = {
    "metadata": {
        "name": "shop-5d9-x",
        "namespace": "eu",
        "uid": "u-1",
        "resourceVersion": "8",
        "labels": {"pod-template-hash": "5d9", "team": "a"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "shop-5d9", "uid": "u-2", "controller": True}],
    },
    "spec": {"nodeName": "node-1"},
    "status": {
        "containerStatuses": [{"name": "app", "image": "shop:7", "containerID": f"containerd://{CONTAINER}"}]
    },
}


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers["Authorization"] != "Bearer t0ken" or "spec.nodeName%3Dnode%2D1" not in self.path:
            self.send_error(401)
            return
        self.send_response(200)
        if "watch=true" not in self.path:
            answer = json.dumps({"metadata": {"resourceVersion": "7"}, "items": []}).encode()
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            return
        self.send_header("Connection", "close")
        self.end_headers()
        if "resourceVersion=7" in self.path:
            self.wfile.write(json.dumps({"type": "ADDED", "object": POD}).encode() + b"\n")
        time.sleep(300)


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Server)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.environ["TLS_CERTIFICATE"])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
