"""Levels of one pool and their derivatives by its parameters, from the clock engine.

In the resource clock a skill's work w_i(τ) does not know the pool; t = I(τ)/η with I = ∫ D dτ. So
a parameter x moves a level in two ways only, through its own path and through the common clock::

    ds_i/dx = s'(w_i) (∂w_i/∂x + c_i p_i dτ/dx),    dτ/dx = −(∂I/∂x − t ∂η/∂x)/D

``docs/calibration.md``, "Derivatives". Nothing is stepped and nothing is differenced where gates
are hard; soft gates have their paths differenced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.calibration.skill_path import Move, Path
from domino_sim.engines import chebyshev
from domino_sim.engines.closed_clock import ClosedClock
from domino_sim.engines.paths import HardPath, SoftPath
from domino_sim.engines.phase import Phase
from domino_sim.engines.row_clock import RowClock
from domino_sim.levels import Floats
from domino_sim.pool import Law

__all__ = ["Tangent", "solve"]

#: Differences of the paths are taken over this part of a parameter (they are logarithms, or ≤ 1).
_DIFFERENCE = 1e-5

#: Most numbers of a table of derivatives worked on at once.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Tangent:
    """Levels (n, k) and their derivatives.

    Attributes
    ----------
    level : (n, k) array
    by_rate, by_wasted : (n, k) arrays
        d level/d log η and d level/d log N₀ (0 where N₀ is 0).
    by_path : (M, n, k) array
        By the parameters of the path, one a `Move`.
    """

    level: Floats
    by_rate: Floats
    by_wasted: Floats
    by_path: Floats


def solve(
    path: Path,
    law: Law,
    rate: float,
    wasted: float,
    steps: Floats,
    moves: tuple[Move, ...] = (),
    *,
    derive: bool = True,
) -> Tangent:
    """Return the levels at `steps` (k,) and their derivatives (empty arrays if not `derive`)."""
    eta, n0 = np.array([rate]), np.array([wasted])
    skills = path.skills()
    horizon = np.array([float(steps[-1]) + 1.0])
    phase = Phase(skills, path.exponent, law, eta, n0, horizon)
    n, k = len(path.frequency), len(steps)
    row, x = None, None
    if isinstance(phase.clock, RowClock):
        row, x = phase.clock.locate(steps, np.zeros(k, dtype=np.int64))
        start, end = phase.clock.rows.start[row], phase.clock.rows.end[row]
        tau = start + (end - start) * 0.5 * (x + 1.0)
    else:
        tau = phase.clock.tau(steps[None])[0]
    if isinstance(phase.path, SoftPath):
        work = np.maximum(phase.clock.work_at(row, x), skills.work)  # type: ignore[union-attr, arg-type]
        gates = phase.path.gates(work)
        openness = path.leak + (1.0 - path.leak) * gates
    else:
        work = phase.path.work(tau[None], slice(None))[:, 0]
        openness = phase.path.openness(tau[None], slice(None))[:, 0]
    level = path.level(work)
    if not derive:
        none = np.empty((0, n, k))
        return Tangent(level, none[:0], none[:0], none)
    left = 1.0 - level if path.growth != "mse" else np.exp(-work)
    pace = path.frequency[:, None] * openness
    demand = pace * left
    if law == "sum":
        division = demand.sum(axis=0) + wasted
    elif law == "norm":
        division = np.sqrt(np.einsum("ik,ik->k", demand, demand) + wasted**2)
    else:
        division = np.ones(k)
    # Where nothing is asked for any more, nothing moves.
    per_time = np.where(division > 0.0, 1.0 / np.where(division > 0.0, division, 1.0), 0.0)
    slope = {"mse": left, "ce": level * left * left, "logistic": level * left}[path.growth]
    by_clock = slope * pace
    by_rate = by_clock * (rate * steps * per_time)
    if law == "sum":
        by_wasted = by_clock * (-wasted * tau * per_time)
    elif law == "norm":
        assert isinstance(phase.clock, RowClock)
        safe = np.where(phase.clock.division > 0.0, phase.clock.division, 1.0)
        spent = np.where(phase.clock.division > 0.0, wasted**2 / safe, 0.0)
        by_wasted = by_clock * (-_integral(phase.clock, spent[None], row, x)[0] * per_time)
    else:
        by_wasted = np.zeros_like(by_clock)
    by_path = np.empty((len(moves), n, k))
    if moves and path.soft:
        by_path[:] = _differences(path, law, rate, wasted, steps, moves)
    elif moves:
        assert isinstance(phase.path, HardPath)
        openings = _openings(path, moves)
        drift = _drift(path, phase, law, moves, openings, tau, row, x, left)
        width = max(1, _BLOCK // (n * len(moves)))
        for begin in range(0, k, width):
            part = slice(begin, begin + width)
            at = tau[part]
            own = _own_motion(path, phase.path.opened[:, 0], moves, openings, at, at)
            own -= pace[:, part] * (drift[:, None, part] * per_time[part])
            by_path[:, :, part] = own * slope[:, part]
    return Tangent(level, by_rate, by_wasted, by_path)


def _integral(clock: RowClock, values: Floats, row, x) -> Floats:  # type: ignore[no-untyped-def]
    """∫ values dτ from 0 to the places (row, x), for values (M, rows, points); shape (M, k)."""
    within = (values @ chebyshev.INTEGRAL) * clock.rows.half
    before = np.cumsum(within[:, :, -1], axis=1)
    before = np.concatenate([np.zeros((len(values), 1)), before[:, :-1]], axis=1)
    coefficients = within @ chebyshev.COEFFICIENTS
    return before[:, row] + np.einsum("mkc,kc->mk", coefficients[:, row], chebyshev.basis(x))


def _openings(path: Path, moves: tuple[Move, ...]) -> Floats:
    """Derivatives of the instants (in τ) at which gates open, (M, n); 0 for those that never do."""
    if path.circuit.free:
        return np.zeros((len(moves), len(path.frequency)))
    found = np.empty((len(moves), len(path.frequency)))
    for begin, stop in _same_gates(moves):
        group = moves[begin:stop]
        sides = []
        for size in (_DIFFERENCE, -_DIFFERENCE):
            moved = [move.along(path, size) for move in group]
            sides.append(HardPath(moved[0].skills(*moved[1:])).opened)
        both = np.isfinite(sides[0]) & np.isfinite(sides[1])
        with np.errstate(invalid="ignore"):
            change = np.where(both, (sides[0] - sides[1]) / (2.0 * _DIFFERENCE), 0.0)
        found[begin:stop] = change.T
    return found


def _same_gates(moves: tuple[Move, ...]) -> list[tuple[int, int]]:
    """Runs of moves that leave what all skills share alone, which can be solved side by side."""
    groups: list[tuple[int, int]] = []
    for m, move in enumerate(moves):
        if groups and not move.of_all and not moves[m - 1].of_all:
            groups[-1] = (groups[-1][0], m + 1)
        else:
            groups.append((m, m + 1))
    return groups


def _own_motion(
    path: Path,
    opened: Floats,
    moves: tuple[Move, ...],
    openings: Floats,
    tau: Floats,
    piece: Floats,
) -> Floats:
    """∂w/∂x at fixed τ (k,), (M, n, k): w = p (λ τ + (1 − λ)(τ − τ_o)⁺).

    `piece` (k,) says to which side of an opening an instant at it belongs: where the piece of the
    clock begins that it is in.
    """
    p, leak = path.frequency[:, None], path.leak
    is_open = opened[:, None] <= piece
    since = np.where(is_open, np.maximum(tau - opened[:, None], 0.0), 0.0)
    frequency = np.stack([move.frequency for move in moves])
    own = frequency[:, :, None] * (p * (leak * tau + (1.0 - leak) * since))
    if openings.any():
        own -= openings[:, :, None] * (p * (1.0 - leak) * is_open)
    for m, move in enumerate(moves):
        if move.leak:
            own[m] += move.leak * p * (tau - since)
        if move.start:
            own[m] += move.start
    return own


def _drift(  # type: ignore[no-untyped-def]
    path: Path, phase: Phase, law: Law, moves: tuple[Move, ...], openings: Floats, tau: Floats,
    row, x, left: Floats,
) -> Floats:
    """∂I/∂x at fixed τ, (M, k): how the parameters move the clock."""
    assert isinstance(phase.path, HardPath)
    opened = phase.path.opened[:, 0]
    drift = np.zeros((len(moves), len(tau)))
    if isinstance(phase.clock, ClosedClock):
        # I = N₀ τ + Σ gains, and dg/dw = u.
        width = max(1, _BLOCK // (len(left) * len(moves)))
        for begin in range(0, len(tau), width):
            part = slice(begin, begin + width)
            own = _own_motion(path, opened, moves, openings, tau[part], tau[part])
            drift[:, part] = np.einsum("mik,ik->mk", own, left[:, part])
        return drift
    if law != "norm":
        return drift
    assert isinstance(phase.clock, RowClock)
    rows, clock, hard = phase.clock.rows, phase.clock, phase.path
    at_work, pace, _ = hard.on(rows)
    u = 1.0 - path.level(at_work)
    demand = pace * u
    fall = 1.0 if path.growth == "mse" else (1.0 - u) * u
    safe = np.where(clock.division > 0.0, clock.division, 1.0)
    n_points = rows.tau.size
    change = np.empty((len(moves), n_points))
    flat_tau = rows.tau.ravel()
    piece = np.repeat(rows.start, rows.tau.shape[1])
    weight = np.where(clock.division > 0.0, demand / safe, 0.0).reshape(len(demand), -1)
    flat, falls = demand.reshape(len(demand), -1), np.broadcast_to(fall, demand.shape)
    falls = falls.reshape(len(demand), -1)
    frequency = np.stack([move.frequency for move in moves])
    width = max(1, _BLOCK // (len(demand) * len(moves)))
    for begin in range(0, n_points, width):
        part = slice(begin, begin + width)
        own = _own_motion(path, opened, moves, openings, flat_tau[part], piece[part])
        # ∂d = d (∂ log p − ∂w · −d log u/dw)
        square = weight[:, part] * flat[:, part]
        change[:, part] = frequency @ square
        change[:, part] -= np.einsum("mik,ik->mk", own, square * falls[:, part])
    for m, move in enumerate(moves):
        if move.leak:
            shut = (hard.openness(rows.start[:, None], rows.sets) < 1.0)
            asked = np.where(shut, path.frequency[:, None, None] * u, 0.0)
            asked = asked * np.where(clock.division > 0.0, demand / safe, 0.0)
            change[m] += move.leak * asked.sum(axis=0).ravel()
    drift = _integral(clock, change.reshape(len(moves), *rows.tau.shape), row, x)
    if openings.any():
        drift += _jumps(clock, opened, openings, tau)
    return drift


def _jumps(clock: RowClock, opened: Floats, openings: Floats, tau: Floats) -> Floats:
    """What moving the instants at which D jumps adds to I, (M, k)."""
    added = np.zeros((len(openings), len(tau)))
    starts = clock.rows.start
    for instant in np.unique(opened[np.isfinite(opened) & (opened > 0.0)]).tolist():
        here = int(np.searchsorted(starts, instant))
        if here >= len(starts) or here == 0 or starts[here] != instant:
            continue
        jump = clock.division[here - 1, -1] - clock.division[here, 0]
        moved = openings[:, opened == instant].mean(axis=1)
        added += np.multiply.outer(moved * jump, (tau > instant).astype(float))
    return added


def _differences(
    path: Path, law: Law, rate: float, wasted: float, steps: Floats, moves: tuple[Move, ...]
) -> Floats:
    """Derivatives by central differences of whole solutions, (M, n, k): soft gates."""
    found = np.empty((len(moves), len(path.frequency), len(steps)))
    size = 10.0 * _DIFFERENCE
    for m, move in enumerate(moves):
        sides = [
            solve(move.along(path, sign * size), law, rate, wasted, steps, derive=False).level
            for sign in (1.0, -1.0)
        ]
        found[m] = (sides[0] - sides[1]) / (2.0 * size)
    return found
