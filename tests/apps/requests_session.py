"""requests_session.py URL COUNT: COUNT requests over one kept connection."""

import sys

import requests

with requests.Session() as session:
    for number in range(int(sys.argv[2])):
        session.get(f"{sys.argv[1]}/{number}", timeout=30).raise_for_status()
