"""The shell commands of a script, as far as they mean something to a TCP.

Understood: sysctl in its spellings, a parameter of a module, the queue of the link, scripts beside
the script that are made of these commands, `sockstat | grep -c STATE | grep N`, tcpdrop, sleep, and
a few that change nothing here. The rest is Unsupported, never skipped.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from .syntax import Unsupported

_DEEPEST: Final = 4
_STATES: Final = {
    "SYN_RCVD": "SYN-RECEIVED", "SYN_SENT": "SYN-SENT", "TIME_WAIT": "TIME-WAIT",
    "CLOSED": "CLOSED", "LISTEN": "LISTEN", "ESTABLISHED": "ESTABLISHED",
    "CLOSE_WAIT": "CLOSE-WAIT", "FIN_WAIT_1": "FIN-WAIT-1", "FIN_WAIT_2": "FIN-WAIT-2",
    "LAST_ACK": "LAST-ACK", "CLOSING": "CLOSING",
}  # fmt: skip
_QUERY: Final = re.compile(
    r"sockstat\b[^|]*(?:\|\s*grep \w+\s*)?\|\s*grep -c (\w+)\s*\|\s*grep (\d+)"
)
_HARMLESS: Final = (
    re.compile(r"/tmp/sysctl_restore_\S+"),
    re.compile(r"ip tcp_metrics flush all"),
    re.compile(r"ethtool -K tun0( (tso|gso|gro) off)+"),
    re.compile(r"true|:"),
)
"""Commands without an effect on a simulated host: it has no cache, and sends no segments larger
than the MSS."""
_QUEUE: Final = re.compile(r"tc qdisc (?:add|replace|change) dev tun0 root (\S.*)")
_TAKEN_AWAY: Final = re.compile(r"tc qdisc del(?:ete)? dev tun0 root")
_PARAMETER: Final = re.compile(r"echo (\S+) ?> ?/sys/module/(\w+)/parameters/(\w+)")
QUEUE: Final = "qdisc"
"""The name under which the queue in front of the link is a setting; its value is tc(8)'s words."""
NO_QUEUE: Final = "pfifo"
"""Those of a queue that makes no difference; it is also what is left when one is taken away."""
_REDIRECTIONS: Final = re.compile(r"\s*(?:\d?>>?|&>)\s*(?:&\d|\S+)")
_PRODUCT: Final = re.compile(r"\$\(\(([0-9*+ ()]+)\)\)")


class Setting(NamedTuple):
    """`sysctl NAME=VALUE`; a parameter of a kernel module is MODULE.NAME, the queue in front of the
    link is QUEUE."""

    name: str
    value: str


class Query(NamedTuple):
    """How many sockets have to be in a state."""

    state: str
    number: int


class Drop(NamedTuple):
    """`tcpdrop -s STATE`."""

    state: str


class Sleep(NamedTuple):
    """A pause in ns."""

    duration: int


Effect = Setting | Query | Drop | Sleep


def effects(text: str, directory: PurePath, depth: int = 0) -> Iterator[Effect]:
    """Yield what a command does, in order."""
    if query := _QUERY.fullmatch(" ".join(text.split())):
        yield Query(_state(query[1]), int(query[2]))
        return
    for line in re.split(r"\n|;|&&", text.replace("\\\n", " ")):
        line = " ".join(line.split())
        if parameter := _PARAMETER.fullmatch(line):
            yield Setting(f"{parameter[2]}.{parameter[3]}", parameter[1])
            continue
        command = _REDIRECTIONS.sub("", line).strip()
        if command and not command.startswith("#"):
            yield from _simple(command, directory, depth)


def _simple(command: str, directory: PurePath, depth: int) -> Iterator[Effect]:
    if any(pattern.fullmatch(command) for pattern in _HARMLESS):
        return
    if queue := _QUEUE.fullmatch(command):
        yield Setting(QUEUE, queue[1])
        return
    if _TAKEN_AWAY.fullmatch(command):
        yield Setting(QUEUE, NO_QUEUE)
        return
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        raise Unsupported(f"the command `{command}`") from None
    if words[0] == "sysctl":
        yield from _settings(words[1:], command)
    elif words[0].endswith("set_sysctls.py"):
        yield from _settings([_dotted(word) for word in words[1:]], command)
    elif words[0] == "tcpdrop" and words[1:2] == ["-s"]:
        yield Drop(_state(words[2]))
    elif words[0] == "sleep" and len(words) == 2:
        yield Sleep(int(float(words[1]) * 1_000_000_000))
    elif words[0].endswith(".sh") and depth < _DEEPEST:
        path = Path(directory / words[0])
        if not path.is_file():
            raise Unsupported(f"the command `{words[0]}`: no such file")
        yield from effects(path.read_text(), path.resolve().parent, depth + 1)
        if len(words) > 1:
            yield from _simple(shlex.join(words[1:]), directory, depth)
    else:
        raise Unsupported(f"the command `{command}`")


def _settings(words: list[str], command: str) -> Iterator[Setting]:
    given = [word for word in words if word not in ("-q", "-w", "-e", "-qw", "sysctl")]
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or name.startswith("-"):
            raise Unsupported(f"the command `{command}`")
        yield Setting(name.replace("/", "."), _PRODUCT.sub(_evaluate, value))


def _dotted(word: str) -> str:
    """Return "net.ipv4.x=1" for "/proc/sys/net/ipv4/x=1"."""
    name, _, value = word.partition("=")
    return f"{name.removeprefix('/proc/sys/').replace('/', '.')}={value}"


def _evaluate(match: re.Match[str]) -> str:
    product = 1
    for factor in re.sub(r"[() ]", "", match[1]).split("*"):
        product *= int(factor)
    return str(product)


def _state(name: str) -> str:
    if name not in _STATES:
        raise Unsupported(f"the state {name}")
    return _STATES[name]
