"""What is asked of a search, checked."""

from __future__ import annotations

from domino_sim.errors import ArgumentError
from domino_sim.inference.mixing import is_real

__all__ = ["check_asked"]


def check_asked(mastery: float | None, most: int, seconds: float) -> None:
    """Refuse a mastery, a most of prerequisites or seconds that are out of their range."""
    if mastery is not None and not (is_real(mastery) and 0.0 < mastery < 1.0):
        raise ArgumentError(f"is {mastery!r}", where="mastery", expected="a number in (0, 1)")
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ArgumentError(f"is {most!r}", where="most_prerequisites", expected="an integer ≥ 1")
    if not (is_real(seconds) and seconds > 0.0):
        raise ArgumentError(f"is {seconds!r}", where="seconds", expected="a number > 0")
