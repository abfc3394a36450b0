"""asyncio protocols: pause_writing, half-close, abort, eof_received, a datagram-like framing."""

import asyncio
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Serving(asyncio.Protocol):
    left = 3

    def __init__(self, over):
        self.over = over
        self.received = 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += len(data)
        if data.startswith(b"abort"):
            self.transport.abort()

    def eof_received(self):
        self.transport.write(b"%d" % self.received)
        return False

    def connection_lost(self, error):
        print("lost", type(error).__name__, self.received)
        Serving.left -= 1
        if not Serving.left:
            self.over.set_result(None)


class Asking(asyncio.Protocol):
    def __init__(self, payload, over):
        self.payload, self.over = payload, over
        self.answer, self.paused = b"", 0

    def connection_made(self, transport):
        transport.set_write_buffer_limits(high=10_000)
        transport.write(self.payload)
        if transport.can_write_eof():
            transport.write_eof()

    def pause_writing(self):
        self.paused += 1

    def data_received(self, data):
        self.answer += data

    def connection_lost(self, error):
        self.over.set_result((self.answer, self.paused > 0, type(error).__name__))


async def server():
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    listening = await loop.create_server(lambda: Serving(over), "", port)
    await over
    listening.close()
    await listening.wait_closed()


async def client():
    loop = asyncio.get_running_loop()
    for payload in (b"small", bytes(9_000_000), b"abort" + bytes(10)):
        over = loop.create_future()
        await loop.create_connection(lambda p=payload, o=over: Asking(p, o), peer, port)
        answer, paused, error = await over
        if not payload.startswith(b"abort"):
            print(answer, paused, error)
    print("done")


asyncio.run({"server": server, "client": client}[role]())
