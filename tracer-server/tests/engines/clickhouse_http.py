"""ClickHouse's HTTP interface around its engine in this process (chdb), as far as the backend uses it.

Arguments: port, directory for the data, user, password. Connections are kept; the engine does one thing at a time.
"""

import http.server
import os
import re
import sys
import tempfile
import threading
import urllib.parse

from chdb import session

PORT, DIRECTORY, USER, PASSWORD = sys.argv[1:5]
# The statuses of those errors that have one of their own (ClickHouse, HTTPHandler.cpp); all others are 500.
STATUSES = {516: 403, 497: 403, 60: 404, 81: 404, 62: 400, 47: 404, 159: 408}

engine = session.Session(DIRECTORY)
turn = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, b"Ok.\n")

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        parameters = dict(urllib.parse.parse_qsl(url.query))
        body = self.rfile.read(int(self.headers["content-length"]))
        given = (self.headers["x-clickhouse-user"], self.headers["x-clickhouse-key"])
        if given != (USER, PASSWORD):
            self.answer(403, b"Code: 516. DB::Exception: Authentication failed\n")
            return
        try:
            with turn:
                answer = self.run(parameters, body)
        except Exception as error:  # The engine has one kind for all.
            text = str(error)
            code = re.search(r"Code: (\d+)", text)
            self.answer(STATUSES.get(int(code[1]), 500) if code else 500, text.encode())
        else:
            self.answer(200, answer)

    def run(self, parameters, body):
        database = parameters.pop("database", None)
        if database:
            engine.query(f"USE `{database}`")
        statement = parameters.pop("query", None)
        settings = ", ".join(f"{name} = '{value}'" for name, value in parameters.items())
        if statement is None:
            text = body.decode()
            if settings and text.lstrip().startswith("SELECT"):
                text += f" SETTINGS {settings}"
            return engine.query(text).bytes()
        # The engine reads rows from files alone; names and types are those of the table.
        insert = re.fullmatch(r"(INSERT INTO .*) FORMAT (\w+)", statement, re.DOTALL)
        with tempfile.NamedTemporaryFile(dir=DIRECTORY, delete=False) as file:
            file.write(body)
        try:
            rows = f"SELECT * FROM file('{file.name}', '{insert[2]}') SETTINGS {settings}"
            return engine.query(f"{insert[1]} {rows}").bytes()
        finally:
            os.unlink(file.name)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Clients that are killed do not wait for their answers."""


Server(("127.0.0.1", int(PORT)), Handler).serve_forever()
