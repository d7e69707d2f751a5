"""aiohttp_service.py PORT BACK: aiohttp as server and client, on one event loop."""

import asyncio
import sys

import aiohttp
from aiohttp import web
from ids import back_path, parse, pause

BACK = sys.argv[2]


async def call(session, path):
    async with session.get(BACK + path) as answer:
        answer.raise_for_status()
        await answer.read()


async def front(request):
    kind, identifier = parse(request.path)
    session = request.app["session"]
    first, second = (back_path(identifier, number) for number in (1, 2))
    if kind == "one":
        await call(session, first)
    elif kind == "seq":
        await call(session, first)
        await call(session, second)
    elif kind == "par":
        await asyncio.gather(call(session, first), call(session, second))
    elif kind == "wait":
        await asyncio.sleep(pause())
        await call(session, first)
    answer = web.Response(text="ok\n")
    if kind in ("after", "later"):
        await answer.prepare(request)
        await answer.write_eof()
        if kind == "later":
            await asyncio.sleep(pause())
        await call(session, first)
    return answer


async def session(app):
    # No limit: the default of 100 would make requests wait for a connection.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app["session"]:
        yield


app = web.Application()
app.cleanup_ctx.append(session)
app.router.add_get("/front/{kind}/{identifier}", front)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, backlog=1024)
