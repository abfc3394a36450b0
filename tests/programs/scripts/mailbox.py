"""poplib against a small server: a reply of many lines, byte-stuffing, an error, a cut."""

import poplib
import socketserver
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
LETTERS = [
    b"Subject: one\r\n\r\nshort\r\n",
    b"Subject: two\r\n\r\n.dots\r\n" + b"long line\r\n" * 9000,
]


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"+OK ready\r\n")
        for line in self.rfile:
            verb, _, argument = line.decode().strip().partition(" ")
            if verb == "STAT":
                self.wfile.write(b"+OK %d %d\r\n" % (len(LETTERS), sum(map(len, LETTERS))))
            elif verb == "LIST":
                lines = [b"%d %d\r\n" % (n, len(text)) for n, text in enumerate(LETTERS, 1)]
                self.wfile.write(b"+OK\r\n" + b"".join(lines) + b".\r\n")
            elif verb == "RETR" and int(argument) <= len(LETTERS):
                text = LETTERS[int(argument) - 1].replace(b"\r\n.", b"\r\n..")
                self.wfile.write(b"+OK\r\n" + text + b".\r\n")
            elif verb == "RETR":
                self.wfile.write(b"-ERR no such letter\r\n")
            elif verb == "NOOP":
                self.wfile.write(b"+OK half an ans")
                return
            else:
                self.wfile.write(b"+OK\r\n")
        print("not reached")


def client():
    box = poplib.POP3(peer, port, timeout=5)
    print(box.getwelcome(), box.user("me"), box.pass_("secret"))
    print(box.stat(), box.list())
    for number in (1, 2):
        answer, lines, size = box.retr(number)
        print(answer, len(lines), size, lines[2])
    try:
        box.retr(3)
    except poplib.error_proto as error:
        print(error)
    try:
        print(box.noop())
    except poplib.error_proto as error:
        print("cut:", error)
    box.close()


if role == "server":
    with socketserver.TCPServer(("", port), Session) as server:
        server.handle_request()
else:
    client()
