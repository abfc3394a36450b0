"""CUBIC (RFC 9438), by paragraph; sizes in segments of 1,000 bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastack.profile import MS, S
from lastack.tcp import Cubic, NewReno, cube_root

MSS = 1000
RTT = 100 * MS


def after_a_loss(segments: int) -> Cubic:
    control = Cubic(MSS, 10)
    control.cwnd = segments * MSS
    control.lost(segments * MSS, by_sack=True)
    control.recovered(control.cwnd)
    return control


def window_after(control: Cubic, seconds: float, start: int = 0) -> float:
    """Acknowledge a window every round trip; return cwnd in segments."""
    now = start
    while now < start + seconds * S:
        left = control.cwnd
        while left > 0:
            control.acked(MSS, limited=True, now=now, rtt=RTT)
            left -= MSS
        now += RTT
    return control.cwnd / MSS


@given(st.integers(0, 1 << 80))
def test_cube_root(n: int) -> None:
    root = cube_root(n)
    assert root**3 <= n < (root + 1) ** 3


def test_4_6_the_window_falls_to_seven_tenths() -> None:
    assert after_a_loss(100).cwnd == 70 * MSS


def test_4_2_the_plateau_is_reached_after_k() -> None:
    """K = cbrt(100 * 0.3 / 0.4) = 4.22 s."""
    control = after_a_loss(100)
    assert window_after(control, 4.2) == pytest.approx(100, abs=2)


def test_4_2_concave_then_convex() -> None:
    control = after_a_loss(100)
    path = [window_after(control, 1, start=n * S) for n in range(9)]
    steps = [b - a for a, b in zip([70.0, *path], path, strict=False)]
    assert steps[0] > steps[3], "it slows down towards the plateau"
    assert steps[8] > steps[5], "and grows ever faster behind it"


def test_4_3_never_slower_than_reno() -> None:
    """Small windows: the Reno-friendly region decides."""
    cubic, reno = after_a_loss(6), NewReno(MSS, 10)
    reno.cwnd = reno.ssthresh = 4 * MSS
    grown = window_after(cubic, 5)
    for _ in range(50):
        left = reno.cwnd
        while left > 0:
            reno.acked(MSS, limited=True, now=0, rtt=RTT)
            left -= MSS
    assert grown >= 4 + 50 * 9 / 17 * 0.9
    assert reno.cwnd > 50 * MSS


def test_4_7_fast_convergence() -> None:
    """A second loss below the plateau lowers it: 0.85 of where the loss was."""
    control = after_a_loss(100)
    window_after(control, 1)
    at = control.cwnd
    control.lost(at, by_sack=True)
    assert control.w_max == 17 * at // 20


def test_4_8_a_timeout_begins_in_slow_start() -> None:
    control = after_a_loss(100)
    control.expired(70 * MSS, first=True)
    assert control.cwnd == MSS
    assert control.ssthresh == 49 * MSS


def test_an_unused_window_does_not_grow() -> None:
    control = after_a_loss(100)
    control.acked(MSS, limited=False, now=S, rtt=RTT)
    assert control.cwnd == 70 * MSS
