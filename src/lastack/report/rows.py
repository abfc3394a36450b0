"""Tables of sockets, as ss(8) prints them, and of TIME-WAITs with their end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lastack.state import LISTEN, TIME_WAIT
from lastack.trace import SocketRow
from lastack.verdict import TimeWait, endpoint, seconds

from .line import UNICODE, Glyphs, Line, line

_HEAD = ("State", "Recv-Q", "Send-Q", "Local", "Peer", "Timer")


def socket_table(rows: Iterable[SocketRow], now: int) -> list[Line]:
    """Return one line for each socket below a headline; timers are told by when they end."""
    cells = [_cells(row, now) for row in rows]
    widths = [max(len(row[i]) for row in (_HEAD, *cells)) for i in range(len(_HEAD))]
    lines = [line((_row(_HEAD, widths), "title"))]
    for row in cells:
        state = row[0].ljust(widths[0])
        lines.append(line((state, "state"), (_row(row, widths)[len(state) :], "")))
    return lines


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    aligned = [
        cell.rjust(width) if name in ("Recv-Q", "Send-Q") else cell.ljust(width)
        for name, cell, width in zip(_HEAD, cells, widths, strict=True)
    ]
    return " ".join(aligned)


def _cells(row: SocketRow, now: int) -> tuple[str, ...]:
    timer = ""
    if row.timer and row.state is TIME_WAIT:
        timer = f"until {seconds(row.expires_at)}"
    elif row.timer:
        timer = f"{row.timer} in {seconds(max(row.expires_at - now, 0))}"
    if row.orphan:
        timer = f"{timer} (closed)".strip()
    queues = (row.recv_queue, row.send_queue)
    remote = "*" if row.state is LISTEN else row.remote
    return (row.state.value, f"{queues[0]}", f"{queues[1]}", row.local, remote, timer)


def time_wait_lines(
    waits: Iterable[TimeWait], names: Mapping[bytes, str], *, glyphs: Glyphs = UNICODE
) -> list[Line]:
    """Return one line for each TIME-WAIT: where it stands and until when."""
    return [time_wait_line(wait, names, glyphs) for wait in waits]


def time_wait_line(wait: TimeWait, names: Mapping[bytes, str], glyphs: Glyphs) -> Line:
    """Return "TIME-WAIT on get: get:40000 → web:80 until 60.041 s"."""
    flow = wait.flow
    local = endpoint(flow.src, flow.sport, wait.host, names)
    remote = endpoint(flow.dst, flow.dport, wait.host, names)
    return line(
        ("TIME-WAIT", "state"),
        (" on ", ""),
        (wait.host, "host"),
        (f": {local} {glyphs.to} {remote} until {seconds(wait.expires_at)}", ""),
    )
