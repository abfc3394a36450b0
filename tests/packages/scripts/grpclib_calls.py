"""grpclib: gRPC in Python over HTTP/2: calls at once, a stream both ways, a deadline."""

import asyncio
import sys
from typing import Any

from grpclib.client import Channel, StreamStreamMethod, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server


class Raw(CodecBase):
    """Bytes as they are."""

    __content_subtype__ = "raw"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:
        return data


class Words:
    async def upper(self, stream: Any) -> None:
        word = await stream.recv_message()
        await asyncio.sleep(1)
        await stream.send_message(word.upper())

    async def turned(self, stream: Any) -> None:
        async for word in stream:
            await stream.send_message(word[::-1])

    def __mapping__(self) -> dict[str, Handler]:
        one, many = Cardinality.UNARY_UNARY, Cardinality.STREAM_STREAM
        return {
            "/Words/Upper": Handler(self.upper, one, bytes, bytes),
            "/Words/Turned": Handler(self.turned, many, bytes, bytes),
        }


async def serve(port: int) -> None:
    server = Server([Words()], codec=Raw())
    await server.start("0.0.0.0", port)
    await server.wait_closed()


async def call(host: str, port: int) -> None:
    async with Channel(host, port, codec=Raw()) as channel:
        upper = UnaryUnaryMethod(channel, "/Words/Upper", bytes, bytes)
        turned = StreamStreamMethod(channel, "/Words/Turned", bytes, bytes)
        print(await asyncio.gather(*(upper(b"word %d" % number) for number in range(5))))
        words = await turned([b"abc", b"de" * 100_000])
        print([(len(word), word[:3]) for word in words])
        try:
            await upper(b"late", timeout=0.5)
        except TimeoutError as error:
            print(type(error).__name__, error)


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    asyncio.run(serve(int(port)) if role == "server" else call(host, int(port)))
