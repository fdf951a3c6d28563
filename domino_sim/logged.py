"""Numbers as a training loop hands them over: of Python, NumPy or Torch, checked."""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import Any

from domino_sim.errors import ArgumentError
from domino_sim.wording import shown

__all__ = ["frequency", "level", "number", "whole_step"]

#: A level above this is no level: most likely a percentage.
HIGHEST_LEVEL = 2.0

#: The last step that can be logged; later ones are mistakes.
LAST_STEP = 10**15


def number(value: Any, where: str) -> float:
    """Return a number, or the one element of an array or tensor; NaN for what is not finite.

    Examples
    --------
    >>> number(0.5, "loss"), number(math.inf, "loss"), number(None, "loss")
    (0.5, nan, nan)
    """
    plain = value
    if hasattr(value, "item"):  # of NumPy, Torch, JAX …; float() would warn of a tensor's graph
        try:
            plain = value.item()
        except (TypeError, ValueError, RuntimeError):
            shape = tuple(getattr(value, "shape", ()))
            what = f"is {type(value).__name__} of shape {shape}"
            raise ArgumentError(what, where=where, expected="one number") from None
    if plain is None:
        return math.nan
    if isinstance(plain, bool) or not isinstance(plain, Real):
        raise ArgumentError(f"is {shown(plain)}", where=where, expected="a number")
    try:
        plain = float(plain)
    except OverflowError:
        return math.nan
    return plain if math.isfinite(plain) else math.nan


def level(value: Any, where: str) -> float:
    """Return a level as :func:`number` does; one far above 1 is refused."""
    given = number(value, where)
    if given > HIGHEST_LEVEL:
        raise ArgumentError(
            f"is {given:g}", where=where, expected="a level, 1 when all is learned (not per cent)"
        )
    return given


def frequency(value: Any, where: str) -> float:
    """Return a frequency, which is there, finite and ≥ 0."""
    given = number(value, where)
    if not given >= 0:
        raise ArgumentError(f"is {shown(value)}", where=where, expected="a finite number ≥ 0")
    return given + 0.0  # a negative zero becomes zero


def whole_step(step: Any) -> int:
    """Return a step: an integer of any kind, from 0 on."""
    try:
        whole = operator.index(step)
    except (TypeError, ValueError, RuntimeError):
        whole = -1
    if isinstance(step, bool) or not 0 <= whole <= LAST_STEP:
        raise ArgumentError(
            f"is {shown(step)}", where="step", expected=f"an integer from 0 to {LAST_STEP:.0e}"
        )
    return whole
