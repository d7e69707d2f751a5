"""Calls of a store in place of the back service: $STORE is `postgres://ADDRESS` or `redis://ADDRESS`, unset for none.

The path of a call has to show in the spans of the store, and nothing of what is data does. So it stands in a name that a statement gives to its
result, and for Redis in the code of an error, in capitals.
"""

import os

STORE = os.environ.get("STORE", "")
KIND, _, ADDRESS = STORE.partition("://")
HOST, _, PORT = ADDRESS.partition(":")
POOL = 64
SCRIPT = "return redis.error_reply(ARGV[1])"


def statement(path):
    return f'SELECT 1 AS "{path}"'


def code(path):
    return "".join(chr(ord("A") + int(digit, 16)) for digit in path.rsplit("/", 1)[1]) + " asked for"


def blocking():
    """`call(path)` for threads, by a pool that they share."""
    if KIND == "postgres":
        from psycopg_pool import ConnectionPool

        where = f"host={HOST} port={PORT} user=postgres dbname=postgres"
        pool = ConnectionPool(where, min_size=POOL, max_size=POOL, kwargs={"autocommit": True}, open=True)
        pool.wait()

        def call(path):
            with pool.connection() as connection:
                connection.execute(statement(path)).fetchall()

    else:
        import redis

        pool = redis.BlockingConnectionPool(host=HOST, port=int(PORT), max_connections=POOL, protocol=2)
        client = redis.Redis(connection_pool=pool)

        def call(path):
            try:
                client.eval(SCRIPT, 0, code(path))
            except redis.ResponseError:
                pass

    return call


async def asynchronous():
    """`call(path)` for tasks, by a pool that they share."""
    if KIND == "postgres":
        import asyncpg

        pool = await asyncpg.create_pool(
            host=HOST, port=int(PORT), user="postgres", database="postgres", min_size=POOL, max_size=POOL,
            statement_cache_size=0,
        )

        async def call(path):
            await pool.fetchval(statement(path))

    else:
        import redis.asyncio as redis

        pool = redis.BlockingConnectionPool(host=HOST, port=int(PORT), max_connections=POOL, protocol=2)
        client = redis.Redis(connection_pool=pool)

        async def call(path):
            try:
                await client.eval(SCRIPT, 0, code(path))
            except redis.ResponseError:
                pass

    return call
