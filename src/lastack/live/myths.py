"""Fifteen things that are said of the end of a TCP connection, and what Linux does."""

from __future__ import annotations

from typing import Final, NamedTuple


class Myth(NamedTuple):
    """What is said, what is so, and the note (docs/kernel-notes) or page that shows it."""

    said: str
    truth: str
    shown_by: str


_NOTES: Final = "docs/kernel-notes/"

MYTHS: Final = (
    Myth("SO_REUSEADDR on the new server is enough.",
         "The old socket must have had it, too; a TIME-WAIT keeps what its socket had.",
         _NOTES + "bind.md"),
    Myth("SO_REUSEADDR is for TIME-WAIT.",
         "If both sockets have it, bind() passes by every state but LISTEN.",
         _NOTES + "bind.md"),
    Myth("tcp_fin_timeout shortens TIME-WAIT.",
         "It limits FIN-WAIT-2 after close(). TIME-WAIT is 60 s by a constant of the kernel.",
         _NOTES + "orphans.md"),
    Myth("Restarting the network clears TIME-WAIT.",
         "It outlives interfaces that go down and addresses that are removed.",
         _NOTES + "time-wait.md"),
    Myth("A TIME-WAIT cannot be killed.",
         "Since Linux 6.0 it can: lastack fix kill, or ss --kill.",
         "ss(8); docs/live.md"),
    Myth("Thousands of TIME-WAITs burden a server.",
         "No process, no descriptor, little memory; they cost ports only to who connects.",
         _NOTES + "ports.md"),
    Myth("A machine has 65,535 connections.",
         "It has that many ports for each pair of addresses and destination port, unless a program "
         "binds to port 0 first.",
         _NOTES + "ports.md"),
    Myth("Set tcp_tw_recycle; tcp_tw_reuse helps a server.",
         "The first is gone since Linux 4.12, the second is for connect() only.",
         "tcp(7)"),
    Myth("When SO_LINGER's time is over the data is lost and close() fails.",
         "close() returns 0 and the kernel goes on sending.",
         _NOTES + "linger.md"),
    Myth("SO_LINGER does nothing on a non-blocking socket.",
         "close() waits all the same; an event loop stands still.",
         _NOTES + "linger.md"),
    Myth("close() with SO_LINGER returned: the peer's program has the data.",
         "The peer's kernel has it. Only an answer of the program proves more.",
         _NOTES + "linger.md"),
    Myth("SO_LINGER avoids TIME-WAIT.",
         "Only l_linger 0 does, by an RST that destroys what is unsent.",
         _NOTES + "close.md"),
    Myth("After sendall(), close() delivers.",
         "Unread or late input makes it an RST, and the peer loses the rest of the answer.",
         _NOTES + "unread-close.md"),
    Myth("CLOSE-WAIT has a timeout that can be tuned.",
         "It has none: the program here has not closed, or not even accepted.",
         _NOTES + "close.md"),
    Myth("An abort is a clean way to hurry.",
         "An RST drops unsent data, and the peer may read EOF instead of an error.",
         _NOTES + "peer-calls.md"),
)  # fmt: skip
