"""Python code in a script, %{ ... }%, which looks at TCP_INFO through names like tcpi_state."""

from __future__ import annotations

import inspect
import struct
from typing import Any, Final

from .calls import Mismatch
from .syntax import Unsupported

_LAYOUT: Final = (
    ("B", "state ca_state retransmits probes backoff options scales flags"),
    ("I", "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent"),
    ("I", "last_ack_sent last_data_recv last_ack_recv pmtu rcv_ssthresh rtt rttvar"),
    ("I", "snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans"),
    ("Q", "pacing_rate max_pacing_rate bytes_acked bytes_received"),
    ("I", "segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out"),
    ("Q", "delivery_rate busy_time rwnd_limited sndbuf_limited"),
    ("I", "delivered delivered_ce"),
    ("Q", "bytes_sent bytes_retrans"),
    ("I", "dsack_dups reord_seen rcv_ooopack snd_wnd"),
)
"""struct tcp_info of Linux (include/uapi/linux/tcp.h); `scales` and `flags` are bit fields."""

_CONSTANTS: Final = {
    "TCP_ESTABLISHED": 1, "TCP_SYN_SENT": 2, "TCP_SYN_RECV": 3, "TCP_FIN_WAIT1": 4,
    "TCP_FIN_WAIT2": 5, "TCP_TIME_WAIT": 6, "TCP_CLOSE": 7, "TCP_CLOSE_WAIT": 8,
    "TCP_LAST_ACK": 9, "TCP_LISTEN": 10, "TCP_CLOSING": 11,
    "TCPI_ESTABLISHED": 1, "TCPI_SYN_SENT": 2, "TCPI_SYN_RECEIVED": 3, "TCPI_FIN_WAIT_1": 4,
    "TCPI_FIN_WAIT_2": 5, "TCPI_TIME_WAIT": 6, "TCPI_CLOSED": 7, "TCPI_CLOSE_WAIT": 8,
    "TCPI_LAST_ACK": 9, "TCPI_LISTEN": 10, "TCPI_CLOSING": 11,
    "TCP_CA_Open": 0, "TCP_CA_Disorder": 1, "TCP_CA_CWR": 2, "TCP_CA_Recovery": 3,
    "TCP_CA_Loss": 4,
    "TCPI_OPT_TIMESTAMPS": 1, "TCPI_OPT_SACK": 2, "TCPI_OPT_WSCALE": 4, "TCPI_OPT_ECN": 8,
    "TCPI_OPT_ECN_SEEN": 16, "TCPI_OPT_SYN_DATA": 32,
    "TCP_INFINITE_SSTHRESH": 0x7FFFFFFF,
}  # fmt: skip


def info_names(raw: bytes) -> dict[str, int]:
    """Return tcpi_state and the others, as far as `raw` goes."""
    found: dict[str, int] = {}
    at = 0
    for kind, names in _LAYOUT:
        size = struct.calcsize(kind)
        for name in names.split():
            if at + size > len(raw):
                return found
            (found[f"tcpi_{name}"],) = struct.unpack_from(f"<{kind}", raw, at)
            at += size
            if name == "scales":
                found["tcpi_snd_wscale"] = found["tcpi_scales"] & 15
                found["tcpi_rcv_wscale"] = found["tcpi_scales"] >> 4
    return found


class Interpreter:
    """Runs the pieces of code of one script, which share their variables.

    It is Python with all that Python can do, as it is in packetdrill: play only scripts you trust.
    """

    def __init__(self) -> None:
        self._names: dict[str, Any] = {**_CONSTANTS, "print": _quiet}

    def run(self, text: str, raw: bytes) -> Mismatch | None:
        """Run a piece; the mismatch is an assertion that fails, or another error of the code.

        Unsupported where it asks for something of TCP_INFO that is not told.
        """
        told = info_names(raw)
        names = {**self._names, **told}
        # Where the closing brackets stand on a line of their own, a piece may end in a backslash.
        source = inspect.cleandoc(text).rstrip("\\ \n")
        try:
            exec(compile(source, "<script>", "exec"), names)
        except AssertionError as error:
            return Mismatch(
                " ".join(source.split()), f"not so: {error}" if error.args else "not so"
            )
        except NameError as error:
            if error.name is not None and error.name.startswith(("tcpi_", "TCP")):
                raise Unsupported(f"{error.name} in code") from None
            return Mismatch("code that runs", str(error))
        except Exception as error:  # noqa: BLE001 - whatever the script's own code does wrong
            return Mismatch("code that runs", f"{type(error).__name__}: {error}")
        self._names.update((name, value) for name, value in names.items() if name not in told)
        return None


def _quiet(*_: object, **__: object) -> None:
    """What a script prints is for packetdrill's log."""
