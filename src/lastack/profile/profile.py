"""A Profile: every number and switch on which TCPs lawfully differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

from .acceptance import AcceptanceRules
from .acks import AckRules
from .buffers import BufferRules
from .closing import ClosingRules
from .errors import ErrorRules
from .keepalive import KeepaliveRules
from .linger import LingerRules
from .ports import PortRules
from .retransmission import RetransmissionRules
from .rule import CHOSEN
from .start import StartRules
from .time_wait import TimeWaitRules


class Cell(NamedTuple):
    """One field of one profile, as `lastack claims --profiles` prints it."""

    group: str
    name: str
    value: Any
    unit: str
    meaning: str
    grade: str
    source: str


@dataclass(frozen=True)
class Profile:
    """The rules of one TCP; rule functions take the group they need, never the whole.

    `grades` names, for fields that differ from Linux, how sure the value is: {field: (grade,
    source)}. A field that is not named there has the value of `linux` by choice.
    """

    name: str
    summary: str
    linger: LingerRules = field(default_factory=LingerRules)
    closing: ClosingRules = field(default_factory=ClosingRules)
    time_wait: TimeWaitRules = field(default_factory=TimeWaitRules)
    retransmission: RetransmissionRules = field(default_factory=RetransmissionRules)
    acks: AckRules = field(default_factory=AckRules)
    acceptance: AcceptanceRules = field(default_factory=AcceptanceRules)
    start: StartRules = field(default_factory=StartRules)
    ports: PortRules = field(default_factory=PortRules)
    errors: ErrorRules = field(default_factory=ErrorRules)
    buffers: BufferRules = field(default_factory=BufferRules)
    keepalive: KeepaliveRules = field(default_factory=KeepaliveRules)
    grades: Mapping[str, tuple[str, str]] | None = None
    unproven: bool = False
    """A real system that nobody ran for lastack; output that uses it says so."""

    def cells(self) -> Iterator[Cell]:
        """Yield every field with its value and grade, in the order of the groups."""
        for group in fields(self):
            rules = getattr(self, group.name)
            if not hasattr(type(rules), "__dataclass_fields__"):
                continue
            for one in fields(rules):
                meta = one.metadata
                grade, source = meta["grade"], meta["source"]
                if self.grades is not None:
                    grade, source = self.grades.get(one.name, (CHOSEN, "as linux"))
                yield Cell(
                    group.name, one.name, getattr(rules, one.name), meta["unit"], meta["meaning"],
                    grade, source,
                )  # fmt: skip

    def with_field(self, name: str, value: Any) -> Profile:
        """Return a profile that differs in one field; KeyError for a name that is no field."""
        for group in fields(self):
            rules = getattr(self, group.name)
            if name in getattr(type(rules), "__dataclass_fields__", ()):
                return replace(self, **{group.name: replace(rules, **{name: value})})
        raise KeyError(name)
