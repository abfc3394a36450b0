"""IPv6 and dual stack: a server on "::" for both families; clients over IPv6, IPv4, a mapped IPv4
address, and asyncio's happy eyeballs."""

import asyncio
import ipaddress
import socket
import sys


def serve(port: int) -> None:
    with socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        while True:
            conn, (peer, *_) = listener.accept()
            kind = "IPv4" if ipaddress.IPv6Address(peer).ipv4_mapped else "IPv6"
            with conn:
                conn.sendall(kind.encode() + b" " + conn.recv(100).upper())


def ask(address: str, port: int, family: int) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.connect((address, port))
        sock.sendall(b"from a socket")
        return sock.recv(100).decode()


async def ask_asyncio(host: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(host, port, happy_eyeballs_delay=0.25)
    writer.write(b"from asyncio")
    answer = await reader.read()
    writer.close()
    return answer.decode()


def call(host: str, port: int) -> None:
    four = socket.gethostbyname(host)
    six = "::1" if host == four else host  # on a kernel's loopback the host is 127.0.0.1
    print(ask(six, port, socket.AF_INET6))
    print(ask(four, port, socket.AF_INET))
    print(ask(f"::ffff:{four}", port, socket.AF_INET6))
    print(asyncio.run(ask_asyncio(host, port)))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        serve(int(port))
    else:
        call(host, int(port))
