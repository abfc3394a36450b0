"""redis-py for asyncio: many at once, a pipeline, publish and subscribe."""

import asyncio
import sys

import redis.asyncio as redis
from redis_server import serve


async def call(host: str, port: int) -> None:
    async with redis.Redis(host=host, port=port, decode_responses=True) as client:
        await asyncio.gather(*(client.set(f"k{n}", n) for n in range(20)))
        print(await client.mget([f"k{n}" for n in range(20)]))
        async with client.pipeline() as pipe:
            print(await pipe.lpush("l", "a", "b").lrange("l", 0, -1).execute())
        async with client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe("news")
            await channel.get_message(timeout=1)
            await client.publish("news", "something happened")
            message = await channel.get_message(timeout=5)
            print(message and message["data"])


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else asyncio.run(call(host, int(port)))
