"""What further runs promise to tell about power gates: bits, and which edges they decide.

A gate foretells the log onset of its skill as a Gaussian: from its coefficients, as far as the runs
there are tell them, and the noise; what comes after the end of a run is not seen. How far two gates
are apart in a run is the overlap ∫ √(f g) of what they foretell (Bhattacharyya's coefficient). It
stands for e^(−χ²/8), which it is between Gaussians of unit variance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from domino_sim.inference.doubts import SURE, Pair
from domino_sim.inference.evidence import EXCLUDED
from domino_sim.inference.networks.hypotheses import Graph, is_acyclic
from domino_sim.inference.networks.onsets import UNTRAINED, Onsets, later
from domino_sim.inference.networks.power_gates import STUCK, GatesOfSkill
from domino_sim.inference.networks.power_graphs import PowerGraphs
from domino_sim.inference.networks.power_roots import chances, roots_of
from domino_sim.levels import Floats

__all__ = ["PowerPromise"]

#: Gates of a skill that are weighed, and the least that one weighs.
_MOST, _LEAST = 8, 0.01

#: What is taken of the log odds of gates. Edges given 0.1 to 0.3 are real in four of ten.
_TRUST = 0.5


#: The variance of noise in a run of an even mixture, as a part of that of random ones: most of the
#: noise is what the law misses far from its middle. It grows as the variance of log frequencies.
_EVEN = 0.25

#: Log frequencies of the runs there are vary at least so much (variance).
_LITTLE = 0.1


@dataclass(frozen=True)
class _Gates:
    """The likely gates of a skill in a graph drawn: the first is the one drawn."""

    gates: list[int]
    weight: Floats
    mean: Floats
    covariance: Floats
    noise: Floats
    is_open: np.ndarray


class PowerPromise:
    """How far the gates of each skill are apart in runs with certain mixtures.

    Runs are taken as independent: what they tell adds up. A mixture may have a frequency more at
    its end, that of a stranger: it takes from the others what the skills left out would take.

    Parameters
    ----------
    onsets
        Those of the runs there are.
    graphs
        What they say.
    seed
        Of the noise of what is foretold.

    Attributes
    ----------
    pairs
        The edges in doubt, and the probability of each.
    total
        What the frequencies of a run add up to (the geometric mean of the runs there are).
    steps
        Steps of a run (the median of the runs there are).
    """

    def __init__(self, onsets: Onsets, graphs: PowerGraphs, seed: int = 0) -> None:
        self._onsets, self._skills = onsets, graphs.skills
        n = onsets.log.shape[1]
        self.total = _total(onsets)
        self.steps = float(np.median(np.exp(onsets.end.max(axis=1))))
        self._end = float(np.log(self.steps))
        self._usual = onsets.as_prerequisite.mean(axis=0)
        self._mean = np.array(
            [onsets.log[seen, i].mean() if (seen := onsets.seen[:, i]).any() else self._end
             for i in range(n)]
        )  # fmt: skip
        self._uneven = max(float(_uneven(onsets.frequency, ~onsets.trained).mean()), _LITTLE)
        self._rarest = onsets.frequency.min(axis=0)
        drawn = [graph for graph in graphs.drawn if is_acyclic(graph)] or [graphs.graph]
        self._drawn = drawn
        self._luck = np.random.default_rng(seed).normal(size=(len(drawn), n))
        self._roots = [roots_of(graph, graphs.skills) for graph in drawn]
        self._views = [
            [
                None if skill.unknown else _likely(graphs.skills, graph, i)
                for i, skill in enumerate(graphs.skills)
            ]
            for graph in drawn
        ]
        self._weight = np.zeros((len(drawn), n, _MOST))
        self._asks = np.zeros((len(drawn), n, _MOST, n), dtype=bool)
        for d, view in enumerate(self._views):
            for i, some in enumerate(view):
                if some is not None:
                    self._weight[d, i, : len(some.gates)] = some.weight
                    self._asks[d, i, : len(some.gates)] = graphs.skills[i].members[some.gates]
        self.pairs = self._in_doubt(graphs.probability)

    def _in_doubt(self, probability: Floats) -> Mapping[Pair, float]:
        there = self._weight[..., None] > 0.0
        asked = (self._asks & there).any(axis=(0, 2))
        spared = (~self._asks & there).any(axis=(0, 2))
        return {
            (j, i): float(probability[j, i])
            for i, j in np.argwhere(asked & spared).tolist()
            if 1.0 - SURE < probability[j, i] < SURE
        }

    @property
    def size(self) -> int:
        """Number of pairs of gates that are compared."""
        return self._weight.size * _MOST

    def table(self, mixtures: Floats) -> Floats:
        """Return how far gates are apart (mixtures, pairs of gates), as χ²."""
        found = np.zeros((len(mixtures), *self._weight.shape, _MOST))
        for d, graph in enumerate(self._drawn):
            come = self._follow(d, graph, mixtures)
            for i, some in enumerate(self._views[d]):
                if some is None:
                    continue
                mean, spread = self._foretold(d, i, some, come, mixtures)
                apart = _apart(mean, spread, self._end)
                apart[:, :, mixtures[:, i] == 0.0] = 0.0
                k = len(some.gates)
                found[:, d, i, :k, :k] = np.moveaxis(apart, 2, 0)
        return found.reshape(len(mixtures), -1)

    def bits(self, table: Floats) -> Floats:
        """Return the information about the gates, mean of the likely graphs, (…,).

        What is left of the entropy of several is at least −Σ wᵢ log₂ Σ wⱼ oᵢⱼ less, o the overlaps
        (Kolchinsky and Tracey 2017, Entropy 19, 361).
        """
        alike = np.exp(-self._shaped(table) / 8.0)
        mixed = np.einsum("...dikl,dil->...dik", alike, self._weight)
        told = -self._weight * np.log2(np.where(self._weight > 0.0, mixed, 1.0))
        total: Floats = told.sum(axis=(-1, -2)).mean(axis=-1)
        return total

    def excess(self, table: Floats, pair: Pair) -> Floats:
        """Return how far the nearest gate that says otherwise is from the one drawn (…, graphs).

        NaN where there is none.
        """
        j, i = pair
        here = self._asks[:, i, 0, j]
        otherwise = (self._asks[:, i, :, j] != here[:, None]) & (self._weight[:, i] > 0.0)
        apart = np.where(otherwise, self._shaped(table)[..., i, 0, :], np.inf).min(axis=-1)
        return np.where(otherwise.any(axis=1), apart, np.nan)

    def chance(self, table: Floats, pair: Pair) -> float:
        """Return the part of the likely graphs in which an edge is decided."""
        least = self.excess(table, pair)
        there = least[~np.isnan(least)]
        return float((there >= EXCLUDED).mean()) if there.size else 1.0

    def delay(self, mixture: Floats, pair: Pair) -> float:
        """Return by how much later, in log steps, i comes in a run if it needs j."""
        (j, i), found = pair, []
        for d, graph in enumerate(self._drawn):
            some = self._views[d][i]
            if some is None:
                continue
            asks, weight = self._asks[d, i, : len(some.gates), j], some.weight
            if asks.all() or not asks.any():
                continue
            come = self._follow(d, graph, mixture[None])
            mean, _ = self._foretold(d, i, some, come, mixture[None])
            each = [np.average(mean[k, 0], weights=weight[k]) for k in (asks, ~asks)]
            found.append(each[0] - each[1])
        return float(np.mean(found)) if found else 0.0

    def _shaped(self, table: Floats) -> Floats:
        return table.reshape(*table.shape[:-1], *self._weight.shape, _MOST)

    def _follow(self, d: int, graph: Graph, mixtures: Floats) -> Floats:
        """Return log onsets (runs, n) in a graph drawn, with guesses as `as_prerequisite` has."""
        come = np.tile(self._usual, (len(mixtures), 1))
        for i in _in_order(graph, self._usual):
            some = self._views[d][i]
            onset = np.full(len(mixtures), np.inf)
            if some is not None:
                drawn = _Gates(*(part[:1] for part in vars(some).values()))
                mean, spread = self._foretold(d, i, drawn, come, mixtures)
                onset = mean[0] + spread[0] * self._luck[d, i]
            guess = later(np.array(self._end), self._mean[i])
            onset = np.where(onset < self._end, onset, guess)
            come[:, i] = np.where(mixtures[:, i] > 0.0, onset, self._mean[i] + UNTRAINED)
        return come

    def _rough(self, frequency: Floats, out: np.ndarray) -> Floats:
        """Return the variance of the noise in runs, as a part of that in the runs there are."""
        return _EVEN + (1.0 - _EVEN) * _uneven(frequency, out) / self._uneven

    def _foretold(
        self, d: int, i: int, some: _Gates, come: Floats, mixtures: Floats
    ) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of log onsets (gates, runs)."""
        skill, own = self._skills[i], mixtures[:, : len(self._skills)]
        out = own == 0.0
        frequency = np.log(np.where(out, 1.0, own * self.total))
        frequency = np.where(out, self._rarest, frequency)
        x = skill.columns(some.gates, come, frequency, np.zeros(len(mixtures)), out)
        mean = skill.middle + np.einsum("grc,gc->gr", x, some.mean)
        variance = np.einsum("grc,gce,gre->gr", x, some.covariance, x)
        variance += np.square(some.noise)[:, None] * self._rough(frequency, out)
        mean[some.is_open] += skill.slowed(_taken(mixtures, own) * self.total, self._roots[d])
        return mean, np.sqrt(variance)


def _uneven(frequency: Floats, out: np.ndarray) -> Floats:
    """Return the variance of the log frequencies of what is trained (runs,)."""
    logs = np.ma.array(frequency, mask=out)
    return np.asarray(logs.var(axis=1).filled(0.0))


def _taken(mixtures: Floats, own: Floats) -> Floats:
    """Return frequencies (runs, n) in which what is left out has an even part of a stranger's."""
    out = own == 0.0
    strange = mixtures[:, own.shape[1] :].sum(axis=1)
    found: Floats = own + out * (strange / np.maximum(out.sum(axis=1), 1))[:, None]
    return found


def _total(onsets: Onsets) -> float:
    there = np.where(onsets.trained, np.exp(onsets.frequency), 0.0)
    return float(np.exp(np.log(there.sum(axis=1)).mean()))


def _likely(skills: Sequence[GatesOfSkill], graph: Graph, i: int) -> _Gates:
    """Return the likely gates of a skill, the one drawn first."""
    skill, roots = skills[i], roots_of(graph, skills)
    chance = chances(skills, graph, i) ** _TRUST
    chance /= chance.sum()
    here = skill.gates.index(graph[i])
    gates = [here, *(g for g in np.argsort(-chance)[:_MOST].tolist() if g != here)][:_MOST]
    gates = [g for g in gates if g == here or chance[g] >= _LEAST]
    weight = np.maximum(chance[gates], _LEAST)
    each = [skill.posterior(g, roots) for g in gates]
    mean, covariance, noise = (np.array(part) for part in zip(*each, strict=True))
    is_open = np.logical_not(skill.members[gates].any(axis=1))
    return _Gates(gates, weight / weight.sum(), mean, covariance, noise, is_open)


def _in_order(graph: Graph, usual: Floats) -> Sequence[int]:
    """Return the skills, prerequisites first, else by when they mostly come."""
    left, done = np.argsort(usual, kind="stable").tolist(), []
    while left:
        following = next(i for i in left if not set(graph[i].skills) & set(left))
        left.remove(following)
        done.append(following)
    return done


def _apart(mean: Floats, spread: Floats, end: float) -> Floats:
    """Return −8 log of the overlaps of Gaussians (gates, gates, runs), seen up to `end`."""
    one, other = np.square(spread)[:, None], np.square(spread)[None]
    both = one + other
    away = mean[:, None] - mean[None]
    whole = np.sqrt(2.0 * spread[:, None] * spread[None] / both)
    whole = whole * np.exp(-0.25 * np.square(away) / both)
    middle = (mean[:, None] * other + mean[None] * one) / both
    width = np.sqrt(2.0 * one * other / both)
    missed = STUCK + (1.0 - STUCK) * ndtr((mean - end) / spread)
    overlap = (1.0 - STUCK) * whole * ndtr((end - middle) / width)
    overlap += np.sqrt(missed[:, None] * missed[None])
    found: Floats = -8.0 * np.log(np.clip(overlap, 1e-12, 1.0))
    return found
