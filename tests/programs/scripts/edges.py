"""An edge-triggered epoll server, one-shot, level-triggered poll, and a wake-up pipe."""

import os
import select
import socket
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    listener = socket.create_server(("", port))
    listener.setblocking(False)
    wake_read, wake_write = socket.socketpair()
    pipe_read, pipe_write = os.pipe()
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    epoll.register(wake_read, select.EPOLLIN)
    epoll.register(pipe_read, select.EPOLLIN | select.EPOLLONESHOT)

    def alarm():
        time.sleep(0.9)
        os.write(pipe_write, b"p")
        wake_write.send(b"stop")

    threading.Thread(target=alarm).start()
    connections, waits, stopped = {}, {}, False
    while not stopped:
        for fd, event in epoll.poll():
            if fd == listener.fileno():
                connection, _ = listener.accept()
                connection.setblocking(False)
                number = len(connections) + 1
                connections[connection.fileno()] = (number, connection)
                epoll.register(connection, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
            elif fd == wake_read.fileno():
                print("woken:", wake_read.recv(10))
                stopped = True
            elif fd == pipe_read:
                print("pipe", event == select.EPOLLIN, os.read(pipe_read, 10))
            else:
                number, connection = connections[fd]
                waits[number] = waits.get(number, 0) + 1
                try:
                    while data := connection.recv(3):
                        print(number, data)
                except BlockingIOError:
                    print(number, "drained")
                if event & select.EPOLLRDHUP:
                    print(number, "peer closed", bool(event & select.EPOLLHUP))
                    epoll.unregister(fd)
                    connection.close()
    print(waits)
    epoll.close()


def client():
    first = socket.create_connection((peer, port))
    time.sleep(0.1)
    second = socket.create_connection((peer, port))
    for sock, text in ((first, b"abcde"), (second, b"12"), (first, b"fg")):
        time.sleep(0.1)
        sock.sendall(text)
    time.sleep(0.1)
    second.close()
    time.sleep(0.1)
    first.shutdown(socket.SHUT_WR)
    poller = select.poll()
    poller.register(first, select.POLLIN | select.POLLOUT)
    time.sleep(0.1)
    print(poller.poll(1000)[0][1] & (select.POLLIN | select.POLLHUP), first.recv(1))


{"server": server, "client": client}[role]()
