"""asyncio protocols: writing is paused and goes on, both ends say why they are over."""

import asyncio
import sys


class Protocol(asyncio.Protocol):
    def __init__(self, size, over):
        self.size, self.over = size, over
        self.got, self.log = 0, []

    def connection_made(self, transport):
        self.transport = transport
        if self.size:
            transport.set_write_buffer_limits(1000)
            transport.write(b"q" * self.size)
            transport.write_eof()

    def pause_writing(self):
        self.log.append("pause")

    def resume_writing(self):
        self.log.append("resume")

    def data_received(self, data):
        self.got += len(data)

    def eof_received(self):
        self.log.append("eof")
        self.transport.write(b"r" * 5)

    def connection_lost(self, error):
        self.log.append(f"lost {error!r}")
        self.over.set_result((self.got, self.log))


async def main(role, peer, port):
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    if role == "server":
        listener = await loop.create_server(lambda: Protocol(0, over), "", port)
        print(await over)
        listener.close()
    else:
        await loop.create_connection(lambda: Protocol(6_000_000, over), peer, port)
        got, log = await over
        print(got, log[0], log[-2:])


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
