"""One law fitted to all runs, whole or part by part where runs share no parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from domino_sim.calibration.least_squares import Minimum, minimise
from domino_sim.calibration.models import Model, bowl_of
from domino_sim.calibration.observations import Observations
from domino_sim.calibration.pool_model import Free, PoolModel
from domino_sim.calibration.serial_model import SerialModel, half_rises
from domino_sim.calibration.skill_path import Path
from domino_sim.engines.circuit import kth_smallest
from domino_sim.levels import Floats

__all__ = ["LAWS", "Fit", "Part", "fit_law", "minimum_of", "model_of"]

#: How far frequencies are shaken, in their logarithms, in search of a lower minimum.
_SHAKES = (0.05, 0.2, 0.2, 0.5)

#: From where, in parts of the way between its bounds, an N₀ of 0 is looked for again.
_OFF_BOUND = (0.5, 0.75)

LAWS = ("sum", "norm", "constant", "domino", "logistic")


@dataclass(frozen=True)
class Part:
    """Runs that share parameters (all, or one alone), with their model and its minimum.

    `runs` (r,) are their numbers among all runs.
    """

    model: Model
    minimum: Minimum
    runs: tuple[int, ...]


@dataclass(frozen=True)
class Fit:
    """A law with its best parameters.

    Attributes
    ----------
    law
        The law.
    parts
        The parts fitted separately; together they have all runs.
    error
        Weighted sum of squares.
    count, size
        Number of values, and of fitted parameters that are not on a bound.
    """

    law: str
    parts: tuple[Part, ...]
    error: float
    count: int
    size: int

    @property
    def variance(self) -> float:
        """σ² of the residuals (times the weights): with known errors 1 if the model is right."""
        return self.error / max(self.count - self.size, 1)

    def part_of(self, run: int) -> tuple[Part, int]:
        """Return the part that has `run`, and the run's number in it."""
        for part in self.parts:
            if run in part.runs:
                return part, part.runs.index(run)
        raise IndexError(run)

    def levels(self, run: int, steps: Floats) -> Floats:
        """Return fitted levels (n, k) of `run` at `steps` (k,), rising."""
        part, r = self.part_of(run)
        return part.model.levels_at(part.minimum.at, r, steps)

    def misses(self, observations: Observations) -> Iterator[Floats]:
        """Give the observed minus the fitted levels (n, k) of each run at its records."""
        for r, run in enumerate(observations.runs):
            yield run.level - self.levels(r, run.steps)


def fit_law(observations: Observations, path: Path, law: str, free: Free) -> Fit:
    """Fit one law; runs that share nothing are fitted one by one."""
    own_start = law == "logistic" and not free.frequencies
    together = free.shared or free.common or bool(free.gate) or own_start
    count = len(observations.runs)
    groups = [tuple(range(count))] if together else [(r,) for r in range(count)]
    parts = []
    for group in groups:
        chosen = observations.pick(group)
        tries = []
        begins = _starts(chosen, path, free)
        if free.frequencies and law in ("sum", "norm"):
            # Without competition there is one minimum, and both laws contain it.
            alone = PoolModel(chosen, begins[0], "constant", free)
            begins.append(replace(path, frequency=alone.frequencies(minimum_of(alone).at)))
        for begin in begins:
            model = model_of(chosen, begin, law, free)
            tries.append(Part(model, minimum_of(model), group))
        best = min(tries, key=lambda part: part.minimum.bowl.error)
        gated = free.frequencies and not path.circuit.free and law != "domino"
        parts.append(_shaken(best) if gated else best)
    return Fit(
        law,
        tuple(parts),
        sum(part.minimum.bowl.error for part in parts),
        observations.count,
        sum(int((part.minimum.bound == 0).sum()) for part in parts),
    )


def minimum_of(
    model: Model,
    start: Floats | None = None,
    held: np.ndarray | None = None,
    enough: float = 0.0,
) -> Minimum:
    """Return the least squared error of a model, from its own start or another.

    An N₀ that has come to rest on its lower bound is tried again from above: near 0 nothing
    depends on its logarithm any more, and the search would never leave.
    """
    low = np.array([parameter.low for parameter in model.parameters])
    high = np.array([parameter.high for parameter in model.parameters])
    begin = model.start() if start is None else start

    def search(x: Floats) -> Minimum:
        return minimise(lambda x: bowl_of(model, x), x, low, high, held=held, enough=enough)

    found = search(begin)
    spent = np.array([p.name == "wasted" for p in model.parameters], dtype=bool)
    resting = np.flatnonzero((found.bound < 0) & spent)
    for part in _OFF_BOUND if len(resting) else ():
        x = found.at.copy()
        x[resting] = low[resting] + part * (high[resting] - low[resting])
        other = search(x)
        if other.bowl.error < found.bowl.error:
            found = other
    return found


def model_of(observations: Observations, path: Path, law: str, free: Free) -> Model:
    """Return a law's model of these runs."""
    if law == "domino":
        return SerialModel(
            observations,
            path,
            shared=free.shared,
            given=free.given.get("rate"),
            by_curves=free.frequencies,
        )
    return PoolModel(observations, path, law, free)  # type: ignore[arg-type]


def _starts(observations: Observations, path: Path, free: Free) -> list[Path]:
    """Where the search begins: frequencies in inverse proportion to the times half-way.

    With gates also to the times since the prerequisites were half-way: which gate opened when is
    what makes several minima.
    """
    if not free.frequencies:
        return [path]
    rises = np.exp(np.mean([np.log(half_rises(run)) for run in observations.runs], axis=0))
    found = [_with_paces(path, rises)]
    if not path.circuit.free:
        opened = path.circuit.at_once(rises[:, None], kth_smallest, ungated=0.0)[:, 0]
        found.append(_with_paces(path, np.maximum(rises - opened, 0.05 * rises)))
    return found


def _with_paces(path: Path, times: Floats) -> Path:
    return replace(path, frequency=(1.0 / times) / (1.0 / times).sum())


def _shaken(part: Part) -> Part:
    """Return the best of a few searches from around a minimum that may be a local one."""
    generator = np.random.default_rng(0)
    model, best = part.model, part.minimum
    moved = [k for k, parameter in enumerate(model.parameters) if parameter.name == "frequency"]
    for size in _SHAKES if moved else ():
        x = best.at.copy()
        x[moved] += size * generator.normal(size=len(moved))
        found = minimum_of(model, x)
        if found.bowl.error < best.bowl.error:
            best = found
    return replace(part, minimum=best)
