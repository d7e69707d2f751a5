"""aiohttp_front.py PORT BACKEND: answers every request after one for the same path at BACKEND. One thread, one event loop.

With TLS_CERTIFICATE (a file with certificate and key) in its environment, it speaks TLS.
"""

import os
import ssl
import sys

import aiohttp
from aiohttp import web

port, backend = sys.argv[1:]
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def client_session(app):
    async with aiohttp.ClientSession() as session:
        app[SESSION] = session
        yield


async def forward(request):
    async with request.app[SESSION].get(backend + request.path, ssl=False) as answer:
        return web.Response(body=await answer.read(), status=answer.status)


app = web.Application()
app.cleanup_ctx.append(client_session)
app.router.add_get("/{path:.*}", forward)
context = None
if "TLS_CERTIFICATE" in os.environ:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["TLS_CERTIFICATE"])
web.run_app(app, host="127.0.0.1", port=int(port), ssl_context=context, print=None)
