"""Clients with one kept TLS connection each: tls_client.py URL CLIENTS REQUESTS [GATE].

Each sends GETs of URL/CLIENT/NUMBER. With GATE, they first make one request for /earlier and wait until that file exists.
"""

import http.client
import os
import ssl
import sys
import threading
import time
import urllib.parse

URL = urllib.parse.urlsplit(sys.argv[1])
CLIENTS, REQUESTS = int(sys.argv[2]), int(sys.argv[3])
GATE = sys.argv[4] if len(sys.argv) > 4 else None
CONTEXT = ssl._create_unverified_context()
failures = []


def get(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} is answered with {answer.status}: {body!r}")


def client(number):
    try:
        connection = http.client.HTTPSConnection(URL.hostname, URL.port, context=CONTEXT, timeout=30)
        if GATE:
            get(connection, "/earlier")
            print("ready", flush=True)
            while not os.path.exists(GATE):
                time.sleep(0.01)
        for request in range(REQUESTS):
            get(connection, f"{URL.path}/{number}/{request}")
    except Exception as error:
        failures.append(error)


threads = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failures:
    sys.exit(f"{len(failures)} clients failed, the first by: {failures[0]!r}")
