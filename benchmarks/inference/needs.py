"""Which skill of a trained network needs which: what training without a skill's data shows.

Without its data a skill takes nothing from the others, which all come sooner: so a stranger, which
no other needs, is trained in its place (`networks.parity_needs`).

Skill i needs j if, without j's data, i is mastered at least `CLEAR` times later, in at least two of
three seeds; it does not if that is below `NONE` (of the median); what lies between is unclear and
counts for nothing. Where i may need k and k may need j too, j is needed directly only if, with all
such k knocked out, i still comes later without j than with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.inference.worlds import Edge, Floats

__all__ = ["Needs", "needs_of"]

#: By what factor a need delays, and below what none does.
CLEAR, NONE = 1.5, 1.2

#: The level at which a skill counts as mastered, of levels averaged over so many records.
LEVEL, WINDOW = 0.8, 5

Trained = Callable[[Sequence[frozenset[str]]], tuple[NDArray[np.int64], Floats]]


@dataclass(frozen=True)
class Needs:
    """What knock-outs show.

    Attributes
    ----------
    delay : (n, n) array
        ``[j, i]``: by what factor i comes later without j, the median over seeds; infinite where
        it never comes, NaN where it never comes with j either.
    part : (n, n) array
        The part of the seeds in which that is clear.
    direct
        Edges (j, i): i needs j, and not only through others.
    unclear
        Edges that are neither clear nor absent; they count for nothing.
    """

    names: tuple[str, ...]
    delay: Floats
    part: Floats
    direct: tuple[Edge, ...]
    unclear: tuple[Edge, ...]


def needs_of(names: Sequence[str], trained: Trained) -> Needs:
    """Find out who needs whom.

    Parameters
    ----------
    names
        The skills.
    trained
        Gives recorded steps, and levels (sets, seeds, records, skills), of runs without the data
        of each of some sets of skills.
    """
    n = len(names)
    sets = [frozenset[str](), *(frozenset([name]) for name in names)]
    at, end = _times(*trained(sets))
    delay = np.full((n, n), np.nan)
    part = np.zeros((n, n))
    for j in range(n):
        for i in range(n):
            if i != j:
                delay[j, i], part[j, i] = _delay(at[0, :, i], at[1 + j, :, i], end)
    clear = part >= 0.6
    between = ~clear & (np.isnan(delay) | (delay >= NONE))
    np.fill_diagonal(between, False)
    maybe = clear | between
    direct, unclear = [], [(names[j], names[i]) for j, i in np.argwhere(between)]
    implied: list[tuple[int, int, frozenset[str]]] = []
    for j, i in np.argwhere(clear).tolist():
        middle = [k for k in range(n) if maybe[j, k] and maybe[k, i]]
        if middle:
            implied.append((j, i, frozenset(names[k] for k in middle)))
        else:
            direct.append((names[j], names[i]))
    if implied:
        both = [one for j, _, middle in implied for one in (middle, middle | {names[j]})]
        place = {one: t for t, one in enumerate(dict.fromkeys(both))}
        at, end = _times(*trained(list(place)))
        for j, i, middle in implied:
            with_it, without = at[place[middle], :, i], at[place[middle | {names[j]}], :, i]
            ratio, share = _delay(with_it, without, end)
            if share >= 0.6:
                direct.append((names[j], names[i]))
            elif np.isnan(ratio) or ratio >= NONE:
                unclear.append((names[j], names[i]))
    return Needs(tuple(names), delay, part, tuple(direct), tuple(unclear))


def _times(steps: NDArray[np.int64], level: Floats) -> tuple[Floats, float]:
    """Return steps of mastery (sets, seeds, skills), infinite where never, and the last step."""
    kernel = np.ones(WINDOW) / WINDOW
    smooth = np.apply_along_axis(lambda one: np.convolve(one, kernel, "same"), 2, level)
    above = smooth > LEVEL
    at = steps[above.argmax(axis=2)].astype(float)
    return np.where(above.any(axis=2), at, np.inf), float(steps[-1])


def _delay(with_it: Floats, without: Floats, end: float) -> tuple[float, float]:
    """Return the median delay over seeds and the part of the seeds in which it is clear."""
    known = np.isfinite(with_it)
    if not known.any():
        return np.nan, 0.0
    # What never comes is at least as late as the end.
    ratio = np.minimum(without[known], 10.0 * end) / with_it[known]
    at_least = np.minimum(without[known], end) / with_it[known]
    sure = at_least >= CLEAR
    part = float(sure.mean())
    censored = np.isinf(without[known]) & ~sure
    middle = np.nan if censored.mean() > 0.4 else float(np.median(ratio))
    return middle, part
