"""A run on this machine's kernel, told as one in a simulated world is, and the two compared."""

from __future__ import annotations

import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from textwrap import wrap
from typing import Any, Final

import click

from lastack.live import decode_tcp_info
from lastack.net import LinkRules
from lastack.oracle import (
    Cable,
    Difference,
    Program,
    Side,
    Stage,
    as_simulated,
    compare,
    namespaces_work,
    play_on,
)
from lastack.profile import MS, S
from lastack.report import WIDTH, Line, socket_table
from lastack.run import Ended, Outcome
from lastack.run import Line as OutputLine
from lastack.verdict import endpoint, seconds
from lastack.wire import Flow, interface_block, names_block, packet_block, section_block

from .paint import Painter
from .saying import fact
from .scene import Played, Setting, Told

WHERE: Final = ("lastack", "kernel", "both")
"""What --on takes."""
LIMIT: Final = 60 * S
"""How long a run on the kernel may take where --until does not tell, ns of real time."""
VETH: Final = LinkRules(delay_ns=50_000)
"""The link of a simulated world that stands beside a veth pair."""


@contextmanager
def _ended_by_exception() -> Iterator[None]:
    """SIGTERM, as timeout(1) sends it, would leave the programs behind, in namespaces that nobody
    finds any more. It raises SystemExit here, unless somebody has other plans for it."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class OnKernel(Told):
    """A run as processes in network namespaces joined by veth, or by a cable of our own."""

    on = "kernel"

    def __init__(self, setting: Setting, limit: int) -> None:
        super().__init__(setting)
        with _ended_by_exception():
            self._play(setting, limit)

    def _play(self, setting: Setting, limit: int) -> None:
        why = namespaces_work()
        if why:
            raise click.ClickException(f"--on kernel: {why}")
        hosts = list(dict.fromkeys(spec.host for spec in setting.programs))
        programs = [
            Program(spec.host, spec.command, spec.background or None, spec.start_at)
            for spec in setting.programs
        ]
        begun = time.perf_counter()
        mtu, join = setting.link.mtu, None
        if setting.cable:
            join = partial(Cable, fate=as_simulated(setting.link, setting.seed, hosts), mtu=mtu)
        with Stage(hosts, mtu=mtu, families=setting.families, join=join) as stage:
            self.played = play_on(stage, programs, limit / S)
            self.late = stage.wires.late
        self.wall_seconds = time.perf_counter() - begun
        self.book, self.events = self.played.book, self.played.events
        self.names = self.played.names
        self.outcome = Outcome(
            [
                Ended(
                    spec.text, one.host, one.exit, one.stopped,
                    f"{one.host} still ran after {seconds(limit)}" if one.hung else "",
                    [_line(at, name, text) for at, name, text in one.output],
                    program=number,
                )
                for number, (spec, one) in enumerate(
                    zip(setting.programs, self.played.programs, strict=True), 1
                )
            ],
            self.played.ended_at,
        )  # fmt: skip

    def pcap(self) -> Iterator[bytes]:
        """Return the packets as a pcapng file."""
        yield section_block("lastack")
        for face in self.played.faces:
            yield interface_block(face.name, face.addresses)
        yield names_block(self.names)
        for frame in self.played.frames:
            yield packet_block(frame)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape; what only a kernel can tell is under `kernel`."""
        told = super().to_json()
        told["virtual_seconds"] = None
        told["kernel"] = {
            "release": platform.release(),
            "packets": len(self.played.frames),
            "not_captured": self.played.missed,
            "late": self.late / S,
            "sockets": [
                {
                    "host": host, "state": row.state.value, "local": row.local,
                    "remote": row.remote, "recv_queue": row.recv_queue,
                    "send_queue": row.send_queue, "timer": row.timer,
                    "expires_in": row.expires_at / S, "orphan": row.orphan,
                }
                for host, rows in self.played.rows.items() for row in rows
            ],
            "at_close": [
                {"host": host, "local": local, "remote": remote, **info}
                for host, local, remote, info in self._infos()
            ],
        }  # fmt: skip
        return told

    def show_end(self, painter: Painter) -> None:
        """Print what only a kernel can tell."""
        for host, rows in self.played.rows.items():
            if rows:
                painter.line()
                painter.line(f"Sockets that were left on {host}", "host")
                painter.lines(socket_table(rows, 0))
        lines: list[Line] = []
        for _, local, remote, info in self._infos():
            lines += fact(
                "TCP_INFO",
                f"{local} {painter.glyphs.to} {remote} at close(): round trip "
                f"{info['rtt'] * 1000:.3f} ms, {info['retransmitted']:,} segments sent again, "
                f"{info['unacked']:,} in flight, {info['not_sent']:,} bytes not sent",
            )
        if lines:
            painter.line()
            painter.lines(lines)
        if self.played.missed:
            painter.line()
            painter.line(
                f"The capture has no room for {self.played.missed:,} packets: bytes and states "
                "may be behind.", "bad",
            )  # fmt: skip
        late = f", at most {self.late / MS:.1f} ms late" if self.setting.cable else ""
        painter.line()
        painter.line(
            f"{self.wall_seconds:.2f} s on Linux {platform.release()}; "
            f"{len(self.played.frames):,} packets captured{late}", "note",
        )  # fmt: skip

    def _infos(self) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        for (host, flow), raw in self.played.infos.items():
            info = decode_tcp_info(raw)
            if info is not None:
                told = {
                    "rtt": info.rtt / S, "retransmitted": info.total_retrans,
                    "unacked": info.unacked, "not_sent": info.notsent_bytes,
                    "congestion_window": info.snd_cwnd,
                }  # fmt: skip
                yield host, *self._ends(host, flow), told

    def _ends(self, host: str, flow: Flow) -> tuple[str, str]:
        return (
            endpoint(flow.src, flow.sport, host, self.names),
            endpoint(flow.dst, flow.dport, host, self.names),
        )


class OnBoth:
    """The same programs in a simulated world and on the kernel, and what differs."""

    def __init__(self, kernel: OnKernel, simulated: Played) -> None:
        self.kernel = kernel
        self.simulated = simulated

    @classmethod
    def play(cls, setting: Setting, limit: int) -> OnBoth:
        """Play on both."""
        return cls(OnKernel(setting, limit), Played(cls.beside(setting)))

    @staticmethod
    def beside(setting: Setting) -> Setting:
        """Return the setting of the simulated world: without a cable its links are as fast as a
        veth pair."""
        if setting.cable:
            return setting
        return replace(setting, link=replace(VETH, mtu=setting.link.mtu))

    @cached_property
    def differences(self) -> list[Difference]:
        """What the two do not have in common."""
        return compare(_side(self.simulated), _side(self.kernel))

    @property
    def differs(self) -> bool:
        """Whether they differ in something that no race explains."""
        return any(not one.explained for one in self.differences)

    @property
    def lost_bytes(self) -> bool:
        """Whether bytes were lost on either."""
        return self.simulated.lost_bytes or self.kernel.lost_bytes

    @property
    def status(self) -> int:
        """1 when a program failed or hung on either, or the two differ, else 0."""
        return int(bool(self.simulated.status or self.kernel.status or self.differs))

    def to_json(self) -> dict[str, Any]:
        """Return both, and the differences."""
        return {
            "schema": 1,
            "on": "both",
            "lastack": self.simulated.to_json(),
            "kernel": self.kernel.to_json(),
            "differences": [
                {
                    "where": one.where,
                    "what": one.what,
                    "lastack": one.lastack,
                    "kernel": one.kernel,
                    "explained": one.explained or None,
                }
                for one in self.differences
            ],
        }

    def show(self, painter: Painter, *, with_ladder: bool, unfold: bool) -> None:
        """Print the run on the kernel, then what the simulated one has otherwise."""
        self.kernel.show(painter, with_ladder=with_ladder, unfold=unfold)
        painter.line()
        found = self.differences
        if not found:
            painter.line("The simulated run did the same: endings, bytes, errnos, output.", "good")
        for one in found:
            why = f" ({one.explained})" if one.explained else ""
            painter.lines(_wrapped(f"{one.where}: {one.what}{why}", "note" if why else "bad"))
            painter.lines(fact("  lastack", str(one.lastack)))
            painter.lines(fact("  kernel", str(one.kernel)))


def _side(run: Told) -> Side:
    output = [
        [line.text for line in ended.output if line.stream == "stdout"]
        for ended in run.outcome.programs
    ]
    return Side(run.to_json(), run.events, run.book, output)


def _wrapped(text: str, style: str) -> list[Line]:
    return [((row, style),) for row in wrap(text, WIDTH, break_on_hyphens=False)]


def _line(at: int, name: str, text: str) -> OutputLine:
    return OutputLine(at, "stderr" if name == "stderr" else "stdout", text)
