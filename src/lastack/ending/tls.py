"""The end of TLS: a close_notify goes out, and the answer to it is not waited for.

RFC 8446 section 6.1 wants the alert before the FIN, so that the peer can tell an end from a
truncation. What arrives afterwards is thrown away undeciphered: OpenSSL takes application data
behind our close_notify for an error.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    import ssl


def is_tls(sock: socket.socket) -> TypeGuard[ssl.SSLSocket]:
    """Say whether a socket is one of module ssl, without importing that."""
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(sock, ssl.SSLSocket)


class Notify:
    """The close_notify of an ssl.SSLSocket, which talks to the kernel itself."""

    tls = True

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self._sent = False
        sock.setblocking(False)

    def flush(self) -> bool:
        """Try to send the alert; False while the send queue has no room for it."""
        import ssl

        if not self._sent:
            try:
                self._sock.unwrap()
            except ssl.SSLWantWriteError:
                return False
            except (ssl.SSLError, OSError, ValueError):
                # WANT_READ: sent, and the answer is not there. Otherwise sent and answered with
                # something else, or there is no TLS session that could be ended (ValueError).
                pass
            self._sent = True
        return True

    def held(self) -> int:
        """Nothing of the program's: SSLSocket.send() hands everything on."""
        return 0
