"""A threaded HTTP/1.1 service that publishes messages: broker_front.py PORT KIND BROKER_PORT.

The path names what is published; a `traceparent` that comes with the request goes into the message's headers, as an application that passes context
on does it.
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND, BROKER_PORT = sys.argv[2], int(sys.argv[3])
LOCK = threading.Lock()


def amqp_asks():
    import pika

    def connect():
        parameters = pika.ConnectionParameters("127.0.0.1", BROKER_PORT, heartbeat=0)
        return pika.BlockingConnection(parameters).channel()

    old = connect()
    old.exchange_declare("shop")
    for queue in ("orders", "shelf"):
        old.queue_declare(queue)
        old.queue_bind(queue, "shop", queue)

    def publish(channel, parent, key="orders", body=b"secret", mandatory=False):
        headers = {"traceparent": parent, "number": 7} if parent else None
        properties = pika.BasicProperties(headers=headers, message_id="m1")
        channel.basic_publish("shop", key, body, properties, mandatory)

    def confirmed(parent, **options):
        channel = connect()
        channel.confirm_delivery()
        try:
            publish(channel, parent, **options)
        except pika.exceptions.UnroutableError as error:
            return error
        finally:
            channel.connection.close()

    def get(parent):
        publish(old, None, "shelf")
        while not (got := old.basic_get("shelf", auto_ack=True))[0]:
            pass
        return len(got[2])

    return {
        "plain": lambda parent: publish(old, parent),
        "large": lambda parent: publish(old, parent, body=b"x" * 200_000),
        "bad": lambda parent: publish(old, parent, body=b"bad"),
        "confirmed": confirmed,
        "unroutable": lambda parent: confirmed(parent, key="nowhere", mandatory=True),
        "get": get,
    }


def kafka_asks():
    from confluent_kafka import Producer

    def publisher(**options):
        return Producer({"bootstrap.servers": f"127.0.0.1:{BROKER_PORT}", "client.id": "front", "linger.ms": 0, **options})

    old = publisher()
    # kafka-python reads the others with more packages only.
    codecs = ("gzip",) if KIND == "kafka" else ("gzip", "snappy", "lz4", "zstd")
    packed = {codec: publisher(**{"compression.codec": codec}) for codec in codecs}

    def publish(producer, parent, count=1):
        headers = {"traceparent": parent} if parent else {}
        for _ in range(count):
            # What can be compressed.
            producer.produce("orders", b"secret" * 20, headers=headers, partition=0)
        return producer.flush(10)

    publish(old, None)
    for producer in packed.values():
        publish(producer, None)
    return {
        "plain": lambda parent: publish(old, parent),
        "several": lambda parent: publish(publisher(**{"linger.ms": 200}), parent, 3),
        **{codec: lambda parent, producer=producer: publish(producer, parent) for codec, producer in packed.items()},
    }


def mqtt_asks():
    import paho.mqtt.client as mqtt
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    def connect(protocol):
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=protocol)
        client.connect("127.0.0.1", BROKER_PORT)
        while not client.is_connected():
            client.loop(0.1)
        return client

    def publish(qos, parent, protocol=mqtt.MQTTv5):
        client = connect(protocol)
        properties = None
        if parent and protocol == mqtt.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("traceparent", parent)]
        message = client.publish("shop/orders", b"secret", qos, properties=properties)
        while not message.is_published():
            client.loop(0.1)
        client.disconnect()

    return {
        "once": lambda parent: publish(1, parent),
        "exactly_once": lambda parent: publish(2, parent),
        "at_most_once": lambda parent: publish(0, parent),
        "old": lambda parent: publish(1, parent, mqtt.MQTTv311),
    }


def nats_asks():
    import asyncio

    import nats

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def wait_for(call):
        return asyncio.run_coroutine_threadsafe(call, loop).result(10)

    client = wait_for(nats.connect(f"nats://127.0.0.1:{BROKER_PORT}"))

    async def publish(subject, parent):
        await client.publish(subject, b"secret", headers={"traceparent": parent} if parent else None)
        await client.flush()

    async def request(subject, parent):
        try:
            answer = await client.request(subject, b"secret", headers={"traceparent": parent} if parent else None)
            return answer.data
        except nats.errors.NoRespondersError as error:
            return error

    return {
        "plain": lambda parent: wait_for(publish("orders", parent)),
        "request": lambda parent: wait_for(request("orders.price", parent)),
        "nobody": lambda parent: wait_for(request("nobody", parent)),
    }


ASKS = {"amqp": amqp_asks, "kafka": kafka_asks, "librdkafka": kafka_asks, "mqtt": mqtt_asks, "nats": nats_asks}[KIND]()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with LOCK:
            body = str(ASKS[self.path.rsplit("/", 1)[1]](self.headers.get("traceparent")))[:100].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
