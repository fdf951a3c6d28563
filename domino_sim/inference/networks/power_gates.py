"""Power gates: onsets as products of powers, and the evidence of every gate of a skill.

In trained networks what a skill needs is not a switch: hidden features of a prerequisite grow
before its level does. Measured on perceptrons over mixtures, the onset t_i of a skill follows

    log t_i = a_i − β log p_i + γ log (Σ_root p + 0.1 Σ_rest p) + noise           without a gate,
    log t_i = a_i − β log p_i + γ log Σ p + Σ_j α log t_j + κ mean_k log t_k + noise    with one,

j over what i needs, k over the skills that mostly come sooner. Where j is not trained, ω stands for
α log t_j. What others take, i lacks. Skills that need nothing (roots) take from each other, all
along; those that wait for others hardly pull, and take a tenth. For skills that need others κ < 0
says it: the later the others were, the less was taken. With a gate of any of several, the soonest
counts as the only one. The values hardly vary: their priors are narrow, so that few runs say much.
They were found as those that make the measured onsets most likely, given what knock-outs show
(``docs/inference.md``).

Given which skills are roots, all gates of all skills are judged exactly: the evidence of each is a
Gaussian integral over its coefficients, summed over the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from domino_sim.inference.forms import Requires
from domino_sim.inference.networks.onsets import UNTRAINED, Onsets
from domino_sim.levels import Floats

__all__ = ["LEAST", "STUCK", "Fit", "GatesOfSkill"]

#: Noise of log onsets, and how likely each is beforehand; that of skills that never came.
_NOISE = np.array([0.1, 0.14, 0.2, 0.28, 0.4])
_LIKELY = np.log(np.array([0.7, 1.5, 2.0, 1.0, 0.3]) / 5.5)
_TYPICAL = 0.2

#: Prior means of β, γ, κ and α by the number of prerequisites (the last for more), and their
#: standard deviations.
_BETA, _BETA_SPREAD = np.array([1.25, 0.76, 0.67, 0.61, 0.6]), 0.13
_GAMMA, _GAMMA_SPREAD = np.array([0.8, 0.57, 0.57, 0.57, 0.57]), 0.05
_KAPPA, _KAPPA_SPREAD = np.array([0.0, -0.2, -0.2, -0.2, -0.2]), 0.03
_ALPHA, _ALPHA_SPREAD = np.array([0.0, 0.46, 0.37, 0.19, 0.15]), 0.1

#: What part of its frequency a skill that needs others takes from those that need nothing.
_WAITING = 0.1

#: Prior means and standard deviation of ω: by how much later (log) a skill comes without the data
#: of a prerequisite, by their number.
_OMEGA, _OMEGA_SPREAD = np.array([0.0, 1.0, 0.85, 0.7, 0.7]), 0.35

#: What a prerequisite, and a gate of any of several, cost (log evidence).
_EDGE, _ANY = 1.0, 2.0

#: A prerequisite comes later than what needs it in this part of the runs; what each run more costs.
_LATE, _EARLY = 0.15, 1.5

#: By how much later, in log steps, one must come to count as later.
_LATER = 0.05

#: How often a skill is not learned for no reason that its frequency or gate would give.
STUCK = 0.02

#: With fewer onsets nothing can be said: a skill has no gate beyond what it must have.
LEAST = 3

#: Orders of the runs over which what each adds is averaged; as many again the other way round.
_ORDERS = 32


@dataclass(frozen=True)
class Fit:
    """A gate of one skill: coefficients (β, γ, κ, α …), noise, log onsets (runs,)."""

    gate: Requires
    weights: Floats
    noise: float
    onset: Floats


class GatesOfSkill:
    """All gates of a skill.

    Parameters
    ----------
    onsets
        Onsets of all skills.
    skill
        Which.
    gates
        The gates it may have.

    Attributes
    ----------
    gates
        As given; of a skill that hardly ever came only the smallest.
    members : (gates, n) array of bool
        What each gate asks for.
    middle
        The mean of the log onsets.
    """

    def __init__(self, onsets: Onsets, skill: int, gates: list[Requires]) -> None:
        self._onsets, self._skill = onsets, skill
        trained = onsets.trained[:, skill]
        self._there = trained & onsets.seen[:, skill]
        self._absent = trained & ~onsets.seen[:, skill]
        self.unknown = int(self._there.sum()) < LEAST
        self.gates = gates[:1] if self.unknown else gates
        n = onsets.log.shape[1]
        self.members = np.array([[j in gate.skills for j in range(n)] for gate in self.gates])
        self._most = int(self.members.sum(axis=1).max())
        self._is_open: np.ndarray = np.logical_not(self.members.any(axis=1))
        if self.unknown:
            return
        self.middle = float(onsets.log[self._there, skill].mean())
        self._taken = np.where(onsets.trained, np.exp(onsets.frequency), 0.0)
        self._open: dict[bytes, float] = {}
        self._prior = -self._costs()
        self._columns, self._mean, self._spread = self._design()
        x = self._columns[:, self._there]
        self._miss = onsets.log[self._there, skill] - self.middle - _along(x, self._mean)
        self._kernel = np.einsum("grc,gc,gsc->grs", x, np.square(self._spread), x)
        self._values, self._vectors = np.linalg.eigh(self._kernel)
        self._of_gates = self._evidence(slice(None), self._miss, 0.0)

    def evidence(self, roots: np.ndarray) -> Floats:
        """Return the log evidence (gates,) given which skills need nothing, (n,) of bool."""
        if self.unknown:
            return np.zeros(1)
        found = self._of_gates.copy()
        if self._is_open.any():
            found[self._is_open] = self.open_evidence(roots)
        return found

    def open_evidence(self, roots: np.ndarray) -> float:
        """Return the log evidence of the gate that asks for nothing; remembered by `roots`."""
        key = roots.tobytes()
        if key not in self._open:
            slowed = self.slowed(self._taken, roots)
            miss = self._miss[self._is_open] - slowed[self._there]
            self._open[key] = float(self._evidence(self._is_open, miss, slowed[self._absent])[0])
        return self._open[key]

    def slowed(self, taken: Floats, roots: np.ndarray) -> Floats:
        """Return by how much, in log steps, a skill that needs nothing is slowed (runs,).

        Parameters
        ----------
        taken : (runs, n) array
            Frequencies, 0 of what is not trained.
        roots : (n,) array of bool
            Which skills need nothing; this one is taken for one of them.
        """
        part = np.where(roots, 1.0, _WAITING)
        part[self._skill] = 1.0
        here = np.log(self._taken[self._there] @ part).mean()
        # Of a run that trains none, this skill neither, nothing is asked.
        found: Floats = _GAMMA[0] * (np.log(np.maximum(taken @ part, 1e-9)) - here)
        return found

    def likelihood(self, roots: np.ndarray) -> Floats:
        """Return the log evidence (gates,) without the price of prerequisites."""
        return self.evidence(roots) + (0.0 if self.unknown else self._price())

    def by_run(self, g: int, roots: np.ndarray) -> Floats:
        """Return what each run adds to the log likelihood of a gate, (runs,).

        What a run adds depends on which are known before it, for coefficients and noise are shared:
        the mean over random orders (Shapley's value). So it adds up to `likelihood`.
        """
        found = np.zeros(len(self._there))
        if self.unknown:
            return found
        slowed, miss = self._missed(g, roots)
        every = self._kernel[g] + np.square(_NOISE)[:, None, None] * np.eye(len(miss))
        added = np.zeros(len(miss))
        rng = np.random.default_rng(0)
        for order in (rng.permutation(len(miss)) for _ in range(_ORDERS)):
            for at in (order, order[::-1]):
                root = np.linalg.cholesky(every[:, at[:, None], at])
                apart = np.linalg.solve(root, np.broadcast_to(miss[at, None], (*root.shape[:2], 1)))
                size = np.log(np.diagonal(root, axis1=1, axis2=2))
                logs = np.cumsum(-0.5 * np.square(apart[..., 0]) - size, axis=1)
                known = np.logaddexp.reduce(logs + _LIKELY[:, None], axis=0)
                added[at] += np.diff(known, prepend=0.0)
        found[self._there] = added / (2 * _ORDERS)
        if self._absent.any():
            which = np.arange(len(self.gates)) == g
            away = slowed[self._absent]
            found[self._absent] = self._of_absence(which, miss[None], away)[0]
        found -= self._hasty() @ self.members[g]
        return found

    def telling(self, g: int, other: int, roots: np.ndarray) -> float:
        """Return the gain over another gate (twice the log likelihood) to expect if `g` is right.

        Of the runs in which the skill came, at the noise that is likeliest with the other gate.
        """
        if self.unknown:
            return 0.0
        mean = self._missed(other, roots)[1] - self._missed(g, roots)[1]
        noise = self._likeliest(other, self._missed(other, roots)[1])
        right, wrong = (self._kernel[k] + noise**2 * np.eye(len(mean)) for k in (g, other))
        spread = np.linalg.solve(wrong, right)
        apart = mean @ np.linalg.solve(wrong, mean) + np.trace(spread) - len(mean)
        return float(apart - np.linalg.slogdet(spread)[1])

    def _missed(self, g: int, roots: np.ndarray) -> tuple[Floats, Floats]:
        """Return by how much the skill is slowed (runs,), and what the mean of a gate misses."""
        slowed = np.zeros(len(self._there))
        if self._is_open[g]:
            slowed = self.slowed(self._taken, roots)
        return slowed, self._miss[g] - slowed[self._there]

    def fit_of(self, gate: Requires, roots: np.ndarray) -> Fit:
        """Return the fit of a gate."""
        if self.unknown:
            never = self._onsets.end[:, self._skill] + 1.0
            return Fit(gate, np.zeros(3 + len(gate.skills)), 1.0, never)
        g = self.gates.index(gate)
        slowed, _ = self._missed(g, roots)
        weights, _, noise = self.posterior(g, roots)
        onset = self._columns[g] @ weights + slowed + self.middle
        kept = 3 + (1 if gate.any else len(gate.skills))
        return Fit(gate, weights[:kept], noise, onset)

    def posterior(self, g: int, roots: np.ndarray) -> tuple[Floats, Floats, float]:
        """Return the coefficients of a gate (c,), of `columns`, their covariance, and the noise."""
        _, miss = self._missed(g, roots)
        noise = self._likeliest(g, miss)
        x, variance = self._columns[g][self._there], np.square(self._spread[g])
        shared = x * variance
        solved = np.linalg.solve(self._kernel[g] + noise**2 * np.eye(len(x)), shared)
        return self._mean[g] + solved.T @ miss, np.diag(variance) - shared.T @ solved, noise

    def columns(
        self, gates: Sequence[int], come: Floats, frequency: Floats, load: Floats, out: np.ndarray
    ) -> Floats:
        """Return the columns (gates, runs, c) of other runs.

        Parameters
        ----------
        gates
            Which.
        come, frequency, load
            As those of `Onsets` (the onsets `as_prerequisite`).
        out : (runs, n) array of bool
            What is not trained.
        """
        found: Floats = self._raw(gates, come, frequency, load, out) - self._centre[gates, None]
        return found

    def _design(self) -> tuple[Floats, Floats, Floats]:
        """Return columns (gates, runs, c) of β, γ, κ, α …, ω …; prior means and spreads."""
        onsets, most = self._onsets, self._most
        sizes = np.array([1 if gate.any else len(gate.skills) for gate in self.gates])
        raw = self._raw(
            range(len(sizes)), onsets.as_prerequisite, onsets.frequency, onsets.load,
            ~onsets.trained,
        )  # fmt: skip
        self._centre = raw[:, self._there].mean(axis=1)
        size = np.minimum(sizes, len(_ALPHA) - 1)
        each = [_BETA[size], _GAMMA[size], _KAPPA[size], *[_ALPHA[size]] * most]
        spread = [_BETA_SPREAD, _GAMMA_SPREAD, _KAPPA_SPREAD, *[_ALPHA_SPREAD] * most]
        mean = np.stack([*each, *[_OMEGA[size]] * most], axis=1)
        spreads = np.tile([*spread, *[_OMEGA_SPREAD] * most], (len(sizes), 1))
        # What slows skills without a gate is known, given the roots (`slowed`).
        raw[self._is_open, :, 1], spreads[self._is_open, 1:3] = 0.0, 0.0
        return raw - self._centre[:, None], mean, spreads

    def _raw(
        self, gates: Sequence[int], come: Floats, frequency: Floats, load: Floats, out: np.ndarray
    ) -> Floats:
        usual = self._onsets.as_prerequisite.mean(axis=0)
        sooner = come[:, usual < usual[self._skill]]
        columns = np.zeros((len(gates), len(come), 3 + 2 * self._most))
        columns[:, :, 0] = -frequency[:, self._skill]
        columns[:, :, 1] = load
        columns[:, :, 2] = sooner.mean(axis=1) if sooner.shape[1] else 0.0
        for k, gate in enumerate(self.gates[g] for g in gates):
            needed, gone = come[:, gate.skills], out[:, gate.skills]
            if gate.any:
                columns[k, :, 3] = needed.min(axis=1)
                continue
            last = 3 + len(gate.skills)
            columns[k, :, 3:last] = needed - UNTRAINED * gone
            columns[k, :, 3 + self._most : last + self._most] = gone
        return columns

    def _costs(self) -> Floats:
        """Return what gates cost beforehand: prerequisites, and those that come too late."""
        return self._price() + self.members @ self._hasty().sum(axis=0)

    def _price(self) -> Floats:
        """Return what prerequisites cost, whatever the onsets."""
        several = np.array([gate.any for gate in self.gates])
        return _EDGE * self.members.sum(axis=1) + _ANY * several

    def _hasty(self) -> Floats:
        """Return what prerequisites cost that come too late, by run, (runs, n)."""
        onsets = self._onsets
        own = np.where(onsets.seen, onsets.log, onsets.end)
        own_trained = onsets.trained & onsets.trained[:, [self._skill]]
        both = own_trained & (onsets.seen | onsets.seen[:, [self._skill]])
        late = both & (own - own[:, [self._skill]] > _LATER)
        by_run = late - _LATE * both
        return _EARLY * np.where(by_run.sum(axis=0) > 0.0, by_run, 0.0)

    def _evidence(self, which: slice | np.ndarray, miss: Floats, slowed: Floats | float) -> Floats:
        """Return log evidences of some gates, given what their means miss (gates, runs)."""
        values, vectors = np.maximum(self._values[which], 0.0), self._vectors[which]
        along = np.square(np.einsum("gra,gr->ga", vectors, miss))
        every = values + np.square(_NOISE)[:, None, None]
        logs = -0.5 * (np.log(every) + along / every).sum(axis=2) + _LIKELY[:, None]
        found: Floats = np.logaddexp.reduce(logs, axis=0) + self._prior[which]
        if self._absent.any():
            found += self._of_absence(which, miss, slowed).sum(axis=1)
        return found

    def _of_absence(
        self, which: slice | np.ndarray, miss: Floats, slowed: Floats | float
    ) -> Floats:
        """Return log probabilities that the skill did not come (gates, runs where it did not)."""
        x, away = self._columns[which][:, self._there], self._columns[which][:, self._absent]
        variance = np.square(self._spread[which])
        shared = np.einsum("grc,gc,gsc->grs", away, variance, x)
        kernel = self._kernel[which] + _TYPICAL**2 * np.eye(x.shape[1])
        gain = np.linalg.solve(kernel, shared.swapaxes(1, 2)).swapaxes(1, 2)
        expected = _along(away, self._mean[which]) + np.einsum("grs,gs->gr", gain, miss)
        expected += self.middle + slowed
        unsure = np.einsum("grc,gc,grc->gr", away, variance, away) + _TYPICAL**2
        unsure -= np.einsum("grs,grs->gr", gain, shared)
        late = (expected - self._onsets.end[self._absent, self._skill]) / np.sqrt(unsure)
        found: Floats = np.logaddexp(log_ndtr(late), np.log(STUCK))
        return found

    def _likeliest(self, g: int, miss: Floats) -> float:
        along = np.square(self._vectors[g].T @ miss)
        every = np.maximum(self._values[g], 0.0) + np.square(_NOISE)[:, None]
        logs = -0.5 * (np.log(every) + along / every).sum(axis=1) + _LIKELY
        return float(_NOISE[logs.argmax()])


def _along(columns: Floats, weights: Floats) -> Floats:
    """Return the sums over columns (gates, runs, c) times weights (gates, c)."""
    found: Floats = np.einsum("grc,gc->gr", columns, weights)
    return found
