"""Frequencies that are not known, from the curves of a run alone, before any graph.

Every skill is taken to open at an instant of its own: w_i = p_i (τ − T_i) from there on, with the
clock τ of the run free. Where skills are under way together their works tell the ratio of their
frequencies; the rest is what mixtures are like (:mod:`domino_sim.inference.rates`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.frequencies.paths import level_and_slope
from domino_sim.inference.rates import SPREAD
from domino_sim.inference.records import Records
from domino_sim.levels import Floats, Loss, log_unlearned, work_from_level

__all__ = ["first_frequencies"]

#: Rounds of the first guess, and of the fit.
_GUESSES, _ROUNDS = 100, 40

#: A step of the fit that gains less (χ²) is the last.
_CLOSE = 0.01

#: Records from which the opening of a skill is first guessed.
_FIRST = 5

#: Unlearned part below which a level tells nothing of the work.
_LEAST = 0.005


def first_frequencies(nodes: Records, frequency: Floats, loss: Loss) -> Floats:
    """Return frequencies (runs, n) with those that are NaN filled in.

    Parameters
    ----------
    nodes
        A few levels of each run (`make_nodes`).
    frequency : (runs, n) array
        NaN where not known.
    loss
        The growth law.

    Notes
    -----
    Of a run with none known the frequencies add up to 1; a skill that does not move in it gets the
    mean (geometric) of the others.
    """
    found = frequency.copy()
    for r, given in enumerate(frequency):
        free = np.isnan(given)
        if not free.any():
            continue
        moves = nodes.under_way[r].any(axis=0)
        log = np.zeros(len(given))
        log[~free & (given > 0.0)] = np.log(given[~free & (given > 0.0)])
        use = np.flatnonzero(moves & (free | (given > 0.0)))
        mean = log[~free & (given > 0.0)].mean() if (~free & (given > 0.0)).any() else 0.0
        log[free] = mean
        if len(use):
            log[use] = _of_run(nodes, r, use, free[use], log[use], loss)
            log[free & ~moves] = log[use].mean()
        found[r, free] = np.exp(log[free])
        if free.all():
            found[r] /= found[r].sum()
    return found


@dataclass
class _Fit:
    """Logarithms of frequencies, openings (n,) and the clock (records,) of a run."""

    log: Floats
    opening: Floats
    tau: Floats


def _of_run(
    nodes: Records, run: int, use: np.ndarray, free: np.ndarray, log: Floats, loss: Loss
) -> Floats:
    level, weight = nodes.level[run][:, use], nodes.weight[run][:, use]
    under_way, smooth = nodes.under_way[run][:, use], nodes.smooth[run][:, use]
    floor = 0.0 if loss == "mse" else 0.5
    start = float(work_from_level(floor, loss))
    work = work_from_level(np.clip(smooth, floor, 1.0 - _LEAST), loss) - start
    guess = _guess(work, weight * under_way, under_way, free, log, loss, start)
    return _fitted(guess, level, weight, free, loss, start).log


def _guess(
    work: Floats, weight: Floats, under_way: np.ndarray, free: np.ndarray, log: Floats, loss: Loss,
    start: float,
) -> _Fit:  # fmt: skip
    """Return the first guess: growths of works as products of a frequency and a step of the clock.

    Alternating least squares on them, weighed by how well levels tell works.
    """
    unlearned = np.exp(log_unlearned(work + start, loss))
    sharp = weight * np.square(np.maximum(unlearned, _LEAST))
    both = under_way[1:] & under_way[:-1]
    safe = np.maximum(sharp, 1e-12)
    sharp = np.where(both, 1.0 / (1.0 / safe[1:] + 1.0 / safe[:-1]), 0.0)
    growth = np.diff(work, axis=0)
    given, steps = log, np.zeros(len(growth))
    for _ in range(_GUESSES):
        p = np.exp(log)
        told = (sharp * p * p).sum(axis=1)
        steps = (sharp * growth * p).sum(axis=1) / np.maximum(told, 1e-12)
        steps = np.where(told > 0.0, np.maximum(steps, 1e-6), 0.0)
        told = (sharp * steps[:, None] ** 2).sum(axis=0)
        seen = told > 0.0
        own = (sharp * growth * steps[:, None]).sum(axis=0) / np.maximum(told, 1e-12)
        own = np.log(np.maximum(own, 1e-6))
        firm = np.where(seen, told * np.exp(2.0 * own), 0.0)
        mean = log.mean()
        log = np.where(free, (firm * own + mean / SPREAD**2) / (firm + 1.0 / SPREAD**2), given)
        if free.all():
            log = log - log.mean()
    tau = np.concatenate([[0.0], np.cumsum(np.maximum(steps, 1e-3 * np.exp(-log.max())))])
    opening = np.zeros(len(log))
    for i, there in enumerate(under_way.T):
        at = np.flatnonzero(there)[:_FIRST]
        opening[i] = max(float(np.median(tau[at] - work[at, i] * np.exp(-log[i]))), 0.0)
    return _Fit(log, opening, tau)


def _fitted(
    fit: _Fit, level: Floats, weight: Floats, free: np.ndarray, loss: Loss, start: float
) -> _Fit:
    """Improve all three by steps of Levenberg and Marquardt, the clock eliminated."""
    from scipy.optimize import isotonic_regression

    n, root = len(free), np.sqrt(weight)
    moving = np.concatenate([np.flatnonzero(free), n + np.arange(n)])
    damping = 1e-2
    cost = _cost(fit, level, root, loss, start)
    for _ in range(_ROUNDS):
        p = np.exp(fit.log)
        work = p * np.maximum(fit.tau[:, None] - fit.opening, 0.0)
        found, slope = level_and_slope(work + start, loss)
        miss, by_tau = (level - found) * root, slope * p * (work > 0.0) * root
        by_log = slope * work * root
        stiff = np.square(by_tau).sum(axis=1) * (1.0 + damping) + 1e-9
        # Each column of the Jacobian is of one skill: its log p, then its opening.
        columns = np.concatenate([by_log, -by_tau], axis=1)
        doubled = np.concatenate([by_tau, by_tau], axis=1)
        across, ahead = columns * doubled, (by_tau * miss).sum(axis=1)
        hessian = np.zeros((2 * n, 2 * n))
        for one, a in enumerate((by_log, -by_tau)):
            for two, b in enumerate((by_log, -by_tau)):
                at = np.arange(n)
                hessian[one * n + at, two * n + at] = (a * b).sum(axis=0)
        hessian -= across.T @ (across / stiff[:, None])
        drive = (columns * np.concatenate([miss, miss], axis=1)).sum(axis=0)
        drive -= across.T @ (ahead / stiff)
        hessian[:n, :n] += (np.eye(n) - 1.0 / n) / SPREAD**2
        drive[:n] -= (fit.log - fit.log.mean()) / SPREAD**2
        inner = hessian[np.ix_(moving, moving)]
        diagonal = np.diag(inner)
        inner = inner + np.diag(damping * diagonal + 1e-6 * diagonal.mean() + 1e-12)
        step = np.zeros(2 * n)
        step[moving] = np.linalg.solve(inner, drive[moving])
        unit = 0.5 / p.max()
        tau = fit.tau + np.clip((ahead - across @ step) / stiff, -0.5 * fit.tau - unit,
                                fit.tau + unit)  # fmt: skip
        far = 0.3 * (fit.opening + unit)
        trial = _Fit(
            fit.log + np.clip(step[:n], -0.5, 0.5),
            np.maximum(fit.opening + np.clip(step[n:], -far, far), 0.0),
            np.maximum(isotonic_regression(tau, weights=stiff).x, 0.0),
        )
        there = _cost(trial, level, root, loss, start)
        if there < cost:
            gain, fit, cost, damping = cost - there, trial, there, max(0.3 * damping, 1e-6)
            if gain < _CLOSE:
                break
        else:
            damping *= 5.0
    return fit


def _cost(fit: _Fit, level: Floats, root: Floats, loss: Loss, start: float) -> float:
    work = np.exp(fit.log) * np.maximum(fit.tau[:, None] - fit.opening, 0.0)
    found, _ = level_and_slope(work + start, loss)
    away = (fit.log - fit.log.mean()) / SPREAD
    return float(np.square((level - found) * root).sum() + np.square(away).sum())
