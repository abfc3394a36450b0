"""A chat of three hosts: one select() server, two people who talk in turn."""

import select
import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    listener = socket.create_server(("", port))
    listener.setblocking(False)
    names = {}
    while True:
        readable, _, _ = select.select([listener, *names], [], [], 5)
        for sock in readable:
            if sock is listener:
                connection, _ = listener.accept()
                connection.setblocking(False)
                names[connection] = ""
                continue
            data = sock.recv(4096)
            if not data:
                name = names.pop(sock)
                sock.close()
                text = f"* {name} left\n"
                print(text.strip())
            else:
                line = data.decode().strip()
                if not names[sock]:
                    names[sock] = line
                    text = f"* {line} joined\n"
                    print(text.strip())
                else:
                    text = f"{names[sock]}: {line}\n"
            for other in names:
                if other is not sock:
                    other.sendall(text.encode())
        if not names:
            break
    listener.close()
    print("all left")


def person(name, offset):
    where = peer if peer[0].isdigit() else "server"
    with socket.create_connection((where, port)) as sock:
        time.sleep(offset)
        sock.sendall(name.encode() + b"\n")
        time.sleep(0.4)
        for number in range(3):
            sock.sendall(f"line {number} of {name}\n".encode())
            time.sleep(0.4)
        sock.settimeout(0.2)
        heard = b""
        try:
            while data := sock.recv(4096):
                heard += data
        except TimeoutError:
            heard += b"(silence)"
        print(heard.decode())


if role == "server":
    server()
else:
    person(role, {"alice": 0.1, "bob": 0.3}[role])
