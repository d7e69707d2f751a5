"""A threaded HTTP/1.1 service in front of a database: database_front.py PORT KIND DATABASE_PORT.

The database is asked by the thread that serves the request, over connections that all threads share (a pool). Each path below is one
thing to ask; any other path asks the first.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND, DATABASE_PORT = sys.argv[2], int(sys.argv[3])


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

    connection = psycopg.connect(f"host=127.0.0.1 port={DATABASE_PORT} user=postgres dbname=shop", autocommit=True)
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


ASKS = {
    "clickhouse": clickhouse_asks,
    "elasticsearch": elasticsearch_asks,
    "postgres": postgres_asks,
    "redis": redis_asks,
}[KIND]()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        ask = ASKS.get(self.path.rsplit("/", 1)[1]) or next(iter(ASKS.values()))
        body = str(ask())[:100].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
