"""TLS on asyncio streams, and STARTTLS in the middle of a connection."""

import asyncio
import ssl
import sys
from pathlib import Path

PEM = str(Path(__file__).parents[2] / "run" / "server.pem")


def server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


def client_side(host: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=PEM)
    context.check_hostname = host == "server"
    return context


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        if line == b"STARTTLS\n":
            writer.write(b"go\n")
            await writer.start_tls(server_side())
            continue
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def serve(port: int) -> None:
    plain = await asyncio.start_server(echo, "0.0.0.0", port)
    secure = await asyncio.start_server(echo, "0.0.0.0", port + 1, ssl=server_side())
    await asyncio.gather(plain.serve_forever(), secure.serve_forever())


async def talk(host: str, port: int, *, upgrade: bool) -> None:
    context = None if upgrade else client_side(host)
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    if upgrade:
        writer.write(b"STARTTLS\n")
        print((await reader.readline()).decode().strip())
        await writer.start_tls(client_side(host))
    for line in (b"one\n", b"l" * 60_000 + b"\n"):
        writer.write(line)
        print(len(await reader.readline()), writer.get_extra_info("ssl_object").version())
    writer.close()
    await writer.wait_closed()


async def call(host: str, port: int) -> None:
    await talk(host, port + 1, upgrade=False)
    await talk(host, port, upgrade=True)


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    asyncio.run(serve(int(port)) if role == "server" else call(host, int(port)))
