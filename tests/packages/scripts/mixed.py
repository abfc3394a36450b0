"""Threads, asyncio and trio in one world: a trio server, an asyncio proxy, a blocking client."""

import asyncio
import socket
import sys

import trio


async def upper(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data.upper())


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def proxy(host: str, port: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(host, port)
        await asyncio.gather(pump(reader, outer), pump(inner, writer))
        outer.close()
        writer.close()

    server = await asyncio.start_server(connected, "0.0.0.0", port)
    await server.serve_forever()


def call(host: str, port: int) -> None:
    with socket.create_connection((host, port)) as sock, sock.makefile("rb") as file:
        for number in range(3):
            sock.sendall(f"line {number}\n".encode())
            print(file.readline().decode().strip())
        sock.sendall(b"m" * 300_000)
        sock.shutdown(socket.SHUT_WR)
        print(len(file.read()))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        trio.run(trio.serve_tcp, upper, int(port))
    elif role == "proxy":
        asyncio.run(proxy(host, int(port)))
    else:
        call(host, int(port))
