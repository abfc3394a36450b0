"""The other end of a connection: a thread that behaves in one particular way, and what it saw."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Self

from lastack.ending import linger

PATIENCE = 20.0
"""Seconds after which a test has failed; no passing test waits so long."""

Behaviour = Callable[["Peer"], None]


class Peer:
    """A connection whose other end, `sock`, is handled by a thread."""

    def __init__(
        self,
        behaviour: Behaviour,
        *,
        receive_buffer: int | None = None,
        ends: tuple[socket.socket, socket.socket] | None = None,
    ) -> None:
        self.ours, self.sock = ends or connection(receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.written = threading.Event()
        """Set by us when everything is written."""
        self.ready = threading.Event()
        """Set by the peer when it has done what is to come before our close."""
        self.ended = threading.Event()
        """Set by us when the connection is closed."""
        self.received = 0
        self.error: OSError | None = None
        self.eof = False
        self._thread = threading.Thread(target=self._run, args=(behaviour,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Wait until the peer is through, and close what is left."""
        self.written.set()
        self.ended.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self.ours.close()
        self.sock.close()

    def read_to_the_end(self) -> None:
        """Read until the end of file or an error."""
        try:
            while data := self.sock.recv(1 << 16):
                self.received += len(data)
            self.eof = True
        except OSError as error:
            self.error = error

    def _run(self, behaviour: Behaviour) -> None:
        try:
            behaviour(self)
        except OSError as error:
            self.error = error


def connection(receive_buffer: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection over loopback, the connecting one first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if receive_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    return ours, theirs


def reads_all(peer: Peer) -> None:
    peer.read_to_the_end()
    peer.sock.close()


UPLOAD = 4_000_000


def uploads(peer: Peer) -> None:
    """Send a lot, whatever comes, and read only then."""
    peer.sock.sendall(bytes(UPLOAD))
    peer.read_to_the_end()
    peer.sock.close()


def answers_the_fin(peer: Peer) -> None:
    """Begin to send a lot when the other side has finished."""
    peer.read_to_the_end()
    peer.sock.sendall(bytes(UPLOAD))
    peer.sock.close()


def closes_first(peer: Peer) -> None:
    peer.sock.shutdown(socket.SHUT_WR)
    peer.ready.set()
    peer.read_to_the_end()


def never_closes(peer: Peer) -> None:
    peer.ended.wait(PATIENCE)
    peer.read_to_the_end()


never_reads = never_closes  # with a receive buffer that is too small for everything


def resets(peer: Peer) -> None:
    peer.written.wait(PATIENCE)
    linger(peer.sock, 0)
    peer.sock.close()
