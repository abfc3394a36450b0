"""Round-trip time and retransmission timeout (RFC 6298; RFC 9293 section 3.8.1, MUST-18)."""

from __future__ import annotations

from lastack.profile import MS, NEVER, RetransmissionRules, S, Variance


class Rtt:
    """SRTT, RTTVAR and RTO in ns; `rto`, the timeout for what is sent now, is already backed off.
    `least` is the shortest round trip that was measured. Where deviations are damped, `_term` is
    what the RTO adds to SRTT, `_largest` the largest of this round trip, which ends when the
    position `_round_end` is acknowledged."""

    __slots__ = ("rules", "srtt", "rttvar", "rto", "backoff", "probe_backoff", "least", "_base",
                 "_term", "_largest", "_round_end")  # fmt: skip

    def __init__(self, rules: RetransmissionRules) -> None:
        self.rules = rules
        self.srtt = -1
        self.least = NEVER
        self.rttvar = 0
        self._term = self._largest = self._round_end = 0
        self.probe_backoff = 0
        self._begin(rules.rto_initial_ns)

    def _begin(self, base: int) -> None:
        most = self.rules.rto_max_ns
        self._base = base
        self.backoff = 0
        self.rto = base if base < most else most

    def _back_off(self, times: int) -> None:
        self.backoff = times
        self.rto = min(self._base << times, self.rules.rto_max_ns)

    @property
    def probe_interval(self) -> int:
        """The time to the next zero-window probe: RTO, with a backoff of its own (SHLD-30)."""
        return min(self.rto << self.probe_backoff, self.rules.rto_max_ns)

    @property
    def probes_capped(self) -> bool:
        """Tell whether the probes have reached their largest interval."""
        return self.rto << self.probe_backoff >= self.rules.rto_max_ns

    @property
    def two_longest(self) -> int:
        """Two of the longest timeouts (ns): so long a peer may be silent that has shut its window
        over text in flight (docs/kernel-notes/give-up.md)."""
        return 2 * self.rules.rto_max_ns

    def sample(self, rtt: int, una: int, nxt: int) -> None:
        """Take a measurement of a segment sent once (section 3, Karn), or by timestamp. `una` and
        `nxt` are the positions of SND.UNA and SND.NXT."""
        if rtt < 1:
            rtt = 1
        if rtt < self.least:
            self.least = rtt
        rules, srtt = self.rules, self.srtt
        first = srtt < 0
        if first:
            # (2.2)
            srtt = rtt
            self.rttvar = rtt // 2
        else:
            # (2.3) alpha = 1/8, beta = 1/4
            step = (abs(srtt - rtt) - self.rttvar) // 4
            if step > 0 and rtt < srtt and rules.variance is Variance.DAMPED:
                step //= 8
            self.rttvar += step
            srtt += (rtt - srtt) // 8
        self.srtt = srtt
        # The RFC rounds the whole RTO up to 1 s (2.4). Kernels instead put a floor under the
        # variance term; the result is rounded up to the tick, and one tick lies above the floor.
        term, tick, floor = 4 * self.rttvar, rules.tick_ns, rules.rto_min_ns
        if term < floor:
            term = floor
        if rules.variance is Variance.DAMPED:
            term = self._damped(term, una, nxt, first=first)
        raw = -(-(srtt + term) // tick) * tick
        least = floor + tick
        self._begin(raw if raw > least else least)

    def _damped(self, term: int, una: int, nxt: int, *, first: bool) -> int:
        """Linux tcp_rtt_estimator(): the term follows what is larger at once, and what is smaller
        by a quarter of the way in each round trip."""
        largest = self._largest
        if term > largest:
            self._largest = largest = term
        if largest > self._term:
            self._term = largest
        if first:
            self._round_end = nxt
        elif una > self._round_end:
            self._term -= (self._term - largest) // 4
            self._round_end = nxt
            self._largest = self.rules.rto_min_ns
        return self._term

    def fall_back(self) -> None:
        """The handshake measured nothing, its SYN was repeated: begin with 3 s (5.7)."""
        self._begin(max(self._base, 3 * S))

    def _in_ticks(self, wait: int) -> int:
        tick = self.rules.tick_ns
        return -(-wait // tick) * tick

    def reordering_wait(self, left: int) -> int:
        """Return when to look again at what has `left` ns until it counts as lost."""
        return self._in_ticks(left + 2 * MS)

    def loss_probe_wait(self, *, alone: bool) -> int:
        """Return after how long the end of a flight is probed (RFC 8985 section 7.2): two round
        trips; for a segment that is `alone` also the peer's delayed ACK."""
        if self.srtt < 0:
            return self.rules.rto_initial_ns
        return self._in_ticks(2 * self.srtt + (self.rules.rto_min_ns if alone else 2 * MS))

    def soon(self) -> int:
        """Return the shortest wait that a timer can be set for, ns: Linux TCP_TIMEOUT_MIN."""
        return 2 * self.rules.tick_ns

    def expired(self) -> None:
        """Back off the timer (5.5); the next measurement ends it (Karn, section 3)."""
        if self.rto < self.rules.rto_max_ns:
            self._back_off(self.backoff + 1)

    def revert(self) -> None:
        """Take one backoff back: what was repeated was not lost to congestion (RFC 6069)."""
        self._back_off(self.backoff - 1)

    def probed(self) -> None:
        """Back off the probes."""
        if not self.probes_capped:
            self.probe_backoff += 1

    def progress(self) -> None:
        """New data was acknowledged, or the window opened: probes begin anew."""
        self.probe_backoff = 0

    def model_timeout(self, retries: int, *, syn: bool = False) -> int:
        """Return how long `retries` doublings of rto_min take, of a SYN those of rto_initial; each
        is limited to rto_max (ns)."""
        total, rto = 0, self.rules.rto_initial_ns if syn else self.rules.rto_min_ns
        for _ in range(retries + 1):
            total += rto
            rto = min(2 * rto, self.rules.rto_max_ns)
        return total
