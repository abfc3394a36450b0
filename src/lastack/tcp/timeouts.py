"""A timer expires (RFC 9293 section 3.10.8): retransmit, probe, acknowledge, or give up (3.8.3)."""

from __future__ import annotations

import errno
from typing import Final

from lastack.profile import MS, GiveUp, RetransmissionRules, ZeroWindowDeath
from lastack.state import CLOSED, SYN_RECEIVED, SYN_SENT
from lastack.trace import Reason, TimerFired

from . import calls, emit, keepalive, loss, probes, recovery, timers
from .tcb import UNSET, Tcb

_LINK_FULL: Final = 500 * MS
"""How long to wait where our own link takes nothing; no backoff (TCP_RESOURCE_PROBE_INTERVAL)."""


def timeout(tcb: Tcb, now: int) -> None:
    """Do what is due. Early and repeated calls do nothing."""
    if tcb.timers.expired(timers.DELAYED_ACK, now):
        tcb.timers.stop(timers.DELAYED_ACK)
        _fired(tcb, timers.DELAYED_ACK, 1, now)
        tcb.acks.timed_out(tcb.rtt.rto)
    if tcb.timers.expired(timers.REORDER, now):
        tcb.timers.stop(timers.REORDER)
        _fired(tcb, timers.REORDER, 1, now)
        loss.reordering_over(tcb, now)
    if tcb.timers.expired(timers.LOSS_PROBE, now):
        tcb.timers.stop(timers.LOSS_PROBE)
        _fired(tcb, timers.LOSS_PROBE, 1, now)
        probes.probe_tail(tcb, now)
    if tcb.timers.expired(timers.RETRANSMIT, now):
        tcb.timers.stop(timers.RETRANSMIT)
        _retransmit(tcb, now)
    if tcb.timers.expired(timers.PERSIST, now):
        tcb.timers.stop(timers.PERSIST)
        _persist(tcb, now)
    if tcb.timers.expired(timers.KEEPALIVE, now):
        tcb.timers.stop(timers.KEEPALIVE)
        _fired(tcb, timers.KEEPALIVE, tcb.keep_sent + 1, now)
        keepalive.expired(tcb, now)
    if tcb.timers.expired(timers.FIN_WAIT_2_IDLE, now):
        tcb.timers.stop(timers.FIN_WAIT_2_IDLE)
        _fired(tcb, timers.FIN_WAIT_2_IDLE, 1, now)


def _fired(tcb: Tcb, kind: int, count: int, now: int) -> None:
    if tcb.scribe is not None:
        tcb.scribe.begin(TimerFired(tcb.conn, timers.NAMES[kind], count), now)


def _retransmit(tcb: Tcb, now: int) -> None:
    """The retransmission timer fired (RFC 6298 section 5.4 to 5.6)."""
    _fired(tcb, timers.RETRANSMIT, tcb.retransmits + 1, now)
    if tcb.state is SYN_SENT:
        _syn(tcb, now)
        return
    if tcb.state is SYN_RECEIVED:
        _syn_ack(tcb, now)
        return
    if tcb.settings.user_timeout > 0:
        if _user_timeout_over(tcb, now):
            _give_up(tcb, Reason.USER_TIMEOUT, now)
            return
    elif tcb.retransmits and _data_given_up(tcb, now):
        _give_up(tcb, Reason.GIVE_UP_ORPHAN if tcb.orphan else Reason.GIVE_UP_DATA, now)
        return
    if not tcb.syn_acked():
        # close() came before our SYN was acknowledged, which goes first
        tcb.rtt.expired()
        emit.send_syn(tcb, now, again=True)
    else:
        recovery.timed_out(tcb, now)
    if tcb.retransmits == 0:
        tcb.first_again = now
    tcb.retransmits += 1
    if tcb.retransmits == tcb.profile.retransmission.told_after and not tcb.soft_error:
        tcb.soft_error = errno.ETIMEDOUT  # R1 (SHLD-9): the program may ask for it
    tcb.timers.set(timers.RETRANSMIT, now + _wait(tcb, now))


def revert_backoff(tcb: Tcb, now: int) -> None:
    """Net or host are unreachable, says an ICMP error about the oldest segment: what is repeated
    was not lost to congestion, and one backoff is taken back (RFC 6069 section 4)."""
    if not (tcb.retransmits and tcb.rtt.backoff and tcb.timers.running(timers.RETRANSMIT)):
        return
    earlier = tcb.rtt.rto
    tcb.rtt.revert()
    due = tcb.timers.deadline[timers.RETRANSMIT] - (earlier - tcb.rtt.rto)
    tcb.timers.set(timers.RETRANSMIT, max(due, now))


def _user_timeout_over(tcb: Tcb, now: int) -> bool:
    """TCP_USER_TIMEOUT (RFC 5482), counted from the first retransmission as Linux does, or from
    the first SYN. It takes the place of R2, and may also be longer (docs/kernel-notes/timeouts.md).
    """
    waited = tcb.retransmits and now - tcb.first_again >= tcb.settings.user_timeout
    return tcb.settings.user_timeout > 0 and bool(waited)


def _wait(tcb: Tcb, now: int) -> int:
    """Return the time to the next retransmission: RTO, but not past TCP_USER_TIMEOUT."""
    if tcb.settings.user_timeout <= 0:
        return tcb.rtt.rto
    left = tcb.first_again + tcb.settings.user_timeout - now
    return min(tcb.rtt.rto, max(left, 1))


def default_syn_retries(rules: RetransmissionRules) -> int:
    """Return what TCP_SYNCNT is unless it is set."""
    return rules.syn_retries


def _syn(tcb: Tcb, now: int) -> None:
    """Repeat the SYN: the first few at a steady pace, then with backoff (MUST-22).

    R2 of the profile `rfc9293` is more than 3 minutes (MUST-23), that of Linux is not.

    The repeats are counted, but Linux also looks at the time that so many doublings take from
    the first SYN on: of few repeats the steady ones get only a part.
    """
    rules = tcb.profile.retransmission
    if _opening_given_up(tcb, rules.syn_linear, Reason.GIVE_UP_SYN, now):
        return
    tcb.retransmits += 1
    if tcb.retransmits > rules.syn_linear:
        tcb.rtt.expired()
    emit.send_syn(tcb, now, again=True)
    tcb.timers.set(timers.RETRANSMIT, now + _wait(tcb, now))


def _opening_given_up(tcb: Tcb, more: int, reason: Reason, now: int) -> bool:
    """Give up what connect() began if R2 is reached; `more` repeats than doublings are allowed."""
    rules = tcb.profile.retransmission
    retries = tcb.settings.syn_retries or default_syn_retries(rules)
    if _user_timeout_over(tcb, now):
        _give_up(tcb, Reason.USER_TIMEOUT, now)
        return True
    late = now - tcb.first_again >= tcb.rtt.model_timeout(retries, syn=True)
    by_time = rules.give_up is GiveUp.TIME_MODEL and not tcb.settings.user_timeout and late
    if tcb.retransmits >= retries + more or (tcb.retransmits and by_time):
        _give_up(tcb, reason, now)
        return True
    return False


def _syn_ack(tcb: Tcb, now: int) -> None:
    """Repeat the SYN|ACK. A client that only waits for TCP_DEFER_ACCEPT to pass is left in peace
    until the last repeat, whose ACK opens the connection in any case.

    In a simultaneous open its repeats count with those of the SYN before, none is a steady one, and
    the limit is that of a SYN (docs/kernel-notes/give-up.md).
    """
    waits = tcb.deferred and tcb.retransmits < tcb.settings.defer
    if not tcb.passive:
        if _opening_given_up(tcb, 0, Reason.GIVE_UP_SYN_ACK, now):
            return
    elif tcb.retransmits >= tcb.profile.retransmission.synack_retries and not waits:
        calls.gone(tcb, Reason.GIVE_UP_SYN_ACK, now)
        return
    tcb.retransmits += 1
    tcb.rtt.expired()
    if tcb.deferred and tcb.retransmits < tcb.settings.defer:
        tcb.timers.set(timers.RETRANSMIT, now + tcb.rtt.rto)
    else:
        emit.send_syn(tcb, now, again=True)


def _data_given_up(tcb: Tcb, now: int) -> bool:
    """Tell whether R2 is reached (MUST-20, MUST-21, SHLD-11).

    To a peer that took its window back over text in flight the repeats are window probes
    (MUST-35): R2 does not count while it answers them (SHLD-17, MUST-37), and in its silence not
    before the two longest intervals have passed. docs/kernel-notes/give-up.md
    """
    rules = tcb.profile.retransmission
    if tcb.snd_wnd == 0 and not tcb.orphan:
        return now - max(tcb.heard_at, tcb.first_again) > tcb.rtt.two_longest
    retries = _orphan_retries(tcb) if tcb.orphan else rules.retries2
    if rules.give_up is GiveUp.COUNT:
        return tcb.retransmits >= retries
    return now - tcb.first_again >= tcb.rtt.model_timeout(retries)


def _orphan_retries(tcb: Tcb) -> int:
    """An orphan gets fewer tries; once the RTO is at its largest, the default gives none."""
    return tcb.profile.closing.orphan_retries


def _persist(tcb: Tcb, now: int) -> None:
    """The window is still shut: probe again, with backoff (MUST-36, SHLD-30).

    A peer that answers keeps the connection alive for ever (MUST-37), but not one that was closed:
    an orphan is given up when the interval has reached its maximum, or when nothing answers.
    TCP_USER_TIMEOUT ends it in any case, counted from the first probe.
    """
    rules = tcb.profile.retransmission
    _fired(tcb, timers.PERSIST, tcb.probes_out + 1, now)
    limit = tcb.settings.user_timeout
    if tcb.probing_since == UNSET:
        tcb.probing_since = now
    elif 0 < limit <= now - tcb.probing_since:
        _give_up(tcb, Reason.USER_TIMEOUT, now)
        return
    if tcb.orphan:
        ceiling = rules.zero_window_death is ZeroWindowDeath.AT_RTO_MAX and tcb.rtt.probes_capped
        if ceiling or tcb.probes_out >= _orphan_retries(tcb):
            _give_up(tcb, Reason.GIVE_UP_ZERO_WINDOW, now)
            return
    elif tcb.probes_out >= rules.retries2:
        _give_up(tcb, Reason.GIVE_UP_ZERO_WINDOW, now)
        return
    tcb.probes_out += 1
    if tcb.link_full:
        wait = _LINK_FULL
    else:
        tcb.rtt.probed()
        wait = tcb.rtt.probe_interval
    if limit > 0:
        wait = min(wait, max(tcb.probing_since + limit - now, 1))
    tcb.timers.set(timers.PERSIST, now + wait)
    if not tcb.link_full:
        probes.probe(tcb, now)
    if tcb.in_flight():
        tcb.probes_out = 0  # text has left, and was no probe
        tcb.rtt.progress()


def _give_up(tcb: Tcb, reason: Reason, now: int) -> None:
    """R2: close the connection silently; the program is told ETIMEDOUT (MUST-20, MUST-12)."""
    if tcb.state is not CLOSED:
        calls.gone(tcb, reason, now, error=tcb.soft_error or errno.ETIMEDOUT)
