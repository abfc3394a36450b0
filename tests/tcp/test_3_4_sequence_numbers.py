"""Initial sequence numbers and the quiet time: RFC 9293 section 3.4."""

from __future__ import annotations

import pytest

from lastack.profile import LINUX, RFC9293, Profile, S
from lastack.sockets import names
from lastack.tcp import initial_sequence
from lastack.trace import StateChanged
from lastack.wire import Flow, seq
from tests.exchange import A, B, Lab, s

FLOW = Flow(A, 40_000, B, 80)
SECRET = b"secret"


@pytest.mark.parametrize("later", [4_000, 1_000_000_000, 3600 * S])
def test_the_number_follows_a_clock_of_4_us(later: int) -> None:
    """MUST-8."""
    begin = initial_sequence(FLOW, SECRET, 5 * S)
    assert seq.sub(initial_sequence(FLOW, SECRET, 5 * S + later), begin) == later // 4_000 % 2**32


def test_who_does_not_know_the_secret_does_not_know_the_number() -> None:
    """SHLD-1, MUST-9: flow and secret both decide, and neighbours say nothing of each other."""
    flows = [FLOW._replace(sport=port) for port in range(1024, 1124)]
    apart = {seq.sub(initial_sequence(flow, SECRET, 0), initial_sequence(FLOW, SECRET, 0))
             for flow in flows}  # fmt: skip
    assert len(apart) == 100
    secrets = {initial_sequence(FLOW, bytes([n]), 0) for n in range(100)}
    assert len(secrets) == 100


@pytest.mark.parametrize(("profile", "length"), [(RFC9293, 240), (LINUX, 60)])
def test_time_wait_lasts_for_2_msl(profile: Profile, length: int) -> None:
    """MUST-13; the MSL of Linux is 30 s."""
    lab = Lab(profile)
    client, server = lab.connection()
    client.shutdown(names.SHUT_WR, lab.now)
    lab.run(s(1))
    server.shutdown(names.SHUT_WR, lab.now)
    lab.close(client)
    lab.close(server)
    lab.run(s(600))
    moves = [(event.new.value, event.at) for event in lab.events
             if isinstance(event, StateChanged) and event.host == "a"]  # fmt: skip
    (_, since), (last, until) = moves[-2:]
    assert (moves[-2][0], last) == ("TIME-WAIT", "CLOSED")
    assert (until - since) / S == pytest.approx(length)
