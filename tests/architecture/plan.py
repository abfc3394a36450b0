"""The floor plan as data; docs/architecture.md draws the same plan for people."""

from typing import Final

FLOORS: Final[tuple[tuple[str, ...], ...]] = (
    ("profile", "wire", "state", "startup"),
    ("trace",),
    ("tcp", "verdict"),
    ("host", "report"),
    ("sockets", "net"),
    ("run", "drill", "wiring"),
    ("matrix", "explore", "oracle"),
    ("cli", "pytest_plugin"),
)
TOP: Final = len(FLOORS) - 1
FLOOR: Final = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

BESIDE: Final[dict[str, frozenset[str]]] = {
    "check": frozenset({"live", "ending"}),
    "live": frozenset({"profile", "startup", "state", "trace", "verdict"}),
    "ending": frozenset(),
}
"""Rooms beside the house and all that each may import."""

LOBBY: Final[dict[str, frozenset[str]]] = {
    "": frozenset({"ending"}),  # lastack/__init__.py: `lastack.close` must cost nothing to import
    "__main__": frozenset({"cli"}),
    "pytest_entry": frozenset({"pytest_plugin"}),  # what pytest loads: imports nothing till asked
}
"""Modules that are no rooms; nobody imports from them but for `lastack.__version__`."""

SANS_IO: Final = frozenset(
    {"profile", "wire", "state", "trace", "tcp", "verdict", "host", "sockets", "report"}
)
SIMULATION: Final = SANS_IO | {"net", "run", "drill", "matrix", "explore"}
"""Rooms in which an OSError is the simulated kernel's answer, never the real one's."""

BANNED: Final = frozenset(
    {"asyncio", "os", "random", "select", "socket", "threading", "time"}
    # the same doors by other names
    | {"_socket", "_thread", "_random", "posix", "selectors", "secrets", "subprocess"}
)
TERMINAL: Final = frozenset({"click", "rich"})

FILE_LINES: Final = 500
FUNCTION_LINES: Final = 60
EDGES_PER_FILE: Final = 2.5
"""Average number of files of its own room that a file imports."""


def is_room(name: str) -> bool:
    """Say whether the plan knows the room."""
    return name in FLOOR or name in BESIDE


def may_import(room: str, other: str) -> bool:
    """Say whether a module of `room` may import from the different room `other`."""
    if room in LOBBY:
        return other in LOBBY[room]
    if room in BESIDE:
        return other in BESIDE[room]
    if room not in FLOOR:
        return False
    if other in BESIDE:
        return FLOOR[room] == TOP
    return other in FLOOR and FLOOR[other] < FLOOR[room]
