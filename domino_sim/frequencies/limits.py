"""What the curves do not tell of the frequencies, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domino_sim.frequencies.spread import Spread
from domino_sim.wording import shown

__all__ = ["limits", "statuses"]

_NAMED = 6


def statuses(spread: Spread) -> list[str]:
    """Say of every skill what its interval is."""
    found = []
    alone = int((spread.group == 0).sum()) == 1
    for group, low, high in zip(spread.group, spread.low, spread.high, strict=True):
        below, above = np.isfinite(low), np.isfinite(high)
        if below and above:
            known = "reference" if alone else "known"
            found.append(known if group == 0 else "poorly known")
        elif above:
            found.append("upper bound")
        else:
            found.append("lower bound" if below else "unknown")
    return found


def limits(names: Sequence[str], spread: Spread, *, settled: bool = True) -> tuple[str, ...]:
    """Say what is not identified, the scale first."""
    anchor = [name for name, group in zip(names, spread.group, strict=True) if group == 0]
    if len(names) == 1:
        return (
            f"With one skill only its clock is known, in units of 1/frequency: the frequency of "
            f"{shown(names[0])} is set to 1.",
        )
    if len(anchor) == 1:
        scale = f"the frequency of {_list(anchor)} is set to 1"
    else:
        whose = "all skills" if len(anchor) == len(names) else _list(anchor)
        scale = f"the scale is such that those of {whose} add up to 1"
    found = [f"Only ratios of frequencies are identified: {scale}, and the clock is in that unit."]
    if not np.isfinite(spread.quantile):
        found.append("There are no more values than unknowns: nothing can be said of errors.")
        return tuple(found)
    for number in range(1, int(spread.group.max()) + 1):
        found.append(_group(names, anchor, spread, np.flatnonzero(spread.group == number)))
    if not settled:
        found.append("The search did not come to its end: there may be better frequencies.")
    return tuple(found)


def _group(names: Sequence[str], anchor: list[str], spread: Spread, members: np.ndarray) -> str:
    named = [names[i] for i in members]
    with np.errstate(over="ignore"):
        low, high = np.exp(spread.low[members[0]]), np.exp(spread.high[members[0]])
    who = _list(named)
    if len(named) > 1:
        span = f"{shown(named[0])} lies between {low:.3g} and {high:.3g}"
        return (
            f"The ratio of the frequencies of {who} to those of {_list(anchor)} is hardly known: "
            f"too few records show skills of both learning ({span}); their ratios among "
            "themselves hold."
        )
    if low == 0.0 and np.isinf(high):
        return f"Nothing tells the frequency of {who}: no record shows it learning beside others."
    if low == 0.0:
        return f"{who} hardly leaves its start beside others: its frequency is at most {high:.3g}."
    if np.isinf(high):
        return (
            f"{who} is learned before records show others learning: its frequency is at least "
            f"{low:.3g}."
        )
    return (
        f"The frequency of {who} is only known to lie between {low:.3g} and {high:.3g}: too few "
        "records show it learning beside others."
    )


def _list(names: Sequence[str]) -> str:
    quoted = [shown(name) for name in names[:_NAMED]]
    if len(names) > _NAMED:
        return f"{', '.join(quoted)} and {len(names) - _NAMED} more"
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
