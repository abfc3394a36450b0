"""A script file played on a simulated host: the verdict, and the trace for a ladder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from lastack.profile import Profile
from lastack.sockets import names
from lastack.trace import Listener
from lastack.wire import pack_address

from . import neutral, syntax
from .calls import Caller
from .ground import Ground, SimulatedGround
from .parser import parse
from .requests import Ends
from .runner import Failure, Result, Runner, Tolerance, Verdict
from .shell import Setting, effects
from .symbols import Values
from .syntax import Script, ScriptError, Unsupported
from .target import OutOfTime, Target
from .translate import Wire

_LOCAL: Final = {"ipv4": "192.168.0.1", "ipv6": "fd3d:fa7b:d17d::1"}
_REMOTE: Final = {"ipv4": "192.0.2.1", "ipv6": "2001:db8::1"}
_MAPPED: Final = "ipv4-mapped-ipv6"
_PORT: Final = 8080
_MTU: Final = 1500

_FOLLOWED: Final = frozenset({
    "ip_version", "local_ip", "remote_ip", "mtu", "tolerance_usecs", "tcp_ts_tick_usecs",
    "non_fatal", "strict_segments", "bind_port", "connect_port",
})  # fmt: skip
_WITHOUT_EFFECT: Final = frozenset({
    "verbose", "debug", "gateway_ip", "netmask_ip", "tun_dev", "persistent_tun_dev", "no_cleanup",
    "speed",
})  # fmt: skip


@dataclass(frozen=True)
class Setup:
    """How scripts are to be played. `defines`: words with a value, names for #ifdef, and, with a
    dot in the name, sysctl settings made before the script's own. `tolerance` in ns takes the
    place of the scripts' own where it is larger."""

    profile: Profile
    neutral: bool = False
    exact: bool = False
    defines: Mapping[str, str] = field(default_factory=dict)
    tolerance: int | None = None


def play_file(
    path: Path, setup: Setup, listeners: Iterable[Listener] = (), ground: Ground | None = None
) -> Verdict:
    """Read and play a script, on a simulated host or on `ground`. What cannot be read is an ERROR,
    with its line. `listeners` are those of the simulated host."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return Verdict(str(path), Result.ERROR, actual=error.strerror or str(error))
    return play_text(text, str(path), setup, listeners, ground)


def play_text(
    text: str, path: str, setup: Setup, listeners: Iterable[Listener] = (),
    ground: Ground | None = None,
) -> Verdict:  # fmt: skip
    """Play the text of a script; `path` is where its commands look for files."""
    try:
        script = parse(text, path, _defined(setup))
    except ScriptError as error:
        return Verdict(path, Result.ERROR, error.line, actual=error.text)
    try:
        script = neutral.neutral(script) if setup.neutral else script
        return _Player(script, setup, ground or SimulatedGround(setup.profile, listeners)).play()
    except Unsupported as error:
        return Verdict(path, Result.UNSUPPORTED, actual=str(error))


def _defined(setup: Setup) -> frozenset[str]:
    """Return the names for which #ifdef holds."""
    given = {name for name in setup.defines if "." not in name}
    if setup.neutral or setup.profile.name != "freebsd":
        return neutral.DEFINED | given
    return frozenset({"FreeBSD"} | given)


class _Player:
    """One script."""

    def __init__(self, script: Script, setup: Setup, ground: Ground) -> None:
        self._script = script
        self._setup = setup
        self._ground = ground
        self._line = 0

    def play(self) -> Verdict:
        """Play it, and say what became of it."""
        path = self._script.path
        runner: Runner | None = None
        target: Target | None = None
        try:
            self._check_options()
            begin = self._prepare()
            ends = self._ends()
            target = self._ground.open(ends, self._script.number("mtu", _MTU))
            caller = Caller(ends, Values(dict(self._setup.defines)))
            runner = Runner(self._script, target, caller, Wire(ends), self._tolerance())
            runner.play(begin)
        except Failure as failure:
            found = failure.mismatch
            verdict = Verdict(path, Result.FAIL, failure.line, found.expected, found.actual)
        except Unsupported as error:
            line = runner.line if runner is not None else self._line
            verdict = Verdict(path, Result.UNSUPPORTED, line, actual=str(error))
        except OutOfTime as error:
            verdict = Verdict(path, Result.SKIPPED, runner.line if runner else 0, "", str(error))
        except (AssertionError, RuntimeError, ArithmeticError, LookupError, TypeError) as error:
            # an error of ours, or a script that asks for nonsense: the other scripts go on
            line = runner.line if runner is not None else self._line
            text = f"{type(error).__name__}: {error}"
            verdict = Verdict(path, Result.ERROR, line, actual=text)
        else:
            verdict = Verdict(path, Result.PASS)
        finally:
            now = target.now if target is not None else 0
            if target is not None:
                target.close()
        return replace(verdict, virtual=now)

    def _check_options(self) -> None:
        for name, value in self._script.options:
            if name not in _FOLLOWED | _WITHOUT_EFFECT:
                raise Unsupported(f"the option --{name}{'=' if value else ''}{value}")

    def _prepare(self) -> int:
        """Follow the settings that come before anything else; return which event is first."""
        for name, value in self._setup.defines.items():
            if "." in name:
                self._ground.set(name, value)
        if self._setup.neutral:
            self._ground.be_neutral()
        for event in self._script.before:
            if not self._only_settings(event):
                raise Unsupported(f"the command {event.source} before the first event")
        for at, event in enumerate(self._script.events):
            if not self._only_settings(event):
                return at
        return len(self._script.events)

    def _only_settings(self, event: syntax.Event) -> bool:
        """Follow a command if it consists of settings; else answer False."""
        self._line = event.line
        if not isinstance(event.action, syntax.Command):
            return False
        found = list(effects(event.action.text, Path(self._script.path).parent))
        if not all(isinstance(effect, Setting) for effect in found):
            return False
        for effect in found:
            assert isinstance(effect, Setting)
            self._ground.set(effect.name, effect.value)
        return True

    def _ends(self) -> Ends:
        version = self._script.option("ip_version", "ipv4")
        mapped = version == _MAPPED
        kind = "ipv4" if mapped else version
        if kind not in _LOCAL:
            raise Unsupported(f"--ip_version={version}")
        local = self._address("local_ip", _LOCAL, kind)
        remote = self._address("remote_ip", _REMOTE, kind)
        family = names.AF_INET6 if mapped or kind == "ipv6" else names.AF_INET
        return Ends(local, remote, self._script.number("bind_port", _PORT), family, mapped)

    def _address(self, name: str, defaults: Mapping[str, str], kind: str) -> bytes:
        text = self._script.option(name, defaults[kind])
        try:
            address = pack_address(text)
        except ValueError:
            raise Unsupported(f"the option --{name}={text}") from None
        if (len(address) == 4) is not (kind == "ipv4"):
            raise Unsupported(f"--{name}={text} with {kind}")
        return address

    def _tolerance(self) -> Tolerance:
        least = self._script.number("tolerance_usecs", Tolerance().least // 1000)
        least = max(least * 1000, self._setup.tolerance or 0)
        return Tolerance(least, self._setup.exact, self._ground.slack)
