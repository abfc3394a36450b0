"""Sockets as they are destroyed: the multicast groups of sock_diag(7), no root needed."""

from __future__ import annotations

import errno
import select
import socket
from typing import Final

from .namespaces import Namespace
from .netlink import connect, messages
from .row import Row

# SKNLGRP_INET_TCP_DESTROY is group 1, SKNLGRP_INET6_TCP_DESTROY group 3 (linux/sock_diag.h).
_GROUPS: Final = 1 << 0 | 1 << 2
_CHUNK: Final = 1 << 16


class DestroyFeed:
    """Listens from the moment it is made; a context manager.

    The kernel tells of a connection when its socket is destroyed, with the last struct tcp_info,
    and a moment later than it happens, from a work queue.
    For the side that closes first that is the entry into TIME-WAIT; that a TIME-WAIT ends is not
    told. Inode and uid are 0, and addresses of an aborted connection may be erased.
    """

    def __init__(self, *, namespace: Namespace | None = None, buffer: int | None = None) -> None:
        """`buffer` is SO_RCVBUF in bytes, for messages that wait to be read (None: 4 MiB)."""
        self._netlink = connect(namespace, _GROUPS)
        if buffer is not None:
            self._netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.missed = 0
        """How often the kernel had to drop messages because nobody read them."""

    def fileno(self) -> int:
        """The descriptor, for select(2)."""
        return self._netlink.fileno()

    def read(self, timeout: int | None = None) -> list[Row]:
        """Return what was destroyed; wait up to `timeout` ns for the first (None: no limit)."""
        seconds = None if timeout is None else timeout / 1e9
        rows: list[Row] = []
        while select.select([self._netlink], (), (), 0 if rows else seconds)[0]:
            try:
                rows.extend(map(Row, messages(self._netlink.recv(_CHUNK, socket.MSG_DONTWAIT))))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.missed += 1
            if len(rows) >= 1000:
                break
        return rows

    def close(self) -> None:
        """Stop listening."""
        self._netlink.close()

    def __enter__(self) -> DestroyFeed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
