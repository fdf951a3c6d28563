"""Sums over very many hard-gated skills at very many times, without skills × times.

The open skills are kept as `Decays`. Those that open since they were last put together, and the
times asked for, are paired one by one, `_CHUNK` of each at most.
"""

from __future__ import annotations

import numpy as np

from domino_sim.decays import Decays
from domino_sim.engines.paths import HardPath
from domino_sim.levels import MOST_WORK, Floats

#: Openings or times handled one by one between two compressions.
_CHUNK = 512


def gains(path: HardPath, tau: Floats) -> Floats:
    """Σ (u_i(0) − u_i(τ)) at many `tau` (k,) of one run under MSE, without skills × times.

    The open skills are kept as `Decays`; those that open since the last compression, and the
    times asked for, are paired one by one, `_CHUNK` of each.
    """
    skills = path.skills
    speed, opened = skills.speed[:, 0], path.opened[:, 0]
    moving = speed > 0.0
    speed, opened, start = speed[moving], opened[moving], np.exp(-skills.work[moving, 0])
    leak = skills.leak
    decays = Decays(np.concatenate([speed, leak * speed]))
    amounts = np.zeros(len(decays.nodes))
    order = np.argsort(opened, kind="stable")
    speed, opened, start = speed[order], opened[order], start[order]
    at_opening = start * np.exp(-np.where(np.isfinite(opened), leak * speed * opened, 0.0))
    opens = np.isfinite(opened)
    asked = np.argsort(tau, kind="stable")
    query = np.minimum(tau[asked], MOST_WORK)
    if leak:
        decays.spread(amounts, leak * speed, start)
    closed_before = np.concatenate([[0.0], np.cumsum(start)])
    left = np.empty(len(query))
    last = query[-1]
    bounds = np.concatenate([opened[opens][::_CHUNK], query[::_CHUNK], [last]])
    bounds = np.unique(bounds[bounds <= last])
    here, n_open, n_asked = 0.0, 0, 0

    def admit(stop: int, now: float) -> None:
        """Move skills up to `stop` from their gate's rate to their own, at clock `now`."""
        part = slice(n_open, stop)
        grown = at_opening[part] * np.exp(-speed[part] * (now - opened[part]))
        decays.spread(amounts, speed[part], grown)
        if leak:
            decays.spread(amounts, leak * speed[part], -start[part] * np.exp(-leak * speed[part] * now))

    for bound in bounds.tolist():
        joined = int(np.searchsorted(opened, bound, side="left"))
        answered = int(np.searchsorted(query, bound, side="right"))
        now = query[n_asked:answered]
        if len(now):
            far = np.exp(-np.outer(now - here, decays.nodes)) @ amounts
            part = slice(n_open, joined)
            age = now[:, None] - opened[part]
            is_open = age >= 0.0
            own = np.where(is_open, at_opening[part] * np.exp(-speed[part] * np.maximum(age, 0)), 0.0)
            if leak:
                own -= np.where(is_open, start[part] * np.exp(-leak * speed[part] * now[:, None]), 0.0)
                shut = 0.0
            else:
                shut = closed_before[-1] - closed_before[np.searchsorted(opened, now, side="right")]
                # Skills that open exactly at the bound have not been paired: still whole.
                late = np.searchsorted(opened, now, side="right")
                shut = shut + np.where(late > joined, closed_before[late] - closed_before[joined], 0.0)
            left[n_asked:answered] = far + own.sum(axis=1) + shut
        amounts *= np.exp(-decays.nodes * (bound - here))
        here = bound
        joined = int(np.searchsorted(opened, bound, side="right"))
        admit(joined, bound)
        n_open, n_asked = joined, answered
    result = np.empty(len(query))
    result[asked] = closed_before[-1] - left
    return result
