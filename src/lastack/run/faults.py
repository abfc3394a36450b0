"""What can be done to programs and hosts while a world runs, as TCP sees it.

exit, kill       the kernel closes every descriptor by its rules: FIN, or RST where data is
                 unread or SO_LINGER says so; the host goes on, orphans and TIME-WAITs live on
power cut        nothing is sent; connections and TIME-WAITs are gone; what arrives is lost
power on         the host is back with empty tables and starts its programs anew: a segment of
                 an old connection is answered with a RST (RFC 9293 section 3.10.7.1)
reboot           both
network restart  the interface is taken down and up: connections and TIME-WAITs live on
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from lastack.host import power_off
from lastack.profile import NEVER
from lastack.trace import POWER_ON, Fault, Journal, Lost, Reason
from lastack.wire import Packet, is_loopback

from .baton import Scheduler, SimThread
from .counted import forget_tasks
from .process import KILLED, POWERLESS, Node, Process
from .program import Main


@dataclass(frozen=True)
class Installed:
    """A program as it is installed on a host, to be started whenever the host is."""

    number: int
    main: Sequence[str] | Callable[[], object]
    name: str
    start_at: int | None
    background: bool


class Faults(Scheduler):
    """The part of a world that breaks things."""

    journal: Journal

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.scheduled = 0  # faults that are still to come hold the run
        self._mains: list[Main] = []
        self._installed: dict[Node, list[Installed]] = {}

    # -- what World fills in

    def everybody(self) -> list[Process]:
        """Return every process there is or was."""
        return self.processes

    def start_again(self, node: Node, program: Installed, at: int) -> Process:
        """Add a process of an installed program that starts at time `at`."""
        raise NotImplementedError

    def give_engine(self, node: Node) -> None:
        """Give a host an engine with empty tables."""
        raise NotImplementedError

    # -- faults

    def at(self, at: int, fault: Callable[[], None]) -> None:
        """Do something at virtual time `at` (ns); the run lasts until then at least."""
        self.scheduled += 1
        self.call_at(at, partial(self._due, fault))

    def _due(self, fault: Callable[[], None]) -> None:
        self.scheduled -= 1
        fault()

    def kill(self, target: Process | Node) -> None:
        """SIGKILL: a process (or all of a host) ends without a word; its descriptors are closed."""
        for process in self._of(target):
            if process.started and not process.ended:
                process.ended_by = KILLED
                self._end(process)

    def restart(self, target: Process | Node) -> None:
        """Kill, and start the program anew, with fresh modules."""
        node = target.node if isinstance(target, Process) else target
        again = {process.installed for process in self._of(target) if process.started}
        self.kill(target)
        for program in self._installed.get(node, ()):
            if program.number in again:
                self.start_again(node, program, self.now)

    def power_cut(self, node: Node) -> None:
        """The host is off: nothing is sent any more, and what arrives is lost."""
        if not node.up:
            return
        power_off(node.host, self.now)
        node.up = False
        for process in self._of(node):
            if not process.ended:
                process.ended_by = POWERLESS
                process.descriptors.clear()  # nobody closes them
                self._end(process)
        self.give_engine(node)

    def power_on(self, node: Node) -> None:
        """The host is on again: empty tables, and its programs from their first line."""
        if node.up:
            return
        node.up = True
        if node.host.scribe is not None:
            node.host.scribe.begin(Fault(POWER_ON), self.now)
        for program in self._installed.get(node, ()):
            self.start_again(node, program, max(program.start_at or 0, self.now))

    def reboot(self, node: Node, down_for: int = 0) -> None:
        """Power cut, and power on `down_for` ns later."""
        self.power_cut(node)
        if down_for:
            self.at(self.now + down_for, partial(self.power_on, node))
        else:
            self.power_on(node)

    def restart_network(self, node: Node, down_for: int = 0) -> None:
        """Take the interface down and, `down_for` ns later, up again; meanwhile what the host
        sends and what reaches it is lost (but for its own loopback)."""
        node.host.restart_network(self.now)
        if down_for:
            node.linked = False
            self.at(self.now + down_for, partial(_link_up, node))

    def _of(self, target: Process | Node) -> list[Process]:
        if isinstance(target, Process):
            return [target]
        return [process for process in self.everybody() if process.node is target]

    def _end(self, process: Process) -> None:
        """Let every thread of a process raise Stopped where it waits."""
        if not process.started:
            process.started = process.ended = True
            return
        process.output.close()
        forget_tasks(process)
        if process.surroundings is not None and process.surroundings.of_program:
            process.surroundings.hushed = True
        for thread in self.threads:
            if thread.process is process:
                thread.killed = True
        main = process.main
        if isinstance(main, SimThread) and main.ticket is not None:
            main.ticket.fire()

    # -- packets of a host that is cut off

    def lose_arrival(self, node: Node, packet: Packet) -> bool:
        """Lose a packet that reaches a host which cannot take it; tell whether it was lost."""
        if node.up and (node.linked or _is_own(node, packet)):
            return False
        self._lose(node, packet)
        return True

    def outgoing(self, node: Node, packets: list[Packet]) -> list[Packet]:
        """Return those of a host's packets that leave it."""
        if node.linked:
            return packets
        for packet in packets:
            if not _is_own(node, packet):
                self._lose(node, packet)
        return [packet for packet in packets if _is_own(node, packet)]

    def _lose(self, node: Node, packet: Packet) -> None:
        reason = Reason.LINK_DOWN if node.up else Reason.HOST_GONE
        if node.host.scribe is not None:
            self.journal.write(Lost(packet.number, reason), node.name, 0, self.now)


def _is_own(node: Node, packet: Packet) -> bool:
    return is_loopback(packet.flow.dst) or packet.flow.src == packet.flow.dst


def _link_up(node: Node) -> None:
    node.linked = True


def start_of(process: Process, previous: Process | None, now: int) -> int:
    """Return when a process is to start; NEVER while its host is off."""
    if not process.node.up:
        return NEVER
    if process.start_at is not None:
        return max(process.start_at, now)
    if previous is None or previous.ended:
        return now
    return max(previous.blocked_at, now)
