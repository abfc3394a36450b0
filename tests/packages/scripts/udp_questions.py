"""UDP: socketserver's server and a socket that asks, asyncio's datagram endpoint."""

import asyncio
import socket
import socketserver
import sys


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(data.upper(), self.client_address)


class Asker(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, address: object) -> None:
        self.answer.set_result(data)


async def ask(host: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    transport, asker = await loop.create_datagram_endpoint(Asker, remote_addr=(host, port))
    transport.sendto(b"from asyncio")
    answer = await asker.answer
    transport.close()
    return answer.decode()


def call(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(b"from a socket", (host, port))
        print(sock.recv(100).decode())
    print(asyncio.run(ask(host, port)))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        socketserver.UDPServer(("", int(port)), Handler).serve_forever()
    else:
        call(host, int(port))
