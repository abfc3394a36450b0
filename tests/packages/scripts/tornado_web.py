"""Tornado: a web server, its client, twelve at once, a WebSocket, a line server on IOStream."""

import asyncio
import sys

from tornado.httpclient import AsyncHTTPClient
from tornado.iostream import IOStream, StreamClosedError
from tornado.simple_httpclient import HTTPTimeoutError
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect


class Pages(RequestHandler):
    async def get(self) -> None:
        await asyncio.sleep(1)
        self.write(f"page {self.get_argument('n')}")

    def post(self) -> None:
        self.write(str(len(self.request.body)))


class Upper(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message.upper())


class Lines(TCPServer):
    async def handle_stream(self, stream: IOStream, address: object) -> None:
        try:
            while True:
                line = await stream.read_until(b"\n")
                await stream.write(line.strip()[::-1] + b"\n")
        except StreamClosedError:
            stream.close()


async def serve(port: int) -> None:
    Lines().listen(port + 1)
    Application([("/", Pages), ("/upper", Upper)]).listen(port)
    await asyncio.Event().wait()


async def call(host: str, port: int) -> None:
    client = AsyncHTTPClient()
    url = f"http://{host}:{port}/"
    answers = await asyncio.gather(*(client.fetch(f"{url}?n={n}") for n in range(12)))
    print([answer.body.decode() for answer in answers])
    print((await client.fetch(url, method="POST", body=bytes(200_000))).body)
    try:
        await client.fetch(f"{url}?n=1", request_timeout=0.5)
    except HTTPTimeoutError as error:
        print(error)
    socket = await websocket_connect(f"ws://{host}:{port}/upper")
    await socket.write_message("a message")
    print(await socket.read_message())
    socket.close(4000, "as you wish")
    print(await socket.read_message(), socket.close_code)
    stream = await TCPClient().connect(host, port + 1)
    await stream.write(b"a line\n")
    print(await stream.read_until(b"\n"))
    stream.close()


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    asyncio.run(serve(int(port)) if role == "server" else call(host, int(port)))
