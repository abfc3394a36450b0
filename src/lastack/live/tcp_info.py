"""struct tcp_info as the kernel tells it for one connection (linux/tcp.h)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

# The structure only ever grows at its end; this is its head up to tcpi_snd_wnd (Linux 5.4).
# The eighth byte holds two bit fields (application limited, Fast Open failure), which are not read.
_HEAD: Final = struct.Struct("=8B 24I 4Q 6I 4Q 2I 2Q 4I")


class TcpInfo(NamedTuple):
    """The part of struct tcp_info that tells how far a connection got.

    Times are in ns; the kernel counts those of `last_*` in ms and the others in µs. `state` is the
    number of the kernel (1 ESTABLISHED ... 11 CLOSING). `bytes_acked` and `bytes_received` count
    sequence numbers: a FIN is one more, and so is the SYN of the side that connected once it is
    acknowledged. `bytes_sent`, `bytes_retrans` and `notsent_bytes` do count bytes.
    """

    state: int
    retransmits: int
    backoff: int
    rto: int
    unacked: int
    lost: int
    last_data_sent: int
    last_data_recv: int
    last_ack_recv: int
    pmtu: int
    rtt: int
    snd_cwnd: int
    total_retrans: int
    bytes_acked: int
    bytes_received: int
    segs_out: int
    segs_in: int
    notsent_bytes: int
    min_rtt: int
    bytes_sent: int
    bytes_retrans: int
    snd_wnd: int


def decode_tcp_info(raw: bytes) -> TcpInfo | None:
    """Return the fields, or None where the kernel tells fewer (before Linux 5.4)."""
    if len(raw) < _HEAD.size:
        return None
    f = _HEAD.unpack_from(raw)
    us, ms = 1_000, 1_000_000
    return TcpInfo(
        f[0], f[2], f[4], f[8] * us, f[12], f[14], f[17] * ms, f[19] * ms, f[20] * ms, f[21],
        f[23] * us, f[26], f[31], f[34], f[35], f[36], f[37], f[38], f[39] * us, f[48], f[49],
        f[53],
    )  # fmt: skip
