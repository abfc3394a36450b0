"""What the TIME-WAIT table remembers of a connection."""

from __future__ import annotations

from typing import NamedTuple

from lastack.profile import NEVER
from lastack.wire import Flow


class Entry(NamedTuple):
    """One TIME-WAIT, or one orphan in FIN-WAIT-2.

    flow is that of arriving segments (src is the remote end). window is the field as last sent,
    tos the type of service without the bits of ECN; the time to live is not remembered.
    entered and expires are times in ns.
    """

    flow: Flow
    snd_nxt: int
    rcv_nxt: int
    ts_recent: int
    window: int
    conn: int
    ts_ok: bool = False
    reuseaddr: bool = False
    reuseport: bool = False
    v6only: bool = False
    fin_wait_2: bool = False
    rcv_wscale: int = 0
    tos: int = 0
    entered: int = 0
    expires: int = NEVER
