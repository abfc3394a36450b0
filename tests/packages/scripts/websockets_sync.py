"""websockets, the threading server and client."""

import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve


def echo(connection: ServerConnection) -> None:
    for message in connection:
        if message == "bye":
            connection.close(4001, "as you wish")
        else:
            connection.send(message * 2)


def call(host: str, port: int) -> None:
    with connect(f"ws://{host}:{port}") as connection:
        for message in ("one", b"two", "3" * 100_000):
            connection.send(message)
            answer = connection.recv(timeout=10)
            print(type(answer).__name__, len(answer))
        print(connection.ping().wait(5))
        connection.send("bye")
        try:
            connection.recv()
        except ConnectionClosed as error:
            print(error.rcvd and (error.rcvd.code, error.rcvd.reason))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        with serve(echo, "0.0.0.0", int(port)) as server:
            server.serve_forever()
    else:
        call(host, int(port))
