"""A FastAPI application for uvicorn that calls the service at $BACK with httpx."""

import asyncio
import os
from contextlib import asynccontextmanager

import httpx
from fastapi import BackgroundTasks, FastAPI
from ids import back_path, pause

BACK = os.environ["BACK"]


@asynccontextmanager
async def lifespan(app):
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=600)
    async with httpx.AsyncClient(limits=limits, timeout=30) as app.state.client:
        yield


app = FastAPI(lifespan=lifespan)


async def call(path):
    (await app.state.client.get(BACK + path)).raise_for_status()


async def later(path):
    await asyncio.sleep(pause())
    await call(path)


@app.get("/front/{kind}/{identifier}")
async def front(kind: str, identifier: str, tasks: BackgroundTasks):
    first, second = (back_path(identifier, number) for number in (1, 2))
    if kind == "one":
        await call(first)
    elif kind == "seq":
        await call(first)
        await call(second)
    elif kind == "par":
        await asyncio.gather(call(first), call(second))
    elif kind == "wait":
        await asyncio.sleep(pause())
        await call(first)
    elif kind == "after":
        tasks.add_task(call, first)
    elif kind == "later":
        tasks.add_task(later, first)
    return "ok"
