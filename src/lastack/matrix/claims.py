"""Every claim of the source documents, and whether it holds: found out by running a program.

`SOURCES` are four texts about SO_LINGER and TIME_WAIT of the sort that a search finds first. Each
sentence of theirs that can be tested is a `Claim`; its program is in `claim_programs`, and what
happens decides, under any profile. The fields of the profile are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lastack.profile import Profile
from lastack.run import installed
from lastack.trace import Event

from . import claims_closing, claims_linger, claims_time_wait
from .claims_seen import NotSeen, Seen
from .claims_stage import Played, perform

SOURCES: Final[Mapping[str, str]] = {
    "UNP digest": "a summary of SO_LINGER after Stevens' UNIX Network Programming, under the "
    'title "TIME_WAIT another solution"',
    "closesocket table": "an article on SO_LINGER and graceful close under Winsock, with a table "
    "of what closesocket() does",
    "setsockopt notes": "notes on setsockopt() and SO_LINGER with two example programs in C",
    "TIME_WAIT answer": 'an answer to "How to forcibly close a socket in TIME_WAIT?", '
    "serverfault.com/questions/329845",
}
"""The source documents by short name."""

_UNP, _TABLE, _NOTES, _ANSWER = SOURCES
_LINGER: Final = (_UNP, _TABLE, _NOTES)

Judge = Callable[[Seen], tuple[bool, str]]


@dataclass(frozen=True)
class Claim:
    """What one or more documents say, in our words."""

    id: str
    sources: tuple[str, ...]
    text: str
    judge: Judge

    @property
    def source(self) -> str:
        """The names of the documents in one line."""
        return ", ".join(self.sources)


@dataclass(frozen=True)
class Judged:
    """A claim under a profile: whether it holds, what was observed, and the run itself.

    events are all events of the run, names the hosts' names by address.
    """

    claim: Claim
    profile: str
    holds: bool
    observed: str
    program_text: str
    events: tuple[Event, ...]
    names: Mapping[bytes, str]

    @property
    def id(self) -> str:
        """The claim's number, "S5"."""
        return self.claim.id

    @property
    def verdict(self) -> str:
        """Return "holds: ..." or "differs: ..."."""
        return f"{'holds' if self.holds else 'differs'}: {self.observed}"


def judge(claim: Claim, profile: Profile) -> Judged:
    """Run the program of a claim under a profile and look at what happened."""
    with installed():  # the program takes its sockets from there as it is loaded
        played = perform(claim.id, profile)
    holds, observed = _look(claim, played)
    return Judged(
        claim, profile.name, holds, observed, played.text, tuple(played.events), played.names
    )


def _look(claim: Claim, played: Played) -> tuple[bool, str]:
    if "ENOPROTOOPT" in played.results.values():
        return False, "ENOPROTOOPT"
    if played.unended:
        return False, f"{' and '.join(played.unended)} waited for ever"
    try:
        return claim.judge(Seen(played))
    except NotSeen as why:
        return False, str(why)


def judge_played(claim: Claim, played: Played, target: str) -> Judged:
    """Look at what a claim's program did somewhere else; `target` stands for the profile."""
    holds, observed = _look(claim, played)
    return Judged(claim, target, holds, observed, played.text, tuple(played.events), played.names)


def judge_all(claims: Iterable[Claim], profiles: Iterable[Profile]) -> list[Judged]:
    """Judge each claim under each profile, claim by claim."""
    under = list(profiles)
    with installed():
        return [judge(claim, profile) for claim in claims for profile in under]


def claims_json(rows: Iterable[Judged]) -> dict[str, Any]:
    """Return {"schema": 1, "claims": [{id, source, claim, profile, holds, observed}]}."""
    return {
        "schema": 1,
        "claims": [
            {
                "id": row.claim.id,
                "source": row.claim.source,
                "claim": row.claim.text,
                "profile": row.profile,
                "holds": row.holds,
                "observed": row.observed,
            }
            for row in rows
        ],
    }


CLAIMS: Final[tuple[Claim, ...]] = (
    Claim(
        "S1", _LINGER,
        "SO_LINGER is an option of level SOL_SOCKET whose value is the struct (l_onoff, "
        "l_linger); it is off until it is set.", claims_linger.s1,
    ),
    Claim(
        "S2", _LINGER,
        "With l_onoff = 0 l_linger does not matter: close() returns at once and the system goes on "
        "sending what is queued, just as if the option had never been set.", claims_linger.s2,
    ),
    Claim(
        "S3", _LINGER,
        "With l_onoff = 1 and l_linger = 0 close() aborts: what is queued is thrown away, a RST is "
        "sent instead of the four segments, nobody is in TIME_WAIT, and the peer gets a reset "
        "error.", claims_linger.s3,
    ),
    Claim(
        "S4", _LINGER,
        "With both other than 0 close() sleeps until all data has been sent and acknowledged; then "
        "the connection is terminated normally.", claims_linger.s4,
    ),
    Claim(
        "S5", _LINGER,
        "If the time is up before that, close() returns EWOULDBLOCK, and what is still queued is "
        "lost.", claims_linger.s5,
    ),
    Claim(
        "S6", (_UNP, _NOTES),
        "When a lingering close() succeeds, the peer's TCP has acknowledged the data; that says "
        "nothing about whether its application has read them.", claims_linger.s6,
    ),
    Claim(
        "S7", _LINGER,
        "On a non-blocking socket close() does not wait, so lingering is of no use there.",
        claims_linger.s7,
    ),
    Claim(
        "S8", (_NOTES,),
        "The unit of l_linger is the second (POSIX) or a clock tick of 1/100 s (4.4BSD).",
        claims_linger.s8,
    ),
    Claim(
        "S9", (_TABLE,),
        "The table of closesocket(): (0, any) returns at once and all is sent; (1, 0) returns at "
        "once, a RST is sent and the queue is given up; (1, n) blocks, and when the time is up the "
        "queue is given up as in the second row.", claims_linger.s9,
    ),
    Claim(
        "S10", (_NOTES,),
        "A TCP that receives data for no connection answers with RST; no application knows.",
        claims_closing.s10,
    ),
    Claim(
        "S11", (_ANSWER,),
        "Either end may close first. It goes through FIN_WAIT_1, FIN_WAIT_2 and TIME_WAIT, the "
        "other through CLOSE_WAIT and LAST_ACK; only when both have closed is it over.",
        claims_closing.s11,
    ),
    Claim(
        "S12", (_ANSWER,),
        "When the FIN of the passive closer is not acknowledged, it sends the FIN again.",
        claims_closing.s12,
    ),
    Claim(
        "S13", (_ANSWER,),
        "TIME_WAIT lasts 2 MSL; with an MSL of 2 minutes these are 4 minutes.",
        claims_time_wait.s13,
    ),
    Claim(
        "S14", (_ANSWER,),
        "A socket is forced out of TIME_WAIT by a restart of networking.", claims_time_wait.s14,
    ),
    Claim(
        "S15", (_ANSWER,),
        "With SO_REUSEADDR a port that is busy in TIME_WAIT can be bound; one that is busy in "
        "another state still gives \"address already in use\".", claims_time_wait.s15,
    ),
    Claim(
        "S16", (_ANSWER,),
        "SO_REUSEADDR is useful when a server is restarted at once while sockets are still active "
        "(in TIME_WAIT) on its port.", claims_time_wait.s16,
    ),
    Claim(
        "S17", (_ANSWER,),
        "Where TIME_WAIT is cut short, unexpected data of the old connection can reach the new "
        "server and confuse it, which is not likely.", claims_time_wait.s17,
    ),
    Claim(
        "S18", (_TABLE,),
        "SO_LINGER is not recommended, the default close is: lingering makes the caller sleep, and "
        "where the time runs out it can lose data.", claims_linger.s18,
    ),
    Claim(
        "S19", (_UNP, _NOTES),
        "The termination starts only when the last descriptor of the socket is closed.",
        claims_closing.s19,
    ),
    Claim(
        "S20", (_NOTES,),
        "When the process ends at once, what is queued is still sent; the connection ends later, "
        "in TIME_WAIT, as usual.", claims_closing.s20,
    ),
    Claim(
        "S21", (_UNP,),
        "After setting it (to l_linger = 0) there is no TIME_WAIT.", claims_linger.s21,
    ),
    Claim(
        "S22", (_UNP, _NOTES),
        "A lingering close() tells by its return value whether the data was acknowledged or the "
        "time was up.", claims_linger.s22,
    ),
    Claim(
        "S23", (_NOTES,),
        "Data for no connection draws a RST, but data with sequence numbers that are still to come "
        "does not.", claims_closing.s23,
    ),
    Claim(
        "S24", (_ANSWER,),
        "An acknowledgment covers a single segment or a range of them.", claims_closing.s24,
    ),
    Claim(
        "S25", (_ANSWER,),
        "Once a connection is established, there is no difference between client and server.",
        claims_closing.s25,
    ),
    Claim(
        "S26", (_ANSWER,),
        "TIME_WAIT is there because the passive closer may not have got the acknowledgment of its "
        "FIN, and will send the FIN again.", claims_time_wait.s26,
    ),
    Claim(
        "S27", (_NOTES,),
        "The two example programs: with (TRUE, 30) close() delivers within 30 seconds, with (TRUE, "
        "0) it aborts the connection.", claims_linger.s27,
    ),
)  # fmt: skip
"""S1 to S27, in the order of the documents' subjects."""
