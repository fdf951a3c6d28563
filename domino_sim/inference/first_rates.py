"""Frequencies that are not known, from the curves of a run alone, before any graph.

Every skill is taken to open at an instant of its own: w_i = p_i (τ − T_i) from there on, with the
clock τ of the run free. Where skills are under way together their works tell the ratio of their
frequencies; the rest is what mixtures are like (:mod:`domino_sim.inference.rates`).

So skills fall into groups that overlap. Within one the ratios are known well, between two they are
a guess that may be off by factors of e² and more. `FirstRates.ties` says which is which: once a
graph tells how frequent some skills are, it tells of those that are tied to them, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domino_sim.frequencies.paths import level_and_slope
from domino_sim.inference.forms import trained
from domino_sim.inference.rates import SPREAD
from domino_sim.inference.records import Records
from domino_sim.inference.shared import together
from domino_sim.levels import Floats, Ints, Loss, log_unlearned, work_from_level

__all__ = ["FirstRates", "first_frequencies"]

#: Rounds of the first guess, and of the fit.
_GUESSES, _ROUNDS = 100, 40

#: A step of the fit that gains less (χ²) is the last.
_CLOSE = 0.01

#: Records from which the opening of a skill is first guessed.
_FIRST = 5

#: Unlearned part below which a level tells nothing of the work.
_LEAST = 0.005


@dataclass(frozen=True)
class FirstRates:
    """What curves tell of frequencies before any graph.

    Attributes
    ----------
    frequency : (runs, n) array
        A first guess of those that are not known.
    ties : (runs, n, n) array
        How sharp that is: the inverse covariance of the logarithms of the frequencies of a run,
        openings and the clock free. Of a run's frequencies together it says nothing: that is the
        scale of its clock.
    """

    frequency: Floats
    ties: Floats


def first_frequencies(
    nodes: Records, frequency: Floats, loss: Loss, mixture: Ints | None = None
) -> FirstRates:
    """Return frequencies (runs, n) with those that are NaN filled in, and how they are tied.

    Parameters
    ----------
    nodes
        A few levels of each run (`make_nodes`).
    frequency : (runs, n) array
        NaN where not known.
    loss
        The growth law.
    mixture : (runs,) array, optional
        Numbers of mixtures: runs of one number share theirs.

    Notes
    -----
    Of a run with none known the frequencies add up to 1; a skill that does not move in it gets the
    mean (geometric) of the others.
    """
    found, n = frequency.copy(), frequency.shape[1]
    ties, curves = np.zeros((len(frequency), n, n)), np.zeros((len(frequency), n, n))
    for r, given in enumerate(frequency):
        free = np.isnan(given)
        ties[r] = _alike(free | trained(np.nan_to_num(given)[None])[0])
        if not free.any():
            continue
        moves = nodes.under_way[r].any(axis=0)
        log = np.zeros(len(given))
        log[~free & (given > 0.0)] = np.log(given[~free & (given > 0.0)])
        use = np.flatnonzero(moves & (free | (given > 0.0)))
        mean = log[~free & (given > 0.0)].mean() if (~free & (given > 0.0)).any() else 0.0
        log[free] = mean
        if len(use):
            log[use], told = _of_run(nodes, r, use, free[use], log[use], loss)
            curves[r][np.ix_(use, use)] = told
            log[free & ~moves] = log[use].mean()
        found[r, free] = np.exp(log[free])
        if free.all():
            found[r] /= found[r].sum()
    if mixture is not None:
        found = _shared(found, np.isnan(frequency), ties, curves, mixture)
    return FirstRates(found, ties + together(curves, mixture))


def _shared(
    found: Floats, free: np.ndarray, alike: Floats, curves: Floats, mixture: Ints
) -> Floats:
    """Return the first guesses of runs that share a mixture: their mean, each by what it tells."""
    log, shared = np.log(np.maximum(found, 1e-300)), found.copy()
    for number in np.unique(mixture):
        rows = np.flatnonzero(mixture == number)
        open_ = free[rows[0]]
        if len(rows) < 2 or not open_.any():
            continue
        # What is known is held; of a mixture of which only is what it does not train, one
        # frequency sets the scale.
        held, scaled = ~open_, bool((found[rows[0]][~open_] > 0.0).any())
        if not scaled:
            held[int(np.argmax(open_))] = True
        moves = ~held
        told = curves[rows].sum(axis=0) + alike[rows[0]]
        drive = np.einsum("rij,rj->i", curves[rows], log[rows])
        drive = drive - told[:, held] @ log[rows[0], held]
        answer = log[rows[0]].copy()
        answer[moves] = np.linalg.solve(told[np.ix_(moves, moves)], drive[moves])
        answer = np.exp(answer)
        if not scaled:
            answer /= answer[open_].sum()
        shared[rows] = np.where(open_, answer, found[rows])
    return shared


def _alike(among: NDArray[np.bool_]) -> Floats:
    """Return what mixtures are like, as an inverse covariance (n, n): spread around their mean.

    Among the skills that are trained: one that is knocked out tells nothing of the others.
    """
    apart = np.diag(among.astype(float)) - np.outer(among, among) / max(int(among.sum()), 1)
    return (apart + np.diag(~among)) / SPREAD**2


@dataclass
class _Fit:
    """Logarithms of frequencies, openings (n,) and the clock (records,) of a run."""

    log: Floats
    opening: Floats
    tau: Floats


@dataclass(frozen=True)
class _System:
    """The equations of a step: log p, then openings (2 n,), the clock of every record eliminated.

    `across` (records, 2 n), `ahead` and `stiff` (records,) give the step of the clock.
    """

    hessian: Floats
    drive: Floats
    across: Floats
    ahead: Floats
    stiff: Floats

    @classmethod
    def of(
        cls, fit: _Fit, level: Floats, root: Floats, loss: Loss, start: float, damping: float = 0.0
    ) -> _System:
        """Return the equations at a fit; `damping` is of the clock."""
        n, p = len(fit.log), np.exp(fit.log)
        work = p * np.maximum(fit.tau[:, None] - fit.opening, 0.0)
        found, slope = level_and_slope(work + start, loss)
        miss, by_tau = (level - found) * root, slope * p * (work > 0.0) * root
        by_log = slope * work * root
        stiff = np.square(by_tau).sum(axis=1) * (1.0 + damping) + 1e-9
        # Each column of the Jacobian is of one skill: its log p, then its opening.
        columns = np.concatenate([by_log, -by_tau], axis=1)
        across, ahead = columns * np.concatenate([by_tau, by_tau], axis=1), by_tau * miss
        hessian = np.zeros((2 * n, 2 * n))
        at = np.arange(n)
        for one, a in enumerate((by_log, -by_tau)):
            for two, b in enumerate((by_log, -by_tau)):
                hessian[one * n + at, two * n + at] = (a * b).sum(axis=0)
        hessian -= across.T @ (across / stiff[:, None])
        drive = (columns * np.concatenate([miss, miss], axis=1)).sum(axis=0)
        drive -= across.T @ (ahead.sum(axis=1) / stiff)
        return cls(hessian, drive, across, ahead.sum(axis=1), stiff)


def _of_run(
    nodes: Records, run: int, use: np.ndarray, free: np.ndarray, log: Floats, loss: Loss
) -> tuple[Floats, Floats]:
    """Return the logarithms of the frequencies of skills `use`, and how curves alone tie them."""
    level, weight = nodes.level[run][:, use], nodes.weight[run][:, use]
    under_way, smooth = nodes.under_way[run][:, use], nodes.smooth[run][:, use]
    floor = 0.0 if loss == "mse" else 0.5
    start = float(work_from_level(floor, loss))
    work = work_from_level(np.clip(smooth, floor, 1.0 - _LEAST), loss) - start
    guess = _guess(work, weight * under_way, under_way, free, log, loss, start)
    fit = _fitted(guess, level, weight, free, loss, start)
    return fit.log, _told(_System.of(fit, level, np.sqrt(weight), loss, start))


def _told(system: _System) -> Floats:
    """Return the inverse covariance of log p that levels tell, with the openings free."""
    n = len(system.drive) // 2
    own, across, openings = system.hessian[:n, :n], system.hessian[:n, n:], system.hessian[n:, n:]
    loose = openings + np.eye(n) * (1e-9 * max(float(np.trace(openings)) / n, 1e-12))
    told = own - across @ np.linalg.solve(loose, across.T)
    return 0.5 * (told + told.T)


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
        system = _System.of(fit, level, root, loss, start, damping)
        hessian, drive = system.hessian, system.drive
        hessian[:n, :n] += _alike(np.ones(n, dtype=bool))
        drive[:n] -= (fit.log - fit.log.mean()) / SPREAD**2
        inner = hessian[np.ix_(moving, moving)]
        diagonal = np.diag(inner)
        inner = inner + np.diag(damping * diagonal + 1e-6 * diagonal.mean() + 1e-12)
        step = np.zeros(2 * n)
        step[moving] = np.linalg.solve(inner, drive[moving])
        unit = 0.5 * float(np.exp(-fit.log.max()))
        tau = fit.tau + np.clip((system.ahead - system.across @ step) / system.stiff,
                                -0.5 * fit.tau - unit, fit.tau + unit)  # fmt: skip
        far = 0.3 * (fit.opening + unit)
        trial = _Fit(
            fit.log + np.clip(step[:n], -0.5, 0.5),
            np.maximum(fit.opening + np.clip(step[n:], -far, far), 0.0),
            np.maximum(isotonic_regression(tau, weights=system.stiff).x, 0.0),
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
