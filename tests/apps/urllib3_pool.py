"""urllib3_pool.py HOST PORT PATH COUNT: COUNT requests over one kept connection, with urllib3 itself."""

import sys

import urllib3

host, port, path, count = sys.argv[1:]
with urllib3.HTTPConnectionPool(host, int(port), maxsize=1) as pool:
    for number in range(int(count)):
        if pool.request("GET", f"{path}/{number}").status != 200:
            sys.exit("The service did not answer with 200.")
