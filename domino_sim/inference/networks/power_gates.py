"""Power gates: onsets as products of powers, a regression for every skill and gate.

In trained networks what a skill needs is not a switch: hidden features of a prerequisite grow
before its level does. Measured on perceptrons over mixtures, the onset t_i of a skill follows

    log t_i = a_i − β_i log p_i + γ_i log Σ p + Σ_k δ_k log p_k + Σ_j α_j log t_j + noise,

j over what i needs, k over all other skills (which compete; δ is small), with 0.15 to 0.2 of noise
where its own frequency alone leaves 0.4. Where one prerequisite is enough, the soonest counts.
Skills decouple, so every gate of every skill is judged exactly: its evidence is a Gaussian integral
over the coefficients, summed over the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.networks.hypotheses import Graph, Rules, descendants
from domino_sim.inference.networks.onsets import Onsets
from domino_sim.levels import Floats

__all__ = ["Fit", "PowerGates"]

#: Noise of log onsets, and how likely each is beforehand.
_NOISE = np.array([0.08, 0.12, 0.17, 0.24, 0.34, 0.5])
_LIKELY = np.log(np.array([0.5, 1.5, 1.5, 1.0, 0.5, 0.2]) / 5.2)

#: Prior mean of β without prerequisites, with one, with more; its standard deviation.
_BETA, _BETA_SPREAD = (1.05, 0.75, 0.6), 0.2

#: Prior mean and standard deviation of γ, α and δ; standard deviation of the constant.
_GAMMA, _ALPHA, _DELTA, _CONSTANT = (0.3, 0.15), (0.45, 0.15), (0.0, 0.03), 1.5

#: What a prerequisite, and a gate of any of several, cost (log evidence).
_EDGE, _ANY = 1.0, 2.0

#: Onsets are later than prerequisites' but for this part of the runs; what it costs if in none.
_LATER, _EARLY = 0.35, 6.0

#: Evidence between which nothing can be said: with fewer onsets a skill has no gate.
_LEAST = 3


@dataclass(frozen=True)
class Fit:
    """A gate of one skill: log evidence, coefficients (β, γ, δ …, α …), log onsets (runs,)."""

    gate: Requires
    evidence: float
    weights: Floats
    noise: float
    onset: Floats


class PowerGates:
    """All gates of all skills.

    Attributes
    ----------
    fits
        Of each skill, every permitted gate.
    """

    def __init__(self, onsets: Onsets, rules: Rules) -> None:
        self._onsets = onsets
        n = onsets.log.shape[1]
        self.fits = [[self._fit(i, gate) for gate in rules.gates(i)] for i in range(n)]

    def best(self) -> Graph:
        """Return the likeliest graph: the likeliest gates, but for those that close a circle."""
        chosen = [max(fits, key=lambda one: one.evidence) for fits in self.fits]
        while True:
            graph = tuple(one.gate for one in chosen)
            losses = []
            for i, fits in enumerate(self.fits):
                after = descendants(graph, i)
                if after.isdisjoint(graph[i].skills):
                    continue
                free = [one for one in fits if after.isdisjoint(one.gate.skills)]
                if free:
                    other = max(free, key=lambda one: one.evidence)
                    losses.append((chosen[i].evidence - other.evidence, i, other))
            if not losses:
                return graph
            _, i, other = min(losses, key=lambda one: one[:2])
            chosen[i] = other

    def probabilities(self, graph: Graph) -> Floats:
        """Return the probability of every edge [j, i], what `graph` says of the others held."""
        n = len(graph)
        found = np.zeros((n, n))
        for i, fits in enumerate(self.fits):
            after = descendants(graph, i)
            free = [one for one in fits if after.isdisjoint(one.gate.skills)]
            weight = np.exp(np.array([one.evidence for one in free]))
            for one, share in zip(free, weight / weight.sum(), strict=True):
                found[list(one.gate.skills), i] += share
        return np.clip(found, 0.0, 1.0)

    def fit_of(self, skill: int, gate: Requires) -> Fit:
        """Return the fit of a gate."""
        return next(one for one in self.fits[skill] if one.gate == gate)

    def _fit(self, skill: int, gate: Requires) -> Fit:
        onsets = self._onsets
        runs = len(onsets.log)
        come = [onsets.as_prerequisite[:, j] for j in gate.skills]
        if gate.any:
            come = [np.min(come, axis=0)]
        others = np.delete(onsets.frequency, skill, axis=1).T
        columns = np.stack(
            [np.ones(runs), -onsets.frequency[:, skill], onsets.load, *others, *come], axis=1
        )
        there = onsets.seen[:, skill] & onsets.trained[:, skill]
        absent = ~onsets.seen[:, skill] & onsets.trained[:, skill]
        prior = -_EDGE * len(gate.skills) - _ANY * gate.any - self._haste(skill, gate)
        if there.sum() < _LEAST:
            certain = prior if gate.skills else 0.0
            nothing = np.zeros(columns.shape[1] - 1)
            return Fit(gate, certain - 50.0 * bool(gate.skills), nothing, 1.0, onsets.end + 1.0)
        centre = columns[there].mean(axis=0)
        columns[:, 1:] -= centre[1:]
        middle = float(onsets.log[there, skill].mean())
        many = [_DELTA] * len(others) + [_ALPHA] * len(come)
        beta = (_BETA[min(len(come), 2)], _BETA_SPREAD)
        mean, spread = np.array([(0.0, _CONSTANT), beta, _GAMMA, *many]).T
        x = columns[there]
        miss = onsets.log[there, skill] - middle - x @ mean
        values, vectors = np.linalg.eigh((x * spread**2) @ x.T)
        along = np.square(vectors.T @ miss)
        every = np.maximum(values, 0.0) + np.square(_NOISE)[:, None]
        logs = -0.5 * (np.log(every).sum(axis=1) + (along / every).sum(axis=1)) + _LIKELY
        noise = float(_NOISE[logs.argmax()])
        kernel = (x * spread**2) @ x.T + noise**2 * np.eye(len(x))
        weights = mean + spread**2 * (x.T @ np.linalg.solve(kernel, miss))
        onset = columns @ weights + middle
        evidence = float(np.logaddexp.reduce(logs)) + prior
        if absent.any():
            # It did not come until the end: it should not have been expected before.
            short = np.maximum(onsets.end[absent] - onset[absent], 0.0)
            evidence -= 0.5 * float(np.minimum(short**2 / (noise**2 + 0.01), 16.0).sum())
        return Fit(gate, evidence, weights[1:], noise, onset)

    def _haste(self, skill: int, gate: Requires) -> float:
        """Return what it costs that prerequisites come later than the skill, run by run."""
        onsets, cost = self._onsets, 0.0
        own = np.where(onsets.seen, onsets.log, onsets.end[:, None])
        for j in gate.skills:
            both = onsets.trained[:, j] & onsets.trained[:, skill]
            both &= onsets.seen[:, j] | onsets.seen[:, skill]
            if both.any():
                late = float(np.mean((own[:, j] - own[:, skill])[both] > 0.05))
                cost += _EARLY * max(0.0, late - _LATER) / (1.0 - _LATER)
        return cost
