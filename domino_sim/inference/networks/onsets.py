"""When skills begin: the step at which each passes half its way, in every run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.inference.study import Study
from domino_sim.levels import Floats

__all__ = ["UNTRAINED", "Onsets", "find_onsets", "later", "onset_steps"]

#: A skill is trained in a run if its frequency is above this part of the run's largest.
_TRAINED = 1e-6

#: How much later, in log steps, one comes that did not come in a run: after its end; after its mean
#: where it was not trained.
_AFTER, UNTRAINED = 0.2, 2.0


@dataclass(frozen=True)
class Onsets:
    """Onsets of skills.

    Attributes
    ----------
    log : (runs, n) array
        log of the step at which a skill is at half its way, 0 where it never is.
    seen, trained : (runs, n) arrays of bool
        Whether it ever is, and whether it was trained.
    as_prerequisite : (runs, n) array
        As `log`, with a guess where it was not seen.
    end : (runs, n) array
        log of the last step at which it was seen.
    frequency : (runs, n) array
        log frequencies; where not trained, that of the run in which the skill is rarest.
    load : (runs,) array
        log of the sum of frequencies, mean 0.
    """

    log: Floats
    seen: np.ndarray
    trained: np.ndarray
    as_prerequisite: Floats
    end: Floats
    frequency: Floats
    load: Floats

    @classmethod
    def of(cls, at: Floats, last: Floats, frequency: Floats) -> Onsets:
        """Return onsets from steps.

        Parameters
        ----------
        at, last : (runs, n) arrays
            The step at which a skill is at half its way, infinite where it never is; its last step.
        frequency : (runs, n) array
            Frequencies; 0, or next to nothing, where it was not trained.
        """
        seen = np.isfinite(at)
        trained = frequency > _TRAINED * frequency.max(axis=1, keepdims=True)
        log = np.log(np.where(seen, np.maximum(at, 1e-9), 1.0))
        end = np.log(np.maximum(last, 1.0))
        mean = np.array(
            [log[seen[:, i], i].mean() if seen[:, i].any() else end.max() for i in range(len(at.T))]
        )
        guess = np.where(trained, later(end, mean), mean + UNTRAINED)
        log_p = np.log(np.where(trained, frequency, np.inf))
        log_p = np.where(trained, log_p, np.where(trained.any(axis=0), log_p.min(axis=0), 0.0))
        load = np.log(np.where(trained, frequency, 0.0).sum(axis=1))
        return cls(
            log, seen, trained, np.where(seen, log, guess), end, log_p, load - load.mean()
        )  # fmt: skip


def later(end: Floats, mean: Floats) -> Floats:
    """Return when skills are taken to come, in log steps, that had not come by the end of a run."""
    return np.maximum(end + _AFTER, mean)


def onset_steps(study: Study) -> tuple[Floats, Floats]:
    """Return the steps at which skills are at half their way, infinite where never; the last ones.

    Both are (runs, n). A curve that was left out from somewhere on ends there.
    """
    records = study.records
    runs, _, n = records.level.shape
    floor = np.broadcast_to(records.floor, (runs, 1, n))[:, 0]
    half = floor + 0.5 * (1.0 - floor)
    at, last = np.full((runs, n), np.inf), np.ones((runs, n))
    for r, steps in enumerate(study.steps):
        for i in range(n):
            there = records.weight[r, : len(steps), i] > 0.0
            last[r, i] = float(steps[there][-1] if there.any() else steps[-1])
            curve = records.smooth[r, : len(steps), i][there]
            if there.any() and curve[-1] >= half[r, i]:
                at[r, i] = _crossing(np.asarray(steps, dtype=float)[there], curve, half[r, i])
    return at, last


def find_onsets(study: Study) -> Onsets:
    """Return the onsets of all skills in all runs."""
    return Onsets.of(*onset_steps(study), study.frequency)


def _crossing(steps: Floats, curve: Floats, mark: float) -> float:
    k = int(np.argmax(curve >= mark))
    if k == 0:
        return float(steps[0])
    part = (mark - curve[k - 1]) / max(curve[k] - curve[k - 1], 1e-9)
    return float(steps[k - 1] + part * (steps[k] - steps[k - 1]))
