"""fastapi_front.py PORT BACKEND: as aiohttp_front.py, by FastAPI with a function that is not async: the event loop reads the
request, a thread of its pool makes the call.
"""

import sys

import requests
import uvicorn
from fastapi import FastAPI, Response

port, backend = sys.argv[1:]
app = FastAPI()


@app.get("/{path:path}")
def forward(path: str):
    answer = requests.get(f"{backend}/{path}", timeout=30)
    return Response(answer.content, answer.status_code)


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")
