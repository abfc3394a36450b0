"""What is played: packages, the script that uses them, and what its client must print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from .expected import EXPECTED

SCRIPTS: Final = Path(__file__).parent / "scripts"
PORT: Final = 8000


@dataclass(frozen=True)
class Row:
    """One row of the table.

    title: what runs. script: its file. packages: distributions that must be installed. roles:
    programs in the order in which they start, the last is the one whose output is compared; each
    gets the role before it as its peer. red: why it does not run, "" for a row that must;
    complaint: what it says then, as far as it must.
    secret: bytes on the wire may differ between runs (TLS, SSH), all else may not.
    """

    title: str
    script: str
    packages: tuple[str, ...] = ()
    roles: tuple[str, ...] = ("server", "client")
    before: tuple[str, ...] = ()
    gate: bool = False
    secret: bool = False
    red: str = ""
    complaint: str = ""

    @property
    def key(self) -> str:
        """A name for tests: the script, and what stands before the role."""
        return "-".join((self.script, *self.before))

    @property
    def expected(self) -> list[str]:
        """The lines that the last role prints."""
        return EXPECTED[self.script]

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed here."""
        return [name for name in self.packages if installed(name) is None]

    def commands(self, hosts: Sequence[str] | None = None, port: int = PORT) -> list[list[str]]:
        """Return the command line of each role; `hosts`: the name of each role's peer."""
        peers = hosts or [self.roles[0], *self.roles[:-1]]
        path = str(SCRIPTS / f"{self.script}.py")
        return [
            [path, *self.before, role, peer, str(port)]
            for role, peer in zip(self.roles, peers, strict=True)
        ]


def installed(name: str) -> str | None:
    """Return the version of a distribution, None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


_FORKS: Final = "its arbiter forks its workers; run the application on waitress or uvicorn"

ROWS: Final = (
    Row("http.server + urllib", "http_server_urllib", gate=True),
    Row("requests", "requests_session", ("requests",), gate=True),
    Row("httpx, blocking", "httpx_sync", ("httpx",), gate=True),
    Row("httpx on asyncio", "httpx_async", ("httpx",), gate=True),
    Row("aiohttp server and client", "aiohttp_http", ("aiohttp",), gate=True),
    Row("aiohttp WebSocket", "aiohttp_websocket", ("aiohttp",), gate=True),
    Row("uvicorn + starlette", "uvicorn_starlette", ("uvicorn", "starlette", "httpx"), gate=True),
    Row("redis-py, blocking", "redis_sync", ("redis", "fakeredis"), gate=True),
    Row("redis-py on asyncio", "redis_asyncio", ("redis", "fakeredis"), gate=True),
    Row("http.client + wsgiref", "http_client"),
    Row("hypercorn", "hypercorn_asgi", ("hypercorn",)),
    Row("flask on werkzeug", "flask_werkzeug", ("flask", "werkzeug")),
    Row("waitress", "waitress_wsgi", ("waitress",)),
    Row("websockets, threads", "websockets_sync", ("websockets",)),
    Row("websockets on asyncio", "websockets_asyncio", ("websockets",)),
    Row("trio", "trio_streams", ("trio",)),
    Row("anyio on asyncio", "anyio_streams", ("anyio",), before=("asyncio",)),
    Row("anyio on trio", "anyio_streams", ("anyio", "trio"), before=("trio",)),
    Row("aiosmtpd + smtplib", "aiosmtpd_smtplib", ("aiosmtpd",)),
    Row("xmlrpc", "xmlrpc_calls"),
    Row("pyftpdlib + ftplib", "pyftpdlib_ftplib", ("pyftpdlib",)),
    Row("paho-mqtt + amqtt", "paho_amqtt", ("paho-mqtt", "amqtt")),
    Row("paramiko", "paramiko_ssh", ("paramiko",), secret=True),
    Row("Twisted", "twisted_lines", ("twisted",)),
    Row("TLS, blocking", "tls_blocking", secret=True),
    Row("TLS on asyncio", "tls_asyncio", secret=True),
    Row("executors", "executors"),
    Row("signal handlers", "signal_handlers"),
    Row("trio, asyncio and threads mixed", "mixed", ("trio",), ("server", "proxy", "client")),
    Row("UDP: socketserver, asyncio", "udp_questions"),
    Row("crowds of tasks", "crowds", ("trio",)),
    Row("gunicorn", "gunicorn_arbiter", ("gunicorn",), ("server",), red=_FORKS,
        complaint="a simulated program cannot start a process: give that program a name"),
    Row("IPv6", "ipv6_streams"),
    Row("Tornado", "tornado_web", ("tornado",)),
    Row("CherryPy", "cherrypy_site", ("cherrypy", "cheroot")),
    Row("dnspython", "dnspython_names", ("dnspython",)),
    Row("gRPC: grpclib", "grpclib_calls", ("grpclib",)),
)  # fmt: skip
