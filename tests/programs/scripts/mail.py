"""smtplib against a small line server, pipelined input and a reply of many lines."""

import smtplib
import socketserver
import sys
from email.message import EmailMessage

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 mail ready\r\n")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self.wfile.write(b"250-here\r\n250-PIPELINING\r\n250 SIZE 1000000\r\n")
            elif verb == "DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (text := self.rfile.readline()) != b".\r\n":
                    lines.append(text)
                print(len(lines), "lines", sum(map(len, lines)) > 50_000)
                self.wfile.write(b"250 stored\r\n")
            elif verb == "RCPT" and "nobody" in line:
                self.wfile.write(b"550 no such person\r\n")
            elif verb == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                break
            else:
                self.wfile.write(b"250 ok\r\n")
        print("session over")


def client():
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@x", "b@y", "hello"
    message.set_content("a line of text\n" * 4000)
    smtp = smtplib.SMTP(peer, port, local_hostname="me", timeout=5)
    print(smtp.ehlo())
    print(smtp.send_message(message))
    try:
        smtp.sendmail("a@x", ["nobody@y"], "text")
    except smtplib.SMTPRecipientsRefused as error:
        print(error.recipients)
    print(smtp.docmd("QUIT"), smtp.sock.recv(1))
    smtp.close()


if role == "server":
    with socketserver.TCPServer(("", port), Session) as server:
        server.handle_request()
else:
    client()
