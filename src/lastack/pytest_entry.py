"""pytest's way in: options and fixtures, and nothing of lastack until one of them is used.

pytest imports this at every start of every test run, in every project that has lastack installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lastack.pytest_plugin import Net, Nets

_NAME = "lastack-nets"
_SEED = "lastack_seed"
_MARKER = (
    "lastack(seed=0, seeds=None, delay=0.001, loss=0, profile='linux'): the network of the "
    "fixture `net`; seeds, a number or a list, makes one case of each"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("lastack")
    group.addoption(
        "--lastack-endings", action="store_true",
        help="report what tests do wrong when they close TCP sockets (Linux)",
    )  # fmt: skip
    group.addoption(
        "--lastack-seed", type=int, metavar="N",
        help="run the tests that use the fixture net with this seed",
    )  # fmt: skip
    group.addoption(
        "--lastack-seeds", metavar="N|A-B",
        help="run each test that uses the fixture net once for every seed from 0 to N-1, or A to B",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker; load the audit of real sockets if it was asked for."""
    config.addinivalue_line("markers", _MARKER)
    if config.getoption("--lastack-endings"):
        from lastack.pytest_plugin import Endings

        config.pluginmanager.register(Endings(), "lastack-endings")
    many = config.getoption("--lastack-seeds")
    if many is not None:
        from lastack.pytest_plugin import seeds_of

        try:
            seeds_of(many)
        except pytest.UsageError as error:
            raise pytest.UsageError(f"--lastack-seeds: {error}") from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a case of each seed of a test that uses a network."""
    names = metafunc.fixturenames
    if "net" not in names and "new_net" not in names:
        return
    if not _is_ours(metafunc):
        return
    seeds = _nets(metafunc.config).seeds(metafunc.definition)
    if len(seeds) > 1:
        if _SEED not in names:
            names.append(_SEED)
        metafunc.parametrize(_SEED, seeds, ids=[f"seed={seed}" for seed in seeds])


def _is_ours(metafunc: pytest.Metafunc) -> bool:
    """Whether the fixture is this module's: a project may have a `net` of its own."""
    fixtures = metafunc._arg2fixturedefs
    found = [fixtures[name][-1] for name in ("net", "new_net") if name in fixtures]
    return any(one.func.__module__ == __name__ for one in found)


@pytest.fixture
def net(request: pytest.FixtureRequest, lastack_seed: int) -> Iterator[Net]:
    """A simulated network: net.host(name, program), net.link(...), `with net.on(host):`, net.run(),
    net.connections."""
    one = _nets(request.config).for_test(request.node)
    yield one
    one.close()


@pytest.fixture(scope="session")
def new_net(pytestconfig: pytest.Config) -> Callable[..., Any]:
    """`with new_net() as net:` a network for the block: for hypothesis, or several in one test."""
    return _nets(pytestconfig).maker()


@pytest.fixture
def lastack_seed(request: pytest.FixtureRequest) -> int:
    """The seed of the test's network."""
    return _nets(request.config).seed_of(request.node)


def _nets(config: pytest.Config) -> Nets:
    found: Nets | None = config.pluginmanager.getplugin(_NAME)
    if found is None:
        from lastack.pytest_plugin import Nets

        found = Nets(config)
        config.pluginmanager.register(found, _NAME)
    return found
