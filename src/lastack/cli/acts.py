"""The four acts of the demo, as data: which programs, which hosts, what to look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lastack.net import LinkRules
from lastack.profile import LINUX, TEXTBOOK, US, Profile

LOOPBACK_LINK: Final = LinkRules(delay_ns=50 * US, mtu=65536)
"""The demo's hosts are joined as loopback is, so that the kernel beside it does the same."""

PORT: Final = 8080
SERVER: Final = "server"


@dataclass(frozen=True)
class Scene:
    """One run: a label, the two programs' arguments after address and port, the TCP's profile.

    ladder: whether its ladder is shown. on_kernel: whether this machine's kernel plays it, too.
    """

    label: str
    server: tuple[str, ...]
    client: tuple[str, ...]
    profile: Profile = LINUX
    ladder: bool = False
    on_kernel: bool = True


@dataclass(frozen=True)
class Act:
    """A question that people ask, and the scenes that answer it."""

    title: str
    text: str
    scenes: tuple[Scene, ...]


def examples() -> Path:
    """Return the directory of the example programs: beside the source, or in the package."""
    package = Path(__file__).parents[1]
    beside = package.parents[1] / "examples"
    return beside if (beside / "post.py").is_file() else package / "examples"


def _restart(old: str, new: str, *, ladder: bool = False) -> Scene:
    return Scene(
        f"SO_REUSEADDR on the old server: {old}, on the new: {new}",
        ("restart_server.py", old, new), ("read_all.py",), ladder=ladder,
    )  # fmt: skip


ACTS: Final = (
    Act(
        "Address already in use",
        "A server closes first, so its end waits in TIME-WAIT. It is started again at once.",
        (
            _restart("no", "no", ladder=True), _restart("no", "yes"), _restart("yes", "no"),
            _restart("yes", "yes"),
        ),
    ),
    Act(
        "SO_LINGER with l_linger 0",
        "No TIME-WAIT, they say. A server answers 2,000,000 bytes and closes like that.",
        (
            Scene("l_onoff 1, l_linger 0", ("abort_server.py", "2000000"),
                  ("read_all.py", "0.5"), ladder=True),
        ),
    ),
    Act(
        "SO_LINGER that runs out",
        "A server answers 200,000 bytes and lingers 1 s; the client reads after 2 s.",
        (
            Scene("as the books say", ("linger_server.py", "200000", "1"),
                  ("read_all.py", "2"), TEXTBOOK, ladder=True, on_kernel=False),
            Scene("as Linux does", ("linger_server.py", "200000", "1"),
                  ("read_all.py", "2"), LINUX, ladder=True),
        ),
    ),
    Act(
        "The lost answer",
        "A server reads one byte of a 1,000,000-byte request, answers 2,000,000 bytes, closes.",
        (
            Scene("the request is not read", ("early_answer.py", "2000000", "1"),
                  ("post.py", "1000000"), ladder=True),
            Scene("the request is read to its end", ("early_answer.py", "2000000", "1000000"),
                  ("post.py", "1000000")),
        ),
    ),
)  # fmt: skip
