"""A peer that has fallen silent: nftables drops all packets, in a namespace of the test's own."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from lastack.ending import Kind

from .front_ends import FRONT_ENDS, FrontEnd
from .peers import PATIENCE, Peer, connection, never_closes, reads_all

pytestmark = pytest.mark.root

CLONE_NEWNET = 0x40000000
PAYLOAD = bytes(12_000)
front_ends = pytest.mark.parametrize("front_end", FRONT_ENDS.values(), ids=FRONT_ENDS)


class Island:
    """A network namespace with nothing but loopback; a thread lives there, and what it opens."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._thread.submit(_leave_the_world).result()
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command: str) -> None:
        """Run a command there."""
        self._thread.submit(subprocess.run, command, check=True).result()

    def connection(self) -> tuple[socket.socket, socket.socket]:
        """Return both ends of a connection there; they work from every thread."""
        return self._thread.submit(connection).result()

    def silence(self) -> None:
        """Drop every TCP segment from now on."""
        self.run("nft", "add table ip silence")
        self.run("nft", "add chain ip silence in { type filter hook input priority 0; }")
        self.run("nft", "add rule ip silence in ip protocol tcp drop")

    def heal(self) -> None:
        """Drop nothing any more."""
        self.run("nft", "delete table ip silence")

    def close(self) -> None:
        """Leave the namespace to the kernel, which ends it with its last socket."""
        self._thread.shutdown()


def _leave_the_world() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        number = ctypes.get_errno()
        if number in (errno.EPERM, errno.ENOSYS):
            pytest.skip("no network namespaces here")
        raise OSError(number, os.strerror(number))


@pytest.fixture
def island() -> Iterator[Island]:
    island = Island()
    yield island
    island.close()


@front_ends
def test_a_silent_peer_times_out_and_nothing_is_claimed(
    front_end: FrontEnd, island: Island
) -> None:
    with Peer(never_closes, ends=island.connection()) as peer:
        peer.ready.set()
        island.silence()
        ending = front_end(peer, PAYLOAD, timeout=0.2)
        assert ending.kind is Kind.TIMED_OUT
        assert (ending.delivered, ending.unacked, ending.unsent) == (False, len(PAYLOAD), 0)
        assert ending.peer_closed_first is False
        peer.sock.settimeout(0.05)  # nobody will ever tell it
    assert peer.received == 0
    assert not peer.eof


@front_ends
def test_a_silence_that_ends_in_time_costs_only_time(front_end: FrontEnd, island: Island) -> None:
    with Peer(reads_all, ends=island.connection()) as peer:
        peer.ready.set()
        island.silence()
        healing = threading.Timer(0.3, partial(island.heal))
        healing.start()
        ending = front_end(peer, PAYLOAD, timeout=PATIENCE, idle=0.05)
        healing.join()
        # idle is shorter than the silence: it does not run while bytes are unacknowledged.
        assert ending.kind is Kind.CONFIRMED
        assert ending.elapsed > 0.05
    assert (peer.received, peer.eof) == (len(PAYLOAD), True)


def test_when_the_kernel_gives_up_that_is_told(island: Island) -> None:
    with Peer(never_closes, ends=island.connection()) as peer:
        peer.ready.set()
        peer.ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
        island.silence()
        ending = FRONT_ENDS["blocking"](peer, PAYLOAD, timeout=PATIENCE)
        assert (ending.kind, ending.errno) == (Kind.TIMED_OUT, errno.ETIMEDOUT)
        assert (ending.delivered, ending.unacked) == (False, len(PAYLOAD))
        peer.sock.settimeout(0.05)
