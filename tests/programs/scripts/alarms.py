"""Signals: SIGALRM ends a blocking call when its handler raises, not when it returns."""

import signal
import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Alarm(Exception):
    pass


def raising(number, frame):
    raise Alarm(signal.Signals(number).name)


def counting(number, frame):
    print("tick")


def server():
    with socket.create_server(("", port)) as listener:
        connection, _ = listener.accept()
        time.sleep(1)
        connection.sendall(b"late")
        print(connection.recv(10))
        connection.close()


def client():
    with socket.create_connection((peer, port)) as sock:
        signal.signal(signal.SIGALRM, raising)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        begun = time.monotonic()
        try:
            sock.recv(10)
        except Alarm as error:
            print(error, round(time.monotonic() - begun, 1))
        signal.signal(signal.SIGALRM, counting)
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.25)
        print(sock.recv(10), round(time.monotonic() - begun, 1))
        print(signal.setitimer(signal.ITIMER_REAL, 0)[1])
        signal.signal(signal.SIGALRM, raising)
        try:
            signal.raise_signal(signal.SIGALRM)
        except Alarm as error:
            print("raised", error)
        sock.sendall(b"bye")


{"server": server, "client": client}[role]()
