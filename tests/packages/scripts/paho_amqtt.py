"""amqtt's broker, two paho-mqtt clients with their network threads, QoS 0 to 2."""

import asyncio
import queue
import sys

import paho.mqtt.client as mqtt
from amqtt.broker import Broker


async def serve(port: int) -> None:
    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": f"0.0.0.0:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    })  # fmt: skip
    await broker.start()
    await asyncio.Event().wait()


def call(host: str, port: int) -> None:
    inbox: queue.Queue[tuple[str, str, int]] = queue.Queue()
    ready: queue.Queue[str] = queue.Queue()
    reader = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="reader")
    reader.on_subscribe = lambda *_: ready.put("subscribed")
    reader.on_message = lambda _client, _data, message: inbox.put(
        (message.topic, message.payload.decode(), message.qos)
    )
    reader.connect(host, port, keepalive=20)
    reader.loop_start()
    reader.subscribe("rooms/#", qos=2)
    print(ready.get(timeout=10))
    writer = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="writer")
    writer.connect(host, port)
    writer.loop_start()
    for qos in range(3):
        writer.publish(f"rooms/{qos}", f"message {qos}", qos=qos).wait_for_publish(10)
        print(inbox.get(timeout=10))
    for client in (writer, reader):
        client.disconnect()
        client.loop_stop()


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    asyncio.run(serve(int(port))) if role == "server" else call(host, int(port))
