"""The ends of connections as OpenMetrics, for a Prometheus that scrapes the loopback address.

The format is written here and not by prometheus_client: it would be the only third dependency of
the package, and counters and gauges with labels are one page of text without it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Final

from .addresses import endpoint
from .diag import count
from .ended import Ended
from .forecast import SECOND, PortUse, port_use
from .namespaces import Namespace
from .resets import Reset

CONTENT_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
LOOPBACK: Final = "127.0.0.1"
_SHOWN: Final = 20
"""Destinations with the highest use that are told: labels must not grow without bound."""

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts what `Watch` tells; `text` may be asked from another thread."""

    def __init__(self, namespace: Namespace | None = None) -> None:
        self._namespace = namespace
        self._lock = threading.Lock()
        self._endings: Counter[Labels] = Counter()
        self._lost: Counter[Labels] = Counter()
        self._unknown: Counter[Labels] = Counter()
        self._resets: Counter[Labels] = Counter()
        self.missed = 0
        """What Watch.missed says."""

    def add(self, event: Ended | Reset) -> None:
        """Count one event."""
        with self._lock:
            if isinstance(event, Reset):
                code = event.code or ("UNTOLD" if event.sent else "RECEIVED")
                self._resets[("direction", "sent" if event.sent else "received"),
                             ("reason", code)] += 1  # fmt: skip
                return
            port = _service(event)
            self._endings[("kind", event.kind.value), *port] += 1
            if event.unacknowledged is None or event.unread is None:
                self._unknown[port] += 1
                return
            for queue, number in (("send", event.unacknowledged), ("receive", event.unread)):
                if number:
                    self._lost[("queue", queue), *port] += number

    def text(self) -> str:
        """Return the whole exposition; looks at the kernel's table once."""
        uses = port_use(self._namespace)
        waits = sum(count("state time-wait", namespace=self._namespace).values())
        with self._lock:
            families = [
                _counter("lastack_endings", "Connections that ended.", self._endings),
                _counter("lastack_lost_bytes", "Bytes that died in a queue.", self._lost),
                _counter("lastack_unknown_losses", "Endings whose queues the kernel erased.",
                         self._unknown),
                _counter("lastack_resets", "RSTs by the kernel's reason.", self._resets),
                _counter("lastack_missed", "Times that the kernel dropped messages unread.",
                         {(): self.missed}),
            ]  # fmt: skip
        families.append(_gauge("lastack_time_waits", "Sockets in TIME-WAIT.", [((), waits)]))
        families += _forecast(uses)
        return "".join(families) + "# EOF\n"


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve(port: int, text: Callable[[], str]) -> ThreadingTCPServer:
    """Answer GET /metrics on 127.0.0.1 in a thread until shutdown(); port 0: any free one.

    Raises OSError when the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(404, "only /metrics is here")
                return
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent: the terminal shows endings."""

    # http.server's own server would ask a name server for the name of 127.0.0.1
    server = _Server((LOOPBACK, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _service(ended: Ended) -> Labels:
    """Return the port that names the service; the other one is different every time."""
    local, remote = ended.local[1], ended.remote[1]
    side, port = ("server", local) if ended.accepted else ("client", remote)
    return ("side", side), ("port", str(port) if port else "unknown")


def _forecast(uses: PortUse) -> list[str]:
    shown = uses.pairs[:_SHOWN]
    ends = [
        ((("source", endpoint(use.source, 0).removesuffix(":*")),
          ("destination", endpoint(*use.destination))), use)
        for use in shown
    ]  # fmt: skip
    return [
        _gauge("lastack_ports_used", "Automatic ports held towards a destination.",
               [(labels, use.used) for labels, use in ends]),
        _gauge("lastack_ports_total", "Automatic ports there are.", [((), uses.settings.total)]),
        _gauge("lastack_ports_exhausted_seconds", "Forecast until connect() fails; +Inf: never.",
               [(labels, float("inf") if use.exhausted_in is None else use.exhausted_in / SECOND)
                for labels, use in ends]),
    ]  # fmt: skip


def _counter(name: str, help: str, values: dict[Labels, int] | Counter[Labels]) -> str:
    rows = [_sample(f"{name}_total", labels, value) for labels, value in sorted(values.items())]
    return f"# TYPE {name} counter\n# HELP {name} {help}\n" + "".join(rows)


def _gauge(name: str, help: str, values: Iterable[tuple[Labels, float]]) -> str:
    rows = [_sample(name, labels, value) for labels, value in values]
    return f"# TYPE {name} gauge\n# HELP {name} {help}\n" + "".join(rows)


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    number = "+Inf" if value == float("inf") else f"{value:.10g}"
    return f"{name}{{{inside}}} {number}\n" if inside else f"{name} {number}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
