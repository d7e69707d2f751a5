"""A WSGI application that calls a second service (environment variable BACKEND) for every request, with `requests`."""

import os

import flask
import requests

app = flask.Flask(__name__)


@app.get("/<path:path>")
def forward(path):
    answer = requests.get(f"{os.environ['BACKEND']}/{path}", timeout=30)
    return answer.content, answer.status_code
