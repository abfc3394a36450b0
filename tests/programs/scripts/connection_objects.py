"""multiprocessing.connection over TCP: authentication, pickles, poll, wait, a wrong key."""

import sys
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener, wait

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    with Listener(("", port), family="AF_INET", authkey=b"key") as listener:
        for _ in range(3):
            try:
                with listener.accept() as connection:
                    while True:
                        what = connection.recv()
                        if what == "bytes":
                            connection.send_bytes(b"b" * 100_000)
                        else:
                            connection.send({"got": what})
            except AuthenticationError as error:
                print("wrong key:", error)
            except EOFError:
                print("left")


def client():
    with Client((peer, port), family="AF_INET", authkey=b"key") as connection:
        connection.send([1, "two", {3: 4.0}])
        print(connection.poll(2), connection.recv(), connection.poll(0.1))
        connection.send("bytes")
        print(len(connection.recv_bytes()))
        connection.send("wait")
        print(wait([connection], timeout=2) == [connection], connection.recv())
    try:
        Client((peer, port), family="AF_INET", authkey=b"wrong")
    except AuthenticationError as error:
        print(error)
    with Client((peer, port), family="AF_INET", authkey=b"key") as connection:
        timer = threading.Timer(0.2, connection.send, ["later"])
        timer.start()
        print(connection.recv())


{"server": server, "client": client}[role]()
