"""Pairs of programs on the kernel and in a world, under what `lastack run` can ask of a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from lastack.cli.on_kernel import OnBoth, OnKernel
from lastack.cli.scene import Played, Setting
from lastack.cli.values import ProgramSpec
from lastack.net import LinkRules
from lastack.oracle import Difference
from lastack.profile import MS, S

from ..programs.both import that_stays

SCRIPTS = Path(__file__).parent / "pairs"
LIMIT = 30 * S


@dataclass(frozen=True)
class Pair:
    """A file of pairs/, which takes ROLE PEER PORT, and the network on which it is played: a veth
    pair, or a cable with the rules of `link`."""

    file: str
    families: str = "46"
    link: LinkRules | None = None
    seed: int = 0
    roles: tuple[str, ...] = ("server", "client")

    @property
    def setting(self) -> Setting:
        """What `lastack run` would be asked for; the first role has its own name for a peer."""
        peers = [self.roles[0], *self.roles[:-1]]
        specs = [
            ProgramSpec(role, [str(SCRIPTS / self.file), role, peer, "8000"], None, False)
            for role, peer in zip(self.roles, peers, strict=True)
        ]
        return Setting(
            specs, self.seed, self.link or LinkRules(), until=300 * S, families=self.families,
            cable=self.link is not None,
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.file}-{self.families if self.link is None else _said(self.link)}"


def _said(link: LinkRules) -> str:
    words = [f"{link.delay_ns // MS}ms"]
    words += [f"jitter{link.jitter_ns // MS}ms"] if link.jitter_ns else []
    words += [f"loss{link.loss:.0%}"] if link.loss else []
    return "-".join(words + ([f"rate{link.rate_bps}"] if link.rate_bps else []))


PAIRS = [
    Pair(file, families)
    for file in (
        "six_http.py", "six_asyncio.py", "six_unread.py", "six_dual.py", "six_udp.py",
        "six_binds.py",
    )
    for families in ("46", "64")
]  # fmt: skip
PAIRS += [Pair("six_http.py", "6"), Pair("six_unread.py", "6"), Pair("six_binds.py", "4")]

PAIRS += [
    Pair("far_timeouts.py", link=LinkRules(100 * MS)),
    Pair("far_upload.py", link=LinkRules(20 * MS, loss=0.04)),
    Pair("far_upload.py", link=LinkRules(10 * MS, rate_bps=2_000_000, queue=8)),
    Pair("far_http.py", link=LinkRules(20 * MS, loss=0.05), seed=1),
    Pair("far_unread.py", link=LinkRules(20 * MS)),
    Pair("far_unread.py", link=LinkRules(20 * MS, loss=0.05), seed=2),
    Pair("far_streams.py", link=LinkRules(20 * MS, jitter_ns=15 * MS)),
    Pair("six_unread.py", "64", link=LinkRules(20 * MS, loss=0.1), seed=3),
    Pair("six_udp.py", link=LinkRules(20 * MS)),
    Pair("near_resets.py", link=LinkRules(60 * MS)),
    Pair("far_nobody.py", link=LinkRules(MS, loss=1.0)),
]

PAIRS += [
    Pair(f"near_{name}.py")
    for name in ("early", "aborts", "slow_reader", "urgent", "paused", "masks", "raises")
]


@pytest.fixture(scope="module")
def on_kernel() -> Iterator[dict[Pair, Future[OnKernel]]]:
    """Every pair on the kernel, a few at a time: mostly they sleep."""
    with ThreadPoolExecutor(3) as pool:
        yield {pair: pool.submit(OnKernel, pair.setting, LIMIT) for pair in PAIRS}


def differences(pair: Pair, kernel: OnKernel) -> Sequence[str | Difference]:
    """What differs unexplained, and who did not end: which packets a link loses hangs on their
    order, and a RST that is lost leaves its receiver waiting for ever, on the kernel too."""
    hung = [f"{one.host} hung" for one in kernel.outcome.programs if one.hung]
    if hung:
        return hung
    both = OnBoth(kernel, Played(OnBoth.beside(pair.setting)))
    return [one for one in both.differences if not one.explained]


@pytest.mark.root
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_kernel_does_the_same(pair: Pair, on_kernel: dict[Pair, Future[OnKernel]]) -> None:
    found = differences(pair, on_kernel[pair].result())
    assert not that_stays(found, lambda: differences(pair, OnKernel(pair.setting, LIMIT)))
