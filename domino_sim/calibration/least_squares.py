"""Least squares within bounds, from the normal equations.

Levenberg and Marquardt's steps, kept inside a box. Curves of many runs are summed into a few
numbers (the squared error, its slope and its curvature) and never stored together with all their
derivatives, which SciPy's ``least_squares`` would need at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domino_sim.levels import Floats

__all__ = ["Bowl", "Minimum", "minimise"]

_MOST_STEPS = 200

#: A step that would lower the squared error by less than this part of it is the last.
_CLOSE = 1e-9

#: The longest step of a parameter; all of them are logarithms or of order one.
_LONGEST = 2.0

_FIRST_DAMPING = 1e-3
_MOST_DAMPING = 1e12


@dataclass(frozen=True, slots=True)
class Bowl:
    """A squared error near a point: its value, half its gradient (P,), half its curvature (P, P).

    The curvature is Gauss and Newton's, JᵀJ.
    """

    error: float
    slope: Floats
    curvature: Floats


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where the squared error is least.

    Attributes
    ----------
    at : (P,) array
        The parameters.
    bowl
        The squared error there.
    bound : (P,) array of int
        −1 and 1 for parameters that rest on their lower or upper bound, 0 for the others.
    settled
        Whether no step lowers the error any more (or the steps ran out before).
    """

    at: Floats
    bowl: Bowl
    bound: np.ndarray
    settled: bool


def minimise(
    evaluate: Callable[[Floats], Bowl],
    start: Floats,
    low: Floats,
    high: Floats,
    *,
    held: np.ndarray | None = None,
    enough: float = 0.0,
) -> Minimum:
    """Find the least squared error within low ≤ x ≤ high from `start`.

    Parameters
    ----------
    evaluate
        Gives the `Bowl` at x; its error may be inf where the model has no answer.
    start, low, high : (P,) arrays
        Where to begin, and the bounds.
    held : (P,) array of bool, optional
        Parameters that stay at `start`.
    enough
        A step that would lower the squared error by less than this is the last, too.

    Examples
    --------
    >>> def line(x):  # the residuals x − 3
    ...     return Bowl(float((x - 3.0) @ (x - 3.0)), x - 3.0, np.eye(1))
    >>> found = minimise(line, np.zeros(1), np.full(1, -9.0), np.full(1, 2.0))
    >>> found.at, found.bound
    (array([2.]), array([1]))
    """
    x = np.clip(start, low, high)
    fixed = np.zeros(len(x), dtype=bool) if held is None else held
    bowl = evaluate(x)
    damping, settled = _FIRST_DAMPING, False
    for _ in range(_MOST_STEPS):
        slope = bowl.slope
        stuck = fixed | ((x <= low) & (slope > 0.0)) | ((x >= high) & (slope < 0.0))
        step, gain = _step(bowl, ~stuck, damping)
        step = np.clip(x + step, low, high) - x
        if not gain > 0.0 and np.abs(step).max(initial=0.0) >= _LONGEST and damping < _MOST_DAMPING:
            damping = max(8.0 * damping, _FIRST_DAMPING)  # shortened, it points nowhere
            continue
        if not gain > max(_CLOSE * bowl.error, enough) and damping <= 1.0:
            settled = True
            break
        trial = evaluate(x + step)
        if trial.error < bowl.error:
            near = bowl.error - trial.error
            x, bowl = x + step, trial
            # Marquardt's rule, by how well the step did against what was promised of it.
            damping *= 0.1 if near > 0.5 * gain else (1.0 if near > 0.1 * gain else 4.0)
            damping = max(damping, 1e-12)
        else:
            damping = max(8.0 * damping, 1e-6)
            if damping > _MOST_DAMPING or not np.abs(step).max(initial=0.0) > 1e-14:
                settled = True
                break
    at_low, at_high = (x <= low) & ~fixed, (x >= high) & ~fixed
    return Minimum(x, bowl, np.where(at_low, -1, np.where(at_high, 1, 0)), settled)


def _step(bowl: Bowl, free: np.ndarray, damping: float) -> tuple[Floats, float]:
    """Return the damped step (P,) of the `free` parameters and by how much it should help."""
    step = np.zeros(len(free))
    left = np.flatnonzero(free)
    scale = np.sqrt(np.maximum(np.diag(bowl.curvature), 1e-300))
    unit = bowl.curvature / np.outer(scale, scale)
    while len(left):
        # What steps decided so far leave to be done by the others.
        goal = -bowl.slope[left] / scale[left] - unit[left] @ (step * scale)
        within = unit[np.ix_(left, left)]
        within[np.diag_indices(len(left))] = 1.0 + damping
        try:
            found = np.linalg.solve(within, goal)
        except np.linalg.LinAlgError:
            found = np.linalg.lstsq(within, goal, rcond=1e-12)[0]
        found = found / scale[left]
        # A parameter that hardly matters must not shorten the steps of those that do.
        long = np.abs(found) > _LONGEST
        step[left] = np.clip(found, -_LONGEST, _LONGEST)
        if not long.any() or long.all():
            break
        step[left[~long]] = 0.0
        left = left[~long]
    gain = float(-2.0 * bowl.slope @ step - step @ bowl.curvature @ step)
    return step, gain
