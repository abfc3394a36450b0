"""logging.handlers.SocketHandler and a receiver that unpickles length-prefixed records."""

import logging
import logging.handlers
import pickle
import socketserver
import struct
import sys
import threading

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Receiver(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(4)) == 4:
            (length,) = struct.unpack(">L", head)
            record = logging.makeLogRecord(pickle.loads(self.rfile.read(length)))
            print(record.name, record.levelname, record.getMessage(), record.threadName)
        print("sender left")


def work(number):
    logging.getLogger(f"worker.{number}").warning("number %d of %s", number, "three")


def client():
    handler = logging.handlers.SocketHandler(peer, port)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.info("begin")
    for number in range(3):
        thread = threading.Thread(target=work, args=(number,), name=f"thread {number}")
        thread.start()
        thread.join()
    logging.getLogger("end").error("x" * 70_000)
    root.removeHandler(handler)
    handler.close()
    try:
        raise ValueError("local")
    except ValueError:
        logging.getLogger("not sent").debug("never", exc_info=True)
    print("sent")


if role == "server":
    with socketserver.TCPServer(("", port), Receiver) as server:
        server.handle_request()
else:
    client()
