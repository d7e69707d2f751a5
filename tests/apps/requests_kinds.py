"""requests_kinds.py URL: a GET, a POST whose body is a write of its own, and a chunked upload, each on a new connection.

Writes what the server says that it received, an empty line behind each.
"""

import sys

import requests

url = sys.argv[1]
for answer in (
    requests.get(f"{url}/get", timeout=30),
    requests.post(f"{url}/post", data=b"x" * 100_000, timeout=30),
    requests.post(f"{url}/chunked", data=iter([b"one", b"two"]), timeout=30),
):
    answer.raise_for_status()
    sys.stdout.write(answer.text)
