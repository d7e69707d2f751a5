"""asgi_front.py PORT BACKEND: as aiohttp_front.py, by FastAPI with an async function and aiohttp's client: a task for each request, which
sleeps for a moment before it calls.
"""

import asyncio
import random
import sys

import aiohttp
import uvicorn
from fastapi import FastAPI, Response

port, backend = sys.argv[1:]
app = FastAPI()
session = None


@app.get("/{path:path}")
async def forward(path: str):
    global session
    if session is None:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    await asyncio.sleep(random.random() / 50)
    async with session.get(f"{backend}/{path}") as answer:
        return Response(await answer.read(), answer.status)


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", loop="asyncio")
