"""A WSGI application for gunicorn that calls the service at $BACK with requests."""

import os
import threading

import requests
from blocking import after, before
from ids import parse

BACK = os.environ["BACK"]
local = threading.local()


def call(path):
    # A session is not meant for many threads.
    if not hasattr(local, "session"):
        local.session = requests.Session()
    local.session.get(BACK + path).raise_for_status()


class Answer:
    """The body; a WSGI server calls `close` once it has sent it (PEP 3333)."""

    def __init__(self, kind, identifier):
        self.request = kind, identifier

    def __iter__(self):
        yield b"ok\n"

    def close(self):
        after(*self.request, call)


def app(environ, start_response):
    kind, identifier = parse(environ["PATH_INFO"])
    before(kind, identifier, call)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return Answer(kind, identifier)
