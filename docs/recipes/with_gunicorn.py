"""gunicorn (workers sync and gthread): a configuration file.

    gunicorn -c with_gunicorn.py -k gthread --threads 8 app:application

gunicorn ends a connection in `gunicorn.util.close_graceful`, which gives up after 65,536 bytes of
the request's body, and which a gthread worker calls in the thread that accepts. There is no setting
for that, so the function is replaced in each worker, by one that lets a thread of its own wait.
"""

from __future__ import annotations

import socket
import threading
import weakref
from typing import Any

from gunicorn import util

from lastack.ending import close


def post_worker_init(worker: Any) -> None:
    """Called by gunicorn in each worker when it has loaded the application."""
    theirs = util.close_graceful
    taken: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def end(sock: socket.socket) -> None:
        ending = close(sock, timeout=20, idle=5)
        if not ending.delivered:
            worker.log.warning("answer lost: %s, %s", ending.kind, ending.reason)

    def close_graceful(sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            theirs(sock, *args, **kwargs)  # a proxy over a Unix socket
        elif sock.fileno() >= 0 and sock not in taken:  # after an error gunicorn calls twice
            taken.add(sock)
            threading.Thread(target=end, args=(sock,)).start()

    util.close_graceful = close_graceful
