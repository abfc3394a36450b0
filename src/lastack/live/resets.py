"""RSTs as the kernel's trace points tell them, with its reasons in plain words."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Final

from lastack.profile import unmapped
from lastack.trace import Reason
from lastack.verdict import Figures, cause

_HERE: Final = Figures(host="this side", peer="the peer")
_R: Final = Reason


def _words(reason: Reason) -> str:
    return cause(reason, _HERE)


REASONS: Final = {
    "NO_SOCKET": "nobody listens on that port here, or the connection is long gone",
    "TCP_ABORT_ON_CLOSE": _words(_R.UNREAD_AT_CLOSE),
    "TCP_ABORT_ON_DATA": _words(_R.DATA_AFTER_CLOSE),
    "TCP_TIMEWAIT_SOCKET": f"{_words(_R.DATA_AFTER_CLOSE)} (only the kernel's entry was left)",
    "TCP_ABORT_ON_LINGER": _words(_R.LINGER2_NEGATIVE),
    "TCP_ABORT_ON_MEMORY": "too many closed connections (tcp_max_orphans) or no memory for them",
    "TCP_STATE": "this side aborted: SO_LINGER 0, a listener closed before accept(), or a kill",
    "TCP_DISCONNECT_WITH_DATA": "this side aborted behind its FIN with data still unsent",
    "TCP_KEEPALIVE_TIMEOUT": "keepalive got no answer, or TCP_USER_TIMEOUT was over",
    "TCP_INVALID_ACK_SEQUENCE": "the handshake acknowledged what was not sent",
    "TCP_ACK_UNSENT_DATA": "the handshake's last ACK acknowledged what was not sent",
    "TCP_TOO_OLD_ACK": "an acknowledgment that is far too old",
    "TCP_OLD_ACK": "an old acknowledgment in the handshake",
    "TCP_RFC7323_PAWS": "a timestamp older than the last (PAWS)",
    "TCP_FLAGS": "a segment whose flags do not fit a handshake",
    "INVALID_SYN": "a SYN inside the connection",
    "MPTCP_RST_EUNSPEC": "Multipath TCP: unspecified",
    "MPTCP_RST_EMPTCP": "Multipath TCP: error in its options",
    "MPTCP_RST_ERESOURCE": "Multipath TCP: no resources",
    "MPTCP_RST_EPROHIBIT": "Multipath TCP: prohibited by policy",
    "MPTCP_RST_EWQ2BIG": "Multipath TCP: too much outstanding data",
    "MPTCP_RST_EBADPERF": "Multipath TCP: bad performance",
    "MPTCP_RST_EMIDDLEBOX": "Multipath TCP: a middlebox interfered",
}
"""Linux's enum sk_rst_reason (net/rstreason.h, Linux 6.10) without its prefix."""

_UNTOLD: Final = "the kernel does not tell (it does since Linux 6.10)"
_SENT: Final = re.compile(r"tcp_send_reset:.*? src=(\S+) dest=(\S+)(?: state=(\S+))?")
_REASON: Final = re.compile(r" reason=(\S+)")
_OTHER: Final = re.compile(
    r"(tcp_\w+_reset):.*? sport=(\d+) dport=(\d+) .*?saddrv6=(\S+) daddrv6=(\S+)"
)
_ENDPOINT: Final = re.compile(r"\[?([0-9a-fA-F.:]*?)(?:%\S+)?\]?:(\d+)")


@dataclass(frozen=True)
class Reset:
    """An RST that left this machine or that a connection of it took.

    code: the kernel's name for the reason, "" when received or untold; why: in plain words.
    """

    sent: bool
    local: tuple[bytes, int]
    remote: tuple[bytes, int]
    code: str
    why: str


def parse_reset(line: str) -> Reset | None:
    """Read a line of trace_pipe; None: another kind of line, such as a note on lost events."""
    modern = _SENT.search(line)
    if modern:
        ends = _endpoint(modern[1]), _endpoint(modern[2])
    else:
        other = _OTHER.search(line)
        if other is None:
            return None
        ends = _endpoint(f"{other[4]}:{other[2]}"), _endpoint(f"{other[5]}:{other[3]}")
        if other[1] == "tcp_receive_reset":
            return None if None in ends else _received(ends)
    local, remote = ends
    if local is None or remote is None:
        return None
    found = _REASON.search(line)
    code = found[1] if found else ""
    return Reset(True, local, remote, code, REASONS.get(code, code) if code else _UNTOLD)


def _received(ends: tuple[tuple[bytes, int] | None, tuple[bytes, int] | None]) -> Reset:
    local, remote = ends
    assert local is not None
    assert remote is not None
    return Reset(False, local, remote, "", "the peer sent an RST")


def _endpoint(text: str) -> tuple[bytes, int] | None:
    found = _ENDPOINT.fullmatch(text)
    if found is None:
        return None
    family = socket.AF_INET6 if ":" in found[1] else socket.AF_INET
    try:
        return unmapped(socket.inet_pton(family, found[1])), int(found[2])
    except OSError:
        return None
