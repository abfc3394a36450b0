"""The paragraph of RFC 9293 that a cell of the atlas is about, in our words.

A profile may do something else: then the outcome beside the paragraph says so.
"""

from __future__ import annotations

from typing import Final

from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    State,
)

from .atlas_happenings import Happening
from .atlas_stage import Position

Paragraph = tuple[str, str]
"""Where it stands ("3.10.4, ESTABLISHED"), and what it says."""

_SILENT: Final = "The RFC knows no such call. Nothing of it goes on the wire."
_NO_TCB: Final = "Error: there is no connection."
_CLOSING: Final = "Error: the connection is closing."

_CLOSE: Final = {
    CLOSED: _NO_TCB,
    LISTEN: "Delete the TCB, enter CLOSED.",
    SYN_SENT: "Delete the TCB, tell queued calls that the connection is closing.",
    SYN_RECEIVED: "Send FIN and enter FIN-WAIT-1, or wait for ESTABLISHED if text is queued. (The "
    "program has the listening socket only: that is what it closes.)",
    ESTABLISHED: "FIN behind everything that was handed over; enter FIN-WAIT-1.",
    FIN_WAIT_1: "An error, or accepted in silence, as long as no second FIN is sent.",
    FIN_WAIT_2: "An error, or accepted in silence, as long as no second FIN is sent.",
    CLOSE_WAIT: "FIN behind everything that was handed over; enter LAST-ACK.",
    CLOSING: _CLOSING, LAST_ACK: _CLOSING, TIME_WAIT: _CLOSING,
}  # fmt: skip
_ABORT: Final = {
    CLOSED: _NO_TCB,
    LISTEN: "Delete the TCB, enter CLOSED.",
    SYN_SENT: "Delete the TCB, enter CLOSED.",
    CLOSING: "Delete the TCB, enter CLOSED; nothing is sent.",
    LAST_ACK: "Delete the TCB, enter CLOSED; nothing is sent.",
    TIME_WAIT: "Delete the TCB, enter CLOSED; nothing is sent.",
}
_RESET: Final = "<SEQ=SND.NXT><CTL=RST>, queues are flushed, enter CLOSED."
_SEND: Final = {
    CLOSED: _NO_TCB, LISTEN: "Error, unless the call names a peer: then it is an OPEN.",
    SYN_SENT: "Queue the text until ESTABLISHED.", SYN_RECEIVED: "Queue the text.",
    ESTABLISHED: "Segmentize the text, and send it with the acknowledgment.",
    CLOSE_WAIT: "Segmentize the text, and send it with the acknowledgment.",
}  # fmt: skip
_RECEIVE: Final = {
    CLOSED: _NO_TCB, LISTEN: "Queue the request.", SYN_SENT: "Queue the request.",
    SYN_RECEIVED: "Queue the request.", ESTABLISHED: "Give what is there, or queue the request.",
    FIN_WAIT_1: "Give what is there, or queue the request.",
    FIN_WAIT_2: "Give what is there, or queue the request.",
    CLOSE_WAIT: "Give what is there; then: the connection is closing.",
}  # fmt: skip

_FIRST: Final = "3.10.7.4, first, check sequence number"
_FIFTH: Final = "3.10.7.4, fifth, check the ACK field"

_ACK: Final = {
    SYN_RECEIVED: "SND.UNA < SEG.ACK =< SND.NXT: enter ESTABLISHED.",
    ESTABLISHED: "Advance SND.UNA, drop what is acknowledged, update the window.",
    FIN_WAIT_1: "As in ESTABLISHED; our FIN is acknowledged: enter FIN-WAIT-2.",
    FIN_WAIT_2: "As in ESTABLISHED; with an empty queue CLOSE is acknowledged.",
    CLOSE_WAIT: "As in ESTABLISHED.",
    CLOSING: "As in ESTABLISHED; our FIN is acknowledged: enter TIME-WAIT.",
    LAST_ACK: "Our FIN is acknowledged: delete the TCB, enter CLOSED.",
    TIME_WAIT: "Only the peer's FIN again should arrive: acknowledge it, begin the 2 MSL again.",
}
_FIN: Final = {
    SYN_RECEIVED: "RCV.NXT over the FIN, acknowledge it; enter CLOSE-WAIT.",
    ESTABLISHED: "RCV.NXT over the FIN, acknowledge it; enter CLOSE-WAIT.",
    FIN_WAIT_1: "Acknowledge it. Is our FIN acknowledged, by now: TIME-WAIT, else CLOSING.",
    FIN_WAIT_2: "Acknowledge it; enter TIME-WAIT, start its timer, stop all others.",
    CLOSE_WAIT: "Remain. (A FIN again is an old duplicate: the first check answers with an ACK.)",
    CLOSING: "Remain. (A FIN again is an old duplicate: the first check answers with an ACK.)",
    LAST_ACK: "Remain. (A FIN again is an old duplicate: the first check answers with an ACK.)",
    TIME_WAIT: "Remain; begin the 2 MSL again.",
}
_RST: Final = {
    SYN_RECEIVED: "After a passive open return to LISTEN, nobody is told; after an active one the "
    "connection was refused.",
    ESTABLISHED: "Tell the program, flush the queues, enter CLOSED.",
    FIN_WAIT_1: "Tell the program, flush the queues, enter CLOSED.",
    FIN_WAIT_2: "Tell the program, flush the queues, enter CLOSED.",
    CLOSE_WAIT: "Tell the program, flush the queues, enter CLOSED.",
    CLOSING: "Enter CLOSED.", LAST_ACK: "Enter CLOSED.",
    TIME_WAIT: "Enter CLOSED. (RFC 1337: better not.)",
}  # fmt: skip
_TEXT: Final = {
    **dict.fromkeys(
        (SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2),
        "Deliver the text, advance RCV.NXT, acknowledge.",
    ),
    **dict.fromkeys(
        (CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT),
        "This should not occur, since a FIN has come from the peer: ignore the text.",
    ),
}
_LISTEN: Final = {
    "syn": ("third, check for a SYN", "Enter SYN-RECEIVED, send <SYN,ACK>."),
    "rst": ("first, check for a RST", "Ignore it."),
    "no-flags": ("fourth, other data or control", "Drop it."),
}
_SYN_SENT: Final = {
    "ack": ("fourth, check the SYN bit", "Neither SYN nor RST: drop it."),
    "ack-unsent": ("first, check the ACK bit", "SEG.ACK > SND.NXT: <SEQ=SEG.ACK><CTL=RST>."),
    "rst": ("second, check the RST bit", "The ACK is acceptable: connection reset, enter CLOSED."),
    "syn": ("fourth, check the SYN bit", "No ACK: enter SYN-RECEIVED, send <SYN,ACK>."),
    "syn-ack": ("fourth, check the SYN bit", "Our SYN is acknowledged: ESTABLISHED, send an ACK."),
}
_SILENCE: Final = {
    FIN_WAIT_2: ("3.6, case 1", "Wait for the peer's FIN; the RFC has no limit."),
    TIME_WAIT: ("3.10.8, TIME-WAIT TIMEOUT", "Delete the TCB, enter CLOSED."),
}


def paragraph(position: Position, happening: Happening) -> Paragraph:
    """Return the paragraph of a cell."""
    if happening.call or happening.slug == "kill":
        return _call(position.state, happening)
    if happening.slug == "silence":
        lost = "Retransmit what is unacknowledged; after R2 give up (3.8.3, MUST-20)."
        return _SILENCE.get(position.state, ("3.10.8, RETRANSMISSION TIMEOUT", lost))
    if position.state is CLOSED:
        kept = "A RST is dropped." if happening.slug.startswith("rst") else "RST (3.5.2, group 1)."
        return "3.10.7.1, CLOSED", kept
    if position.state is LISTEN:
        resets = ("second, check for an ACK", "<SEQ=SEG.ACK><CTL=RST>.")
        slug = "rst" if happening.slug.startswith("rst") else happening.slug
        where, what = _LISTEN.get(slug, resets)
        return f"3.10.7.2, {where}", what
    if position.state is SYN_SENT:
        rest = ("fifth, if neither SYN nor RST is set", "Drop it.")
        slug = "rst" if happening.slug.startswith("rst") else happening.slug
        where, what = _SYN_SENT.get(slug, rest)
        return f"3.10.7.3, {where}", what
    return _arrival(position, happening.slug)


def _call(state: State, happening: Happening) -> Paragraph:
    slug, name = happening.slug, state.value
    if slug == "close-unread":
        return "3.6.1, SHLD-3", "Received data is lost: a RST should say so (RFC 2525, 2.17)."
    if slug.startswith("close-linger") and slug != "close-linger-0":
        rule = _CLOSE[state].rstrip(".")
        return f"3.10.4, {name}", f"{rule}. SO_LINGER, how long close() waits, is not in the RFC."
    if slug in ("close-linger-0", "kill"):
        return f"3.10.5, {name}", _ABORT.get(state, _RESET)
    if slug == "shutdown-read":
        return "none", _SILENT
    if slug == "send":
        return f"3.10.2, {name}", _SEND.get(state, _CLOSING)
    if slug == "recv":
        return f"3.10.3, {name}", _RECEIVE.get(state, _CLOSING)
    return f"3.10.4, {name}", _CLOSE[state]


def _arrival(position: Position, slug: str) -> Paragraph:
    """Segments in SYN-RECEIVED and later."""
    state = position.state
    if slug == "ack":
        return f"{_FIFTH}, {state.value}", _ACK[state]
    if slug == "ack-unsent":
        if state is SYN_RECEIVED:
            return f"{_FIFTH}, {state.value}", "Not acceptable: <SEQ=SEG.ACK><CTL=RST>."
        return _FIFTH, "SEG.ACK > SND.NXT: send an ACK, drop the segment."
    if slug in ("text-old", "rst-old"):
        rst = slug == "rst-old"
        told = "Not acceptable: " + ("drop it." if rst else "send an ACK, drop it.")
        return _FIRST, told
    if slug == "rst":
        return f"3.10.7.4, second, check the RST bit, {state.value}", _RST[state]
    if slug == "rst-window":
        return "3.10.7.4, first and second; RFC 5961, 3.2", "Not exactly RCV.NXT: challenge ACK."
    if slug in ("syn", "syn-ack"):
        if state is TIME_WAIT and slug == "syn":
            return "3.10.7.4, fourth, TIME-WAIT; MAY-2", "May open it again (RFC 6191)."
        if state is SYN_RECEIVED:
            return "3.10.7.4, fourth, SYN-RECEIVED", "After a passive open return to LISTEN."
        return "3.10.7.4, fourth; RFC 5961, 4.2", "Challenge ACK, whatever its number."
    if slug == "no-flags":
        return _FIFTH, "No ACK bit: drop it."
    if position.closed and state in (FIN_WAIT_1, FIN_WAIT_2) and "text" in slug:
        return "3.6.1, SHLD-3", "Nobody can read it any more: a RST tells the peer."
    if slug.startswith("fin"):
        return f"3.10.7.4, eighth, check the FIN bit, {state.value}", _FIN[state]
    if slug == "text-gap" and state in _TEXT and not position.closed:
        return "3.10.7.4, first; SHLD-31", f"{_TEXT[state]} Behind a gap it is kept."
    return f"3.10.7.4, seventh, process the text, {state.value}", _TEXT[state]
