"""A worker that takes messages and asks a service over HTTP for each of them: broker_worker.py PORT KIND BROKER_PORT SERVICE_URL.

It acknowledges a message once it is done with it. The port is bound when it is ready.
"""

import http.client
import socket
import sys
import urllib.parse

PORT, KIND, BROKER_PORT = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
SERVICE = urllib.parse.urlsplit(sys.argv[4])


def ready():
    global listener
    listener = socket.create_server(("127.0.0.1", PORT))


def handle():
    connection = http.client.HTTPConnection(SERVICE.hostname, SERVICE.port)
    connection.request("GET", "/work")
    connection.getresponse().read()
    connection.close()


def amqp():
    import pika

    channel = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", BROKER_PORT, heartbeat=0)).channel()
    channel.queue_declare("orders")
    channel.basic_qos(prefetch_count=1)

    def take(channel, method, properties, body):
        handle()
        if body == b"bad":
            channel.basic_reject(method.delivery_tag, requeue=False)
        else:
            channel.basic_ack(method.delivery_tag)

    channel.basic_consume("orders", take)
    ready()
    channel.start_consuming()


def kafka():
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        "orders",
        bootstrap_servers=f"127.0.0.1:{BROKER_PORT}",
        group_id="readers",
        client_id="worker",
        # Tansu lets members of a group join for half of this long.
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    for number, _ in enumerate(consumer, 1):
        # What `broker_front.py` publishes when it starts.
        if number == 2:
            ready()


def librdkafka():
    from confluent_kafka import Consumer

    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{BROKER_PORT}", "group.id": "readers", "session.timeout.ms": 6000, "client.id": "worker", "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe(["orders"])
    taken = 0
    while True:
        taken += consumer.poll(1) is not None
        # What `broker_front.py` publishes when it starts.
        if taken == 5:
            ready()
            taken += 1


def mqtt():
    import paho.mqtt.client as mqtt

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="worker", protocol=mqtt.MQTTv5)
    client.on_message = lambda *_: handle()
    client.on_subscribe = lambda *_: ready()
    client.connect("127.0.0.1", BROKER_PORT)
    client.subscribe("shop/#", 2)
    client.loop_forever()


def nats():
    import asyncio

    import nats

    async def run():
        client = await nats.connect(f"nats://127.0.0.1:{BROKER_PORT}")

        async def take(message):
            if message.reply:
                await message.respond(b"9.99")

        await client.subscribe("orders.>", "readers", cb=take)
        await client.subscribe("orders", cb=take)
        await client.flush()
        ready()
        await asyncio.Event().wait()

    asyncio.run(run())


{"amqp": amqp, "kafka": kafka, "librdkafka": librdkafka, "mqtt": mqtt, "nats": nats}[KIND]()
