"""ftplib against a small FTP server: a control connection and a data connection for each file."""

import ftplib
import io
import socket
import socketserver
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


FILES = {}


class Session(socketserver.StreamRequestHandler):
    data = None

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self):
        self.say("220 ready")
        for line in self.rfile:
            verb, _, argument = line.decode().strip().partition(" ")
            print("<", verb, argument)
            getattr(self, f"do_{verb.lower()}", self.unknown)(argument)
            if verb == "QUIT":
                break

    def unknown(self, argument):
        self.say("502 not here")

    def do_user(self, argument):
        self.say("331 password please")

    def do_pass(self, argument):
        self.say("230 come in")

    def do_type(self, argument):
        self.say("200 fine")

    def do_pasv(self, argument):
        self.data = socket.create_server(("", 0))
        number = self.data.getsockname()[1]
        address = self.connection.getsockname()[0].replace(".", ",")
        self.say(f"227 Entering Passive Mode ({address},{number >> 8},{number & 255})")

    def transfer(self, work):
        self.say("150 here it comes")
        connection, _ = self.data.accept()
        self.data.close()
        with connection:
            work(connection)
        self.say("226 done")

    def do_stor(self, name):
        def work(connection):
            with connection.makefile("rb") as file:
                FILES[name] = file.read()

        self.transfer(work)

    def do_retr(self, name):
        if name in FILES:
            self.transfer(lambda connection: connection.sendall(FILES[name]))
        else:
            self.say("550 no such file")

    def do_nlst(self, argument):
        text = "".join(f"{name}\r\n" for name in sorted(FILES))
        self.transfer(lambda connection: connection.sendall(text.encode()))

    def do_quit(self, argument):
        self.say("221 bye")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


def client():
    body = bytes(range(256)) * 3000
    with ftplib.FTP() as ftp:
        print(ftp.connect(peer, port, timeout=10))
        print(ftp.login("me", "secret"))
        print(ftp.storbinary("STOR one.bin", io.BytesIO(body)))
        print(ftp.storlines("STOR two.txt", io.BytesIO(b"a\nb\n")))
        print(ftp.nlst())
        got = io.BytesIO()
        print(ftp.retrbinary("RETR one.bin", got.write, blocksize=5000))
        print(got.getvalue() == body)
        try:
            ftp.retrbinary("RETR none", got.write)
        except ftplib.error_perm as error:
            print(error)
        print(ftp.sendcmd("QUIT"), ftp.file.read())
        ftp.close()


if role == "server":
    with Server(("", port), Session) as server:
        server.serve_forever()
else:
    client()
