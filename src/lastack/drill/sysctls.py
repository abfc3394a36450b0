"""sysctl settings as fields of a profile.

Three kinds: a setting that is a field; one whose value says what lastack does anyway; and one about
something that a simulated host does not have, so that any value is right. Anything else is
Unsupported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lastack.profile import (
    MS,
    Congestion,
    Ecn,
    ExactReset,
    FullQueue,
    FullRequests,
    Profile,
    ResetCheck,
    Reuse,
    S,
    SynCheck,
)

from .shell import NO_QUEUE, QUEUE
from .syntax import Unsupported

_LARGEST_SCALE: Final = 14
_SCALE_OF: Final = ("window_scale", "receive_max", "set_max")


def set_sysctl(profile: Profile, name: str, value: str) -> Profile:
    """Return the profile with a setting; Unsupported for one that lastack cannot follow."""
    name = " ".join(name.split())
    value = " ".join(value.split())
    short = name.removeprefix("net.ipv4.")
    own = BSD_SETTINGS if _is_bsd(profile) else LINUX_SETTINGS
    setter = _EVERYWHERE.get(short) or own.get(short)
    if setter is not None:
        try:
            return setter(profile, value)
        except (ValueError, IndexError):
            raise Unsupported(f"sysctl {name}={value}") from None
    if short in _NOT_HERE or value in _AS_IT_IS.get(short, ()):
        return profile
    if short in LINUX_SETTINGS or short in BSD_SETTINGS:
        raise Unsupported(f"sysctl {name} in the profile {profile.name}: another system's")
    if name == QUEUE:
        raise Unsupported(f"the queue `{value}` in front of the link")
    raise Unsupported(f"sysctl {name}={value}")


def follow(profile: Profile, name: str, value: str, *, own_only: bool) -> Profile:
    """Return the profile with a setting of a script. `own_only`: what the profile cannot follow
    is passed over, as the neutral form of a script wants it."""
    try:
        return set_sysctl(profile, name, value)
    except Unsupported:
        if own_only:
            return profile
        raise


def _is_bsd(profile: Profile) -> bool:
    return profile.name.partition(" ")[0] in ("freebsd", "bsd44", "macos")


Setter = Callable[[Profile, str], Profile]


def _number(field: str, unit: int = 1) -> Setter:
    return lambda profile, value: profile.with_field(field, int(value, 0) * unit)


def _switch(field: str) -> Setter:
    return lambda profile, value: profile.with_field(field, bool(int(value, 0)))


def _linux_scale(profile: Profile) -> Profile:
    """The window scale is made from the largest receive buffer (tcp_select_initial_window)."""
    value = {cell.name: int(cell.value) for cell in profile.cells() if cell.name in _SCALE_OF}
    if value["window_scale"] < 0:
        return profile
    space = max(value["receive_max"], value["set_max"])
    scale = min(max(space.bit_length() - 16, 0), _LARGEST_SCALE)
    return profile.with_field("window_scale", scale)


def _rmem(profile: Profile, value: str) -> Profile:
    _, default, largest = map(int, value.split())
    profile = profile.with_field("receive_default", default).with_field("receive_max", largest)
    return _linux_scale(profile)


def _wmem(profile: Profile, value: str) -> Profile:
    _, default, largest = map(int, value.split())
    return profile.with_field("send_default", default).with_field("send_max", largest)


def _set_max(profile: Profile, value: str) -> Profile:
    return _linux_scale(profile.with_field("set_max", int(value)))


def _window_scaling(profile: Profile, value: str) -> Profile:
    profile = profile.with_field("window_scale", 0 if int(value) else -1)
    return _linux_scale(profile)


def _one_of(field: str, *choices: object) -> Setter:
    return lambda profile, value: profile.with_field(field, choices[int(value)])


def _congestion(profile: Profile, value: str) -> Profile:
    return profile.with_field("congestion", Congestion(value))


LINUX_SETTINGS: Final[dict[str, Setter]] = {
    "tcp_rmem": _rmem,
    "tcp_wmem": _wmem,
    "net.core.rmem_max": _set_max,
    "net.core.somaxconn": _number("somaxconn"),
    "tcp_window_scaling": _window_scaling,
    "tcp_timestamps": _switch("timestamps"),
    "tcp_sack": _switch("sack"),
    "tcp_syn_retries": _number("syn_retries"),
    "tcp_syn_linear_timeouts": _number("syn_linear"),
    "tcp_synack_retries": _number("synack_retries"),
    "tcp_retries2": _number("retries2"),
    "tcp_orphan_retries": lambda p, v: p.with_field("orphan_retries", int(v) or 8),
    "tcp_fin_timeout": _number("fin_wait_2_orphan_ns", S),
    "tcp_tw_reuse": _one_of("reuse", Reuse.OFF, Reuse.ON, Reuse.LOOPBACK),
    "tcp_tw_reuse_delay": _number("reuse_delay_ns", MS),
    "tcp_rfc1337": _one_of("exact_reset", ExactReset.KILLS, ExactReset.IGNORED),
    "tcp_max_tw_buckets": _number("limit"),
    "tcp_abort_on_overflow": _one_of("full_queue", FullQueue.DROP, FullQueue.RESET),
    "tcp_syncookies": _one_of("full_requests", FullRequests.DROPPED, FullRequests.COOKIES),
    "tcp_congestion_control": _congestion,
    "tcp_ecn": _one_of("ecn", Ecn.OFF, Ecn.OFFERED, Ecn.ANSWERED),
    "tcp_early_retrans": lambda p, v: p.with_field("tail_probe", int(v) in (3, 4)),
    "tcp_slow_start_after_idle": _switch("restarts_after_idle"),
    "tcp_keepalive_time": _number("keepalive_idle_ns", S),
    "tcp_keepalive_intvl": _number("keepalive_interval_ns", S),
    "tcp_keepalive_probes": _number("keepalive_probes"),
    "tcp_min_tso_segs": _number("train_least"),
    "tcp_tso_win_divisor": _number("train_share"),
    "tcp_notsent_lowat": _number("notsent_lowat"),
    "tcp_cubic.hystart_detect": _one_of("hystart", False, None, None, True),
    "tcp_recovery": lambda p, v: p.with_field("rack", bool(int(v) & 1)),
    "tcp_rto_max_ms": _number("rto_max_ns", MS),
    "tcp_rto_min_us": _number("rto_min_ns", 1000),
    "route.mtu_expires": _number("path_mtu_kept_ns", S),
    "tcp_invalid_ratelimit": lambda p, v: p.with_field("challenge_gap_ns", int(v) * MS).with_field(
        "answer_gap_ns", int(v) * MS
    ),
}


def _bsd_scale(profile: Profile, value: str) -> Profile:
    """kern.ipc.maxsockbuf: the least scale with which 65,535 reaches it."""
    scale = 0
    while scale < _LARGEST_SCALE and 65535 << scale < int(value):
        scale += 1
    return profile.with_field("window_scale", scale)


def _rfc1323(profile: Profile, value: str) -> Profile:
    on = bool(int(value))
    profile = profile.with_field("timestamps", on)
    return profile if on else profile.with_field("window_scale", -1)


BSD_SETTINGS: Final[dict[str, Setter]] = {
    "net.inet.tcp.rfc1323": _rfc1323,
    "net.inet.tcp.sack.enable": _switch("sack"),
    "net.inet.tcp.recvspace": _number("receive_default"),
    "net.inet.tcp.sendspace": _number("send_default"),
    "net.inet.tcp.rexmit_initial": _number("rto_initial_ns", MS),
    "net.inet.tcp.delacktime": _number("delayed_min_ns", MS),
    "net.inet.tcp.ecn.enable": _one_of("ecn", Ecn.OFF, Ecn.OFFERED, Ecn.ANSWERED),
    "net.inet.tcp.insecure_rst": _one_of("reset_check", ResetCheck.EXACT, ResetCheck.IN_WINDOW),
    "net.inet.tcp.insecure_syn": _one_of("syn_check", SynCheck.CHALLENGE, SynCheck.RESET),
    "net.inet.tcp.drop_synfin": _one_of("syn_with_fin", True, False),
    "kern.ipc.maxsockbuf": _bsd_scale,
}

_EVERYWHERE: Final = {"net.inet.tcp.ecn.enable": BSD_SETTINGS["net.inet.tcp.ecn.enable"]}
"""Settings of one system that mean the same to every TCP."""

_AS_IT_IS: Final[dict[str, tuple[str, ...]]] = {
    QUEUE: (NO_QUEUE,),
    "tcp_frto": ("2",),
    "tcp_dsack": ("1",),
    "tcp_fack": ("0",),
    "tcp_reordering": ("3",),
    "tcp_mtu_probing": ("0",),
    "net.inet.tcp.blackhole": ("0",),
    "net.inet.tcp.ecn.maxretries": ("1",),
    "net.inet.tcp.syncookies": ("1",),
    "net.inet.tcp.syncookies_only": ("0",),
    "net.inet.tcp.rexmit_drop_options": ("0",),
    "net.inet.tcp.icmp_may_rst": ("1",),
    "net.inet.tcp.path_mtu_discovery": ("1",),
}
"""Settings whose value says what lastack does; another value is not there."""

_NOT_HERE: Final = frozenset({
    "tcp_pacing_ss_ratio", "tcp_pacing_ca_ratio", "tcp_ecn_option", "tcp_no_metrics_save",
    "tcp_fastopen", "tcp_fastopen_key", "tcp_fastopen_blackhole_timeout_sec",
    "net.inet.tcp.hostcache.purgenow",
})  # fmt: skip
"""Settings of what a simulated host has not: pacing, fast open (a script that uses it is
unsupported for that), accurate ECN, a cache of hosts."""
