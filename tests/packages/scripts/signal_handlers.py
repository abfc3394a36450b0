"""Signal handlers: an alarm in a blocking call, one that raises, asyncio's, SIGINT."""

import asyncio
import signal
import socket
import sys
import time


def serve(port: int) -> None:
    with socket.create_server(("", port)) as listener:
        kept = []
        while True:
            kept.append(listener.accept())


class Alarm(Exception):
    pass


def call(host: str, port: int) -> None:
    rung: list[float] = []
    signal.signal(signal.SIGALRM, lambda *_: rung.append(round(time.monotonic(), 1)))
    signal.setitimer(signal.ITIMER_REAL, 1, 1)
    with socket.create_connection((host, port)) as sock:
        time.sleep(3.5)
        print("rung", len(rung))

        def ring(*_: object) -> None:
            raise Alarm

        signal.signal(signal.SIGALRM, ring)
        try:
            sock.recv(1)
        except Alarm:
            print("Alarm")
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(asyncio.run(in_a_loop()))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("KeyboardInterrupt")


async def in_a_loop() -> str:
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, told.set_result, "SIGUSR1 in the loop")
    loop.call_later(1, signal.raise_signal, signal.SIGUSR1)
    return await told


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
