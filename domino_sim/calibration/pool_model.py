"""Skills that share a pool, fitted on the clock engine: ``sum``, ``norm``, ``constant``.

``logistic`` is the law ``constant`` with logistic growth: real networks show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from domino_sim.calibration.models import Levels, Parameter
from domino_sim.calibration.observations import Observations
from domino_sim.calibration.pool_start import start_of_pool
from domino_sim.calibration.skill_path import Move, Path
from domino_sim.calibration.tangent import solve
from domino_sim.engines.paths import HardPath
from domino_sim.levels import Floats
from domino_sim.pool import Law

__all__ = ["GATE_PARAMETERS", "Free", "PoolModel"]

GATE_PARAMETERS = ("beta", "mastery", "leak", "exponent", "start")

#: N₀ is looked for between these parts of the demand of a run half-way.
_LEAST_WASTED, _MOST_WASTED = 1e-7, 1e5

_BOUNDS = {
    "beta": (-4.0, 4.0, False),
    "mastery": (0.02, 0.9999, False),
    "leak": (0.0, 1.0, False),
    "exponent": (np.log(1e-4), np.log(1e2), True),
    "start": (-20.0, 4.0, False),
}

#: Where the search for a logistic curve's start begins: level 0.018.
_START_LOGIT = -4.0

#: Frequencies are looked for within e^∓ of this around where the search begins.
_FREQUENCY_RANGE = 12.0


@dataclass(frozen=True)
class Free:
    """What is fitted beside the pool.

    Attributes
    ----------
    frequencies
        Whether frequencies are: one set for all runs of a fit.
    common
        Whether all runs have the same frequencies, where those are fitted.
    gate
        Which of `GATE_PARAMETERS`.
    shared
        Whether all runs have the same η and N₀.
    given
        Values held by name: ``rate``, ``wasted``, and gate parameters.
    scale
        ``time`` fits the pool's scale as the time T it takes to get half-way, which hardly
        depends on N₀; ``rate`` fits η itself, for its profile.
    """

    frequencies: bool = False
    common: bool = False
    gate: tuple[str, ...] = ()
    shared: bool = False
    given: Mapping[str, float] = field(default_factory=dict)
    scale: Literal["time", "rate"] = "time"


class PoolModel:
    """A pool law with gates, for given observations.

    Parameters
    ----------
    observations
        The runs; their frequencies are known unless they are fitted.
    path
        Gates, loss, mastery, leak, exponent; its frequencies are where fitted ones begin.
    law
        ``sum``, ``norm``, ``constant`` or ``logistic``; the last also fits the level at the start.
    free
        What is fitted.

    Attributes
    ----------
    pool_law
        The law of the pool: `law`, or ``constant`` under ``logistic``.
    pools
        How many pools are fitted: one, or one a run.
    half
        τ₁ and G₁ of each run.
    parameters
        What is fitted.

    Notes
    -----
    T = (N₀ τ₁ + G₁)/η, with τ₁ a fixed instant of the clock about half-way and G₁ the integral of
    D without N₀ up to it: T and N₀ are far less correlated than η and N₀, and T stays finite where
    N₀ and η grow together without bound, which is the law ``constant``.
    """

    def __init__(
        self, observations: Observations, path: Path, law: Law | Literal["logistic"], free: Free
    ) -> None:
        self.observations, self.law, self.free = observations, law, free
        self.pool_law: Law = "constant" if law == "logistic" else law
        if law == "logistic" and path.growth != "logistic":
            path = replace(path, growth="logistic", start=_START_LOGIT)
        self.path = path
        self.pools = 1 if free.shared else len(observations.runs)
        self._wasted = self.pool_law != "constant" and "wasted" not in free.given
        self._scaled = "rate" not in free.given
        self.half = [self._half_way(r) for r in range(len(observations.runs))]
        self.parameters = tuple(self._parameters())
        index: dict[tuple[str, str], int] = {}
        for k, parameter in enumerate(self.parameters):
            index[parameter.name, parameter.key] = k
        self._index = index

    @property
    def _gate(self) -> tuple[str, ...]:
        """The fitted parameters that all runs and skills share."""
        own = ("start",) if self.law == "logistic" and "start" not in self.free.given else ()
        return (*self.free.gate, *own)

    def with_scale(self, scale: Literal["time", "rate"]) -> PoolModel:
        """Return the same model with its pool's scale fitted as T or as η."""
        return PoolModel(self.observations, self.path, self.law, replace(self.free, scale=scale))

    def on(self, observations: Observations) -> PoolModel:
        """Return the same model of other runs; its parameters must be shared by all runs."""
        other = PoolModel(observations, self.path, self.law, self.free)
        other.half = [self.half[0]] * len(observations.runs)
        return other

    def _parameters(self) -> list[Parameter]:
        found = []
        keys = [self.pool_key(r) for r in range(self.pools)]
        for r, key in enumerate(keys):
            if self._scaled:
                found.append(Parameter(self.free.scale, key, -60.0, 60.0, True))
            if self._wasted:
                tau, total = self.half[r]
                low, high = np.log(total / tau * np.array([_LEAST_WASTED, _MOST_WASTED]))
                found.append(Parameter("wasted", key, float(low), float(high), True))
        if self.free.frequencies:
            logs = np.log(self.path.frequency)
            for i, skill in enumerate(self.observations.skills):
                if i != self._anchor:
                    low, high = logs[i] - _FREQUENCY_RANGE, logs[i] + _FREQUENCY_RANGE
                    found.append(Parameter("frequency", skill, low, high, True))
        for name in self._gate:
            found.append(Parameter(name, "", *_BOUNDS[name]))
        return found

    @cached_property
    def _anchor(self) -> int:
        """The skill whose frequency is held while the others are fitted; then Σ p is made 1."""
        return int(np.argmax(self.path.frequency))

    def _half_way(self, r: int) -> tuple[float, float]:
        """τ₁ at which skills are at level ½ in the mean, and ∫ D dτ up to it without N₀."""
        path = self._base_path(r)
        hard = HardPath(replace(path, exponent=None).skills())
        fast = path.frequency.max()
        tau = np.geomspace(1e-3, 1e9, 600) / fast
        work = hard.work(tau[None], slice(None))[:, 0]
        level = path.level(work)
        trained = path.frequency > 0.0
        mean = (level[trained].mean(axis=0) - path.begin) / (1.0 - path.begin)
        k = max(int(np.searchsorted(mean, 0.5)), 2)
        k = min(k, len(tau) - 1)
        demand = path.frequency[:, None] * hard.openness(tau[None], slice(None))[:, 0]
        demand *= 1.0 - level
        if self.pool_law == "constant":
            return float(tau[k]), float(tau[k])
        order = 1.0 if self.pool_law == "sum" else 2.0
        division = (demand**order).sum(axis=0) ** (1.0 / order)
        total = np.trapezoid(division[: k + 1], tau[: k + 1]) + division[0] * tau[0]
        return float(tau[k]), float(total)

    def _base_path(self, r: int) -> Path:
        """The path of a run with the values from which the search begins."""
        if self.free.frequencies:
            return self.path
        return replace(self.path, frequency=self.observations.runs[r].frequency)

    # -- from parameters to a run ---------------------------------------------------------

    def frequencies(self, x: Floats) -> Floats:
        """Return the fitted frequencies (n,), Σ = 1."""
        logs = np.log(self.path.frequency)
        for i, skill in enumerate(self.observations.skills):
            k = self._index.get(("frequency", skill))
            if k is not None:
                logs[i] = x[k]
        p = np.exp(logs - logs.max())
        return p / p.sum()

    def path_of(self, x: Floats, r: int) -> Path:
        """Return the path of a run."""
        path = self._base_path(r)
        if self.free.frequencies:
            path = replace(path, frequency=self.frequencies(x))
        values = {name: self._value(x, name) for name in GATE_PARAMETERS}
        beta = values.pop("beta")
        if beta is not None:
            with np.errstate(divide="ignore"):
                powers = np.where(path.frequency > 0.0, path.frequency**beta, 0.0)
            path = replace(path, frequency=powers)
        known = {name: value for name, value in values.items() if value is not None}
        return replace(path, **known) if known else path  # type: ignore[arg-type]

    def index(self, name: str, key: str = "") -> int | None:
        """Return the number of a parameter; None if it is not fitted."""
        return self._index.get((name, key))

    def pool_key(self, r: int) -> str:
        """Return the key of the parameters of a run's pool."""
        return "" if self.free.shared else self.observations.runs[r].name

    def _value(self, x: Floats, name: str, key: str = "") -> float | None:
        k = self._index.get((name, key))
        if k is None:
            return self.free.given.get(name)
        return float(np.exp(x[k])) if self.parameters[k].log else float(x[k])

    def pool_of(self, x: Floats, r: int) -> tuple[float, float]:
        """Return η and N₀ of a run; N₀ on its lower bound is 0."""
        key = self.pool_key(r)
        wasted = self._value(x, "wasted", key) or 0.0
        k = self._index.get(("wasted", key))
        if k is not None and x[k] <= self.parameters[k].low:
            wasted = 0.0
        if not self._scaled:
            return float(self.free.given["rate"]), wasted
        scale = self._value(x, self.free.scale, key)
        assert scale is not None
        return (scale if self.free.scale == "rate" else self.rate_of(scale, wasted, r)), wasted

    def rate_of(self, time: float, wasted: float, r: int) -> float:
        """Return η of a run that takes `time` steps to get half-way with N₀ = `wasted`."""
        tau, total = self.half[0 if self.free.shared else r]
        if self.pool_law == "norm":
            return float(np.hypot(wasted * tau, total)) / time
        return (wasted * tau + total) / time

    def levels(self, x: Floats, run: int, *, derive: bool = True) -> Levels:
        """Return the levels of a run at its records and their derivatives."""
        path = self.path_of(x, run)
        rate, wasted = self.pool_of(x, run)
        record = self.observations.runs[run]
        columns, moves = self._moves(x, path, run) if derive else ([], ())
        found = solve(path, self.pool_law, rate, wasted, record.steps, moves, derive=derive)
        if not derive:
            return Levels(found.level, found.by_path, [])
        key = self.pool_key(run)
        slopes, own = [], []
        tau, total = self.half[0 if self.free.shared else run]
        if self._scaled:
            sign = 1.0 if self.free.scale == "rate" else -1.0
            own.append(self._index[self.free.scale, key])
            slopes.append(sign * found.by_rate)
        if self._wasted:
            own.append(self._index["wasted", key])
            by = found.by_wasted
            if self._scaled and self.free.scale == "time":
                part = (wasted * tau, total)
                if self.pool_law == "norm":
                    by = by + found.by_rate * part[0] ** 2 / (part[0] ** 2 + part[1] ** 2)
                else:
                    by = by + found.by_rate * part[0] / (part[0] + part[1])
            slopes.append(by)
        if not slopes:
            return Levels(found.level, found.by_path, columns)
        return Levels(found.level, np.concatenate([np.stack(slopes), found.by_path]), own + columns)

    def levels_at(self, x: Floats, run: int, steps: Floats) -> Floats:
        """Return the levels (n, k) of a run at `steps` (k,), rising."""
        rate, wasted = self.pool_of(x, run)
        path = self.path_of(x, run)
        return solve(path, self.pool_law, rate, wasted, steps, derive=False).level

    def _moves(self, x: Floats, path: Path, run: int) -> tuple[list[int], tuple[Move, ...]]:
        """How the parameters of the path change it, and their numbers."""
        if self.free.frequencies:
            before = self.frequencies(x)
        else:
            before = self.observations.runs[run].frequency
        beta = self._value(x, "beta")
        power = 1.0 if beta is None else beta
        columns: list[int] = []
        moves: list[Move] = []
        n = len(path.frequency)
        for k, parameter in enumerate(self.parameters):
            if parameter.name == "frequency":
                i = self.observations.skills.index(parameter.key)
                change = np.full(n, -before[i])  # Σ p = 1
                change[i] += 1.0
                moves.append(Move(power * change))
            elif parameter.name == "beta":
                moves.append(Move(np.log(np.where(before > 0.0, before, 1.0))))
            elif parameter.name in GATE_PARAMETERS:
                size = path.exponent if parameter.name == "exponent" and path.exponent else 1.0
                moves.append(Move(np.zeros(n), **{parameter.name: size}))
            else:
                continue
            columns.append(k)
        return columns, tuple(moves)

    # -- where to begin -------------------------------------------------------------------

    def start(self) -> Floats:
        """Return parameters to begin from: for each pool the best of a few N₀ and scales."""
        x = np.zeros(len(self.parameters))
        for k, parameter in enumerate(self.parameters):
            if parameter.name == "frequency":
                x[k] = np.log(self.path.frequency[self.observations.skills.index(parameter.key)])
            elif parameter.name == "beta":
                x[k] = 1.0
            elif parameter.name in GATE_PARAMETERS:
                value = getattr(self.path, parameter.name)
                x[k] = np.log(value) if parameter.log else value
        for r in range(self.pools):
            x = start_of_pool(self, x, r)
        return x
