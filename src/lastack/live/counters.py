"""The kernel's own counters that name the cause of an ending: /proc/net/netstat and snmp."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from .errors import need_linux
from .namespaces import Namespace

_FILES: Final = ("netstat", "snmp")


class Meaning(NamedTuple):
    """What counts in a counter, what to do about it ("": nothing), and whether bytes were lost."""

    cause: str
    remedy: str = ""
    bytes_lost: bool = False


_READ_FIRST: Final = (
    "Read until EOF before close(): the RST destroys what the peer has not read yet, too."
)
_BACKLOG: Final = "Accept faster, or raise both listen()'s backlog and net.core.somaxconn."
_TIMEOUT: Final = "Look at the path to these peers; keepalive and TCP_USER_TIMEOUT set the limit."

MEANINGS: Final[dict[str, Meaning]] = {
    "TcpExt.TCPAbortOnClose": Meaning("close() found unread data and sent an RST",
                                      _READ_FIRST, True),
    "TcpExt.TCPAbortOnData": Meaning(
        "data came after close(), or close() aborted by SO_LINGER 0", "shutdown(SHUT_WR), read "
        "until EOF, then close(); keep SO_LINGER off.", True),
    "TcpExt.TCPAbortOnLinger": Meaning("closed with TCP_LINGER2 below 0: no FIN-WAIT-2",
                                       "Leave TCP_LINGER2 at its default.", True),
    "TcpExt.TCPAbortOnTimeout": Meaning("gave up: nothing was acknowledged any more",
                                        _TIMEOUT, True),
    "TcpExt.TCPAbortOnMemory": Meaning(
        "closed connections were cut: too many orphans", "Raise tcp_max_orphans, or find out who "
        "closes with full queues to peers that do not read.", True),
    "TcpExt.TCPAbortFailed": Meaning("an RST could not be sent for want of memory"),
    "Tcp.EstabResets": Meaning("an established connection or CLOSE-WAIT ended by an RST"),
    "Tcp.OutRsts": Meaning("RSTs sent, for whatever reason (lastack watch --why-rst tells)"),
    "Tcp.AttemptFails": Meaning("connects that failed, refused ones included"),
    "TcpExt.EmbryonicRsts": Meaning("an RST came during the handshake"),
    "TcpExt.ListenOverflows": Meaning("an accept queue was full", _BACKLOG),
    "TcpExt.ListenDrops": Meaning("a listener dropped a connection, a full queue included",
                                  _BACKLOG),
    "TcpExt.TCPReqQFullDoCookies": Meaning("SYN queue full, cookies were sent", _BACKLOG),
    "TcpExt.TCPReqQFullDrop": Meaning("SYN queue full, SYNs were dropped", _BACKLOG),
    "TcpExt.TW": Meaning("connections that went through TIME-WAIT to its end"),
    "TcpExt.TWRecycled": Meaning("TIME-WAITs taken over by connect() (tcp_tw_reuse)"),
    "TcpExt.TWKilled": Meaning("TIME-WAITs removed early"),
    "TcpExt.TCPTimeWaitOverflow": Meaning(
        "connections without a TIME-WAIT: table full", "Raise tcp_max_tw_buckets: without "
        "TIME-WAIT an old duplicate can meet a new connection."),
    "TcpExt.PAWSEstab": Meaning("segments dropped: timestamp older than the last"),
    "TcpExt.PAWSTimewait": Meaning("SYNs that TIME-WAIT dropped: timestamp older than the last"),
    "TcpExt.TCPACKSkippedTimeWait": Meaning("TIME-WAIT's answers left out: at most one in 0.5 s"),
    "TcpExt.TCPChallengeACK": Meaning("doubtful RSTs and SYNs answered by an ACK (RFC 5961)"),
    "TcpExt.TCPTimeouts": Meaning("retransmission timers that ran out"),
    "TcpExt.TCPSynRetrans": Meaning("SYNs sent again: the first got no answer"),
    "TcpExt.TCPRcvQDrop": Meaning("data dropped: receive buffer full"),
    "TcpExt.TCPKeepAlive": Meaning("keepalive probes sent"),
}  # fmt: skip
"""By name as nstat(8) spells it, with a point behind the group."""


@dataclass(frozen=True)
class KernelCounter:
    """One counter since the network namespace was made; `value` is how often."""

    name: str
    value: int
    meaning: Meaning


def counters(namespace: Namespace | None = None) -> list[KernelCounter]:
    """Return the counters that name causes, zeros included; those the kernel lacks are left out."""
    need_linux("the counters of TCP")
    values = _read() if namespace is None else namespace.run(_read)
    return [
        KernelCounter(name, values[name], meaning)
        for name, meaning in MEANINGS.items()
        if name in values
    ]


def _read() -> dict[str, int]:
    values: dict[str, int] = {}
    for file in _FILES:
        # this thread's: it may be in another namespace than the process
        lines = Path(f"/proc/thread-self/net/{file}").read_text().splitlines()
        for names, numbers in zip(lines[::2], lines[1::2], strict=True):
            group, *heads = names.split()
            pairs = zip(heads, numbers.split()[1:], strict=True)
            values.update({f"{group.removesuffix(':')}.{k}": int(v) for k, v in pairs})
    return values
