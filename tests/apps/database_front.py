"""A threaded HTTP/1.1 service in front of a database: database_front.py PORT KIND DATABASE_PORT [tls].

The database is asked by the thread that serves the request, over connections that all threads share (a pool). Each path below is one
thing to ask; any other path asks the first. With `tls`, connections are encrypted, and begin with the first request, and anew with
`/anew`.
"""

import functools
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND, DATABASE_PORT, TLS = sys.argv[2], int(sys.argv[3]), "tls" in sys.argv[4:]


def redis_asks():
    import redis

    client = redis.Redis(host="127.0.0.1", port=DATABASE_PORT, protocol=2)

    def pipeline(transaction):
        pipe = client.pipeline(transaction=transaction)
        for number in range(3):
            pipe.set(f"key{number}", "secret")
        return pipe.execute()

    def wrong():
        client.set("text", "secret")
        try:
            client.incr("text")
        except redis.ResponseError as error:
            return error

    def large():
        client.set("large", "x" * 100_000)
        return len(client.get("large"))

    def many():
        client.delete("list")
        client.rpush("list", *["some longer value"] * 200)
        return len(client.lrange("list", 0, -1))

    return {
        "get": lambda: client.get("key"),
        "pipeline": lambda: pipeline(False),
        "transaction": lambda: pipeline(True),
        "wrong": wrong,
        "large": large,
        "many": many,
    }


def postgres_asks():
    import psycopg

    connection = psycopg.connect(f"host=127.0.0.1 port={DATABASE_PORT} user=postgres dbname=shop sslmode={'require' if TLS else 'disable'}", autocommit=True)
    connection.execute("CREATE TABLE IF NOT EXISTS goods (id int PRIMARY KEY, name text)")
    connection.execute("INSERT INTO goods SELECT n, repeat('x', 100) FROM generate_series(1, 100) n ON CONFLICT DO NOTHING")

    def wrong():
        try:
            connection.execute("SELECT * FROM nowhere WHERE a = 'secret'")
        except psycopg.Error as error:
            return error

    def copy():
        with connection.cursor() as cursor, cursor.copy("COPY goods TO STDOUT") as rows:
            return sum(1 for _ in rows)

    def pipeline():
        with connection.pipeline():
            one = connection.execute("SELECT 1 WHERE 2 = %s", [2])
            two = connection.execute("UPDATE goods SET name = %s WHERE id = %s", ["secret", 1])
        return one.fetchall(), two.rowcount

    return {
        "simple": lambda: connection.execute("SELECT name FROM goods WHERE name = 'secret'").fetchall(),
        "bound": lambda: connection.execute("SELECT name FROM goods WHERE id = %s", [7]).fetchall(),
        "prepared": lambda: connection.execute("SELECT id FROM goods WHERE id = %s", [7], prepare=True).fetchall(),
        "many": lambda: connection.execute("SELECT * FROM goods").fetchall(),
        "wrong": wrong,
        "copy": copy,
        "pipeline": pipeline,
    }


def cassandra_asks():
    from cassandra import InvalidRequest
    from cassandra.cluster import Cluster
    from cassandra.policies import RoundRobinPolicy
    from cassandra.query import BatchStatement

    where = {"port": DATABASE_PORT, "protocol_version": 4, "compression": False}
    quiet = {"schema_metadata_enabled": False, "token_metadata_enabled": False, "idle_heartbeat_interval": 0}
    session = Cluster(["127.0.0.1"], load_balancing_policy=RoundRobinPolicy(), **where, **quiet).connect()
    before = session.prepare("SELECT name FROM goods WHERE id = 8")

    def wrong():
        try:
            session.execute("SELECT * FROM nowhere WHERE a = 'secret'")
        except InvalidRequest as error:
            return error

    def prepared():
        statement = session.prepare("SELECT name FROM goods WHERE name = 'secret'")
        return session.execute(statement).one()

    def batch():
        both = BatchStatement()
        both.add("INSERT INTO goods (name) VALUES ('secret')")
        both.add("INSERT INTO goods (name) VALUES ('other')")
        return session.execute(both)

    def crossed():
        slow = session.execute_async("SELECT slow FROM goods")
        quick = session.execute_async("SELECT quick FROM goods")
        return slow.result().one(), quick.result().one()

    return {
        "simple": lambda: session.execute("SELECT name FROM goods WHERE name = 'secret'").one(),
        "large": lambda: session.execute("SELECT large FROM goods").one(),
        "before": lambda: session.execute(before).one(),
        "prepared": prepared,
        "batch": batch,
        "crossed": crossed,
        "wrong": wrong,
    }


def mysql_asks():
    import mysql.connector
    import pymysql

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    where = {"host": "127.0.0.1", "port": DATABASE_PORT, "user": "root"}
    several = pymysql.constants.CLIENT.MULTI_STATEMENTS
    connection = pymysql.connect(**where, autocommit=True, client_flag=several, ssl=context if TLS else None, ssl_disabled=not TLS)
    cursor = connection.cursor()
    cursor.execute("CREATE DATABASE IF NOT EXISTS shop")
    cursor.execute("USE shop")
    cursor.execute("CREATE TABLE IF NOT EXISTS goods (id int PRIMARY KEY, name text)")
    cursor.executemany("INSERT IGNORE INTO goods VALUES (%s, %s)", [(n, "x" * 100) for n in range(100)])
    # Its statements are prepared by the server; PyMySQL has none that are.
    other = mysql.connector.connect(**where, database="shop", use_pure=True, autocommit=True, ssl_disabled=not TLS)
    prepared = other.cursor(prepared=True)
    by_id = "SELECT name FROM goods WHERE id = %s"
    prepared.execute(by_id, (7,))
    prepared.fetchall()

    def ask(statement):
        cursor.execute(statement)
        return cursor.fetchall()

    def wrong():
        try:
            ask("SELECT * FROM nowhere WHERE a = 'secret'")
        except pymysql.Error as error:
            return error

    def results():
        cursor.execute("SELECT id FROM goods WHERE name = 'secret'; DELETE FROM goods WHERE id = 1000; SELECT 1")
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
        return found

    # A cursor alone does not keep its connection.
    def statement(text, *values, connection=other):
        prepared.execute(text, values)
        return prepared.fetchall()

    return {
        "simple": lambda: ask("SELECT name FROM goods WHERE name = 'secret'"),
        "many": lambda: ask("SELECT * FROM goods"),
        "large": lambda: ask("SELECT repeat('x', 100000)"),
        "wrong": wrong,
        "results": results,
        "use": lambda: [ask("USE shop"), ask("SELECT count(*) FROM goods")],
        "ping": lambda: connection.ping(reconnect=False),
        "before": lambda: statement(by_id, 8),
        "prepared": lambda: statement("SELECT id FROM goods WHERE name <> %s", "secret"),
    }


def memcached_asks():
    import pylibmc
    from pymemcache.client.base import Client

    text = Client(("127.0.0.1", DATABASE_PORT))
    binary = pylibmc.Client([f"127.0.0.1:{DATABASE_PORT}"], binary=True)
    binary.get("warm")
    keys = [f"some_longer_key_{number}" for number in range(100)]

    def wrong():
        try:
            text.set("number", "secret", noreply=False)
            text.incr("number", 1, noreply=False)
        except Exception as error:
            return error

    def binary_wrong():
        try:
            binary.set("number", "secret")
            binary.incr("number")
        except pylibmc.Error as error:
            return error

    return {
        "get": lambda: text.get("key"),
        "set": lambda: text.set("key", "secret", noreply=False),
        "noreply": lambda: [text.set("key", "secret", noreply=True), text.get("key")],
        "many": lambda: [text.set_many({key: "secret" * 20 for key in keys}, noreply=False), len(text.get_many(keys))],
        "large": lambda: [text.set("large", "x" * 100_000, noreply=False), len(text.get("large"))],
        "wrong": wrong,
        "meta": lambda: text.raw_command(b"mg key v\r\nmg other q\r\nmn", end_tokens=b"MN\r\n"),
        "binary": lambda: [binary.set("key", "secret"), binary.get("key"), binary.get("missing")],
        "binary_many": lambda: len(binary.get_multi(keys)),
        "binary_wrong": binary_wrong,
    }


def mongodb_asks():
    import pymongo

    options = {"directConnection": True, "serverSelectionTimeoutMS": 5000}
    client = pymongo.MongoClient("127.0.0.1", DATABASE_PORT, **options)
    goods = client.shop.goods
    goods.insert_one({"name": "first"})
    unheard = client.shop.get_collection("goods", write_concern=pymongo.WriteConcern(w=0))

    def wrong():
        try:
            client.shop.command({"noSuchCommand": "secret"})
        except pymongo.errors.PyMongoError as error:
            return error

    return {
        "insert": lambda: goods.insert_one({"name": "secret"}),
        "many": lambda: goods.insert_many([{"name": "secret" * 20} for _ in range(100)]),
        "find": lambda: list(goods.find({"name": "secret"})),
        "ping": lambda: client.admin.command("ping"),
        "unheard": lambda: unheard.insert_one({"name": "secret"}),
        "wrong": wrong,
    }


def elasticsearch_asks():
    import elasticsearch

    client = elasticsearch.Elasticsearch(f"http://127.0.0.1:{DATABASE_PORT}")
    client.index(index="goods", id="1", document={"name": "secret"})

    def wrong():
        try:
            client.get(index="goods", id="nowhere")
        except elasticsearch.NotFoundError as error:
            return error

    return {
        "search": lambda: client.search(index="goods", query={"match": {"name": "secret"}}),
        "index": lambda: client.index(index="goods", id="2", document={"name": "secret"}),
        "bulk": lambda: client.bulk(operations=[{"delete": {"_index": "goods", "_id": "2"}}]),
        "wrong": wrong,
    }


def clickhouse_asks():
    import urllib.error
    import urllib.parse
    import urllib.request

    def query(text):
        parameters = urllib.parse.urlencode({"database": "default", "query": text})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{DATABASE_PORT}/?{parameters}") as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            return error

    return {
        "select": lambda: query("SELECT 'secret', 7"),
        "wrong": lambda: query("SELECT nothing"),
    }


KINDS = {
    "clickhouse": clickhouse_asks,
    "elasticsearch": elasticsearch_asks,
    "cassandra": cassandra_asks,
    "memcached": memcached_asks,
    "mongodb": mongodb_asks,
    "mysql": mysql_asks,
    "postgres": postgres_asks,
    "redis": redis_asks,
}
asks = functools.cache(KINDS[KIND])
if not TLS:
    asks()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/anew":
            asks.cache_clear()
        ask = asks().get(self.path.rsplit("/", 1)[1]) or next(iter(asks().values()))
        body = str(ask())[:100].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
