"""redis-py, blocking: keys, a pipeline, a list somebody waits for, publish and subscribe."""

import sys
import threading

import redis
from redis_server import serve


def call(host: str, port: int) -> None:
    client = redis.Redis(host, port, decode_responses=True)
    print(client.ping(), client.set("k", "v" * 20_000), len(client.get("k") or ""))
    with client.pipeline() as pipe:
        for n in range(5):
            pipe.incrby("sum", n)
        print(pipe.execute())
    pusher = threading.Timer(2, lambda: client.rpush("jobs", "job 1"))
    pusher.start()
    print(client.blpop(["jobs"], timeout=10))
    pusher.join()
    with client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe("news")
        channel.get_message(timeout=1)
        client.publish("news", "something happened")
        message = channel.get_message(timeout=5)
        print(message and message["data"])
    client.close()


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
