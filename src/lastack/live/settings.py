"""The sysctls that touch the end of a connection: what is set here, and what each really does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from .errors import need_linux
from .namespaces import Namespace

_PLACE: Final = Path("/proc/sys/net")


class Meaning(NamedTuple):
    """The kernel's default (None: by size of the machine), what it does, what to avoid ("": -)."""

    default: str | None
    does: str
    when_changed: str = ""


MEANINGS: Final[dict[str, Meaning]] = {
    "ipv4.tcp_fin_timeout": Meaning(
        "60", "seconds of FIN-WAIT-2 once its program has closed; not of TIME-WAIT"),
    "ipv4.tcp_tw_reuse": Meaning(
        "2", "connect() may take over a TIME-WAIT: 0 never, 1 always, 2 on loopback"),
    "ipv4.tcp_tw_reuse_delay": Meaning("1000", "ms that a TIME-WAIT is left alone before that"),
    "ipv4.tcp_max_tw_buckets": Meaning(
        None, "how many TIME-WAITs at most; beyond, connections end without one"),
    "ipv4.tcp_timestamps": Meaning(
        "1", "0: no timestamps, hence no reuse of TIME-WAITs and no PAWS",
        "Without timestamps tcp_tw_reuse does nothing and old duplicates are told by number only."),
    "ipv4.tcp_rfc1337": Meaning("0", "1: an RST does not end a TIME-WAIT"),
    "ipv4.ip_local_port_range": Meaning(
        "32768 60999", "the ports that connect() and bind() to port 0 choose from"),
    "ipv4.ip_local_reserved_ports": Meaning("", "those that they leave out"),
    "ipv4.tcp_orphan_retries": Meaning(
        "0", "tries for what is unsent after close(); 0 stands for 8",
        "A small value destroys data of closed connections on a path that loses much."),
    "ipv4.tcp_max_orphans": Meaning(
        None, "how many closed connections with queues at most; beyond, they are cut by RST"),
    "ipv4.tcp_retries2": Meaning("15", "how long an open connection tries: 15 is 924 s and more"),
    "ipv4.tcp_syn_retries": Meaning("6", "SYNs sent again before connect() gives up"),
    "ipv4.tcp_keepalive_time": Meaning("7200", "idle seconds before SO_KEEPALIVE's first probe"),
    "ipv4.tcp_abort_on_overflow": Meaning(
        "0", "1: a full accept queue answers by RST instead of silence",
        "Clients see a reset where a moment's wait would have served them."),
    "core.somaxconn": Meaning("4096", "the longest accept queue that listen() can ask for"),
    "ipv4.tcp_tw_recycle": Meaning(
        None, "gone since Linux 4.12: it broke clients behind one address"),
}  # fmt: skip
"""By name below net."""


@dataclass(frozen=True)
class Setting:
    """One sysctl: `value` None where the kernel has it not, or not in this namespace."""

    name: str
    value: str | None
    meaning: Meaning

    @property
    def changed(self) -> bool:
        """Whether it has another value than the kernel's default."""
        return None not in (self.value, self.meaning.default) and (
            self.value != self.meaning.default
        )


def settings(namespace: Namespace | None = None) -> list[Setting]:
    """Read them; raises PermissionError where the namespace cannot be entered."""
    need_linux("sysctls")
    values = _read() if namespace is None else namespace.run(_read)
    return [Setting(f"net.{name}", values[name], meaning) for name, meaning in MEANINGS.items()]


def _read() -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for name in MEANINGS:
        try:
            values[name] = " ".join((_PLACE / name.replace(".", "/")).read_text().split())
        except FileNotFoundError:
            values[name] = None
    return values
