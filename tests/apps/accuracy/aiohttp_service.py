"""aiohttp_service.py PORT BACK: aiohttp as server and client, on one event loop; or calls of a store (store.py)."""

import asyncio
import sys

import aiohttp
import store
from aiohttp import web
from ids import back_path, parse, pause

BACK = sys.argv[2]


def caller(session):
    async def call(path):
        async with session.get(BACK + path) as answer:
            answer.raise_for_status()
            await answer.read()

    return call


async def front(request):
    kind, identifier = parse(request.path)
    call = request.app["call"]
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
    answer = web.Response(text="ok\n")
    if kind in ("after", "later"):
        await answer.prepare(request)
        await answer.write_eof()
        if kind == "later":
            await asyncio.sleep(pause())
        await call(first)
    return answer


async def calls(app):
    # No limit: the default of 100 would make requests wait for a connection.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        app["call"] = await store.asynchronous() if store.STORE else caller(session)
        yield


app = web.Application()
app.cleanup_ctx.append(calls)
app.router.add_get("/front/{kind}/{identifier}", front)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, backlog=1024)
