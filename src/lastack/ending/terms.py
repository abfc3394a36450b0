"""What the caller of close() and aclose() asks for, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OnTimeout = Literal["abort", "leave"]


@dataclass(frozen=True, slots=True)
class Terms:
    """The arguments that close() and aclose() share; close() explains them."""

    timeout: float
    idle: float
    drain_limit: int | None
    half_close: bool
    on_timeout: OnTimeout

    def __post_init__(self) -> None:
        for name, value in (("timeout", self.timeout), ("idle", self.idle)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
            if not value >= 0:  # NaN too
                raise ValueError(f"{name} must not be negative: {value}")
        if self.drain_limit is not None:
            if isinstance(self.drain_limit, bool) or not isinstance(self.drain_limit, int):
                raise TypeError("drain_limit must be a number of bytes or None")
            if self.drain_limit < 0:
                raise ValueError(f"drain_limit must not be negative: {self.drain_limit}")
        if not isinstance(self.half_close, bool):
            raise TypeError("half_close must be True or False")
        if self.on_timeout not in ("abort", "leave"):
            raise ValueError(f"on_timeout must be 'abort' or 'leave', not {self.on_timeout!r}")
