"""TCP_INFO, SIOCINQ and SIOCOUTQ at both ends of a connection, as its bytes come and go."""

import fcntl
import socket
import struct
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
LAYOUT = struct.Struct("=8B24I4Q6I4Q2I2Q6I2H8I2H")
# Not what a kernel remembers of an address from one connection to the next (ip-tcp_metrics(8)):
# snd_ssthresh and reordering.
PLACES = {
    "state": 0, "ca_state": 1, "retransmits": 2, "probes": 3, "backoff": 4, "options": 5,
    "wscales": 6, "unacked": 12, "sacked": 13, "lost": 14, "retrans": 15,
    "fackets": 16, "advmss": 27, "total_retrans": 31,
    "bytes_acked": 34, "bytes_received": 35, "notsent_bytes": 38, "data_segs_in": 40,
    "data_segs_out": 41, "delivered": 46, "bytes_sent": 48, "bytes_retrans": 49,
    "rcv_ooopack": 52, "total_rto": 56, "total_rto_recoveries": 57, "total_rto_time": 58,
}  # fmt: skip


def told(what, sock):
    fields = LAYOUT.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1024))
    print(what, {name: fields[place] for name, place in PLACES.items() if fields[place]})
    try:
        queues = [
            struct.unpack("i", fcntl.ioctl(sock, which, bytes(4)))[0]
            for which in (0x541B, 0x5411, 0x894B)
        ]
    except OSError as error:
        queues = error
    print(what, queues, len(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)))


def server():
    listener = socket.create_server(("", port))
    connection, _ = listener.accept()
    told("listening", listener)
    time.sleep(0.2)
    told("unread", connection)
    connection.recv(9000)
    connection.send(b"answer")
    connection.recv(9000)
    time.sleep(0.3)
    told("half-closed", connection)
    connection.close()
    listener.close()


def client():
    sock = socket.socket()
    told("fresh", sock)
    sock.close()
    with socket.create_connection((peer, port)) as sock:
        told("open", sock)
        for text in (b"x" * 3000, b"y", b"z" * 10):
            sock.sendall(text)
            time.sleep(0.05)
        sock.recv(9)
        sock.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
        told("half-closed", sock)
        sock.recv(9)
        told("closed", sock)


{"server": server, "client": client}[role]()
