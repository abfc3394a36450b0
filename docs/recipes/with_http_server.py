"""http.server (and any socketserver): end each connection with lastack instead of close().

python with_http_server.py PORT [plain]
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from early_answer import ANSWER

from lastack.ending import close


class EndingMixIn:
    """Put it before ThreadingMixIn's server: only the connection's own thread waits."""

    def shutdown_request(self, request: Any) -> None:
        """Called by socketserver when a request is done, whatever became of it."""
        try:
            ending = close(request, timeout=30, idle=5)
        except OSError:  # the handler closed it
            return
        if not ending.delivered:
            print(ending.kind, ending.reason, file=sys.stderr)


class Server(EndingMixIn, ThreadingHTTPServer):
    """A threading HTTP server whose answers arrive."""


class Handler(BaseHTTPRequestHandler):
    """Answers an upload without reading it."""

    def do_POST(self) -> None:  # noqa: N802, RUF100 - http.server wants this name
        """Answer at once."""
        self.send_response(413)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    kind = ThreadingHTTPServer if sys.argv[2:] == ["plain"] else Server
    kind(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
