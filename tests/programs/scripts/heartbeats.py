"""sched, threading.Timer, Event.wait and Condition: heartbeats and a watchdog."""

import sched
import socket
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    listener = socket.create_server(("", port))
    connection, _ = listener.accept()
    lost = threading.Event()
    beats = []
    condition = threading.Condition()

    def bark():
        print("watchdog barks after", len(beats), "beats")
        lost.set()
        with condition:
            condition.notify_all()

    def read():
        watchdog = threading.Timer(0.5, bark)
        watchdog.start()
        while data := connection.recv(1):
            watchdog.cancel()
            with condition:
                beats.append(data)
                condition.notify_all()
            watchdog = threading.Timer(0.5, bark)
            watchdog.start()
        watchdog.cancel()
        print("end of stream")

    thread = threading.Thread(target=read)
    thread.start()
    with condition:
        print(condition.wait_for(lambda: len(beats) >= 3, timeout=2))
    print(lost.wait(0.05), lost.wait(3), len(beats))
    thread.join()
    connection.close()
    listener.close()


def client():
    scheduler = sched.scheduler(time.monotonic, time.sleep)
    begun = time.monotonic()
    with socket.create_connection((peer, port)) as sock:
        for number, at in enumerate((0.1, 0.3, 0.5, 0.7, 1.5)):
            scheduler.enter(at, 1, sock.send, argument=(b"%d" % number,))
        scheduler.enter(0.6, 2, print, argument=("half way",))
        late = scheduler.enter(9, 1, print, argument=("never",))
        scheduler.cancel(late)
        scheduler.run()
    print("ran", round(time.monotonic() - begun, 1))


{"server": server, "client": client}[role]()
