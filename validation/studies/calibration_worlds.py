"""Learning curves whose pool, law and gates are known: what calibrations are checked against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from domino_sim import Scenario, simulate
from domino_sim.curves import make_curves

__all__ = ["Cell", "World", "draw", "observed"]

#: Steps of every run.
STEPS = 4000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """One kind of world, and how it is calibrated.

    Attributes
    ----------
    name
        What is special about it.
    law
        The true law, which is also the one fitted.
    n, runs, records
        Skills, runs of different mixtures, records a run.
    noise
        Standard deviation of the noise of levels.
    memory
        Correlation of a curve's noise from one record to the next.
    fit, shared
        What is fitted beside the pool, and whether all runs have one pool.
    gated
        Whether skills need others: a random graph, hard gates unless ``exponent`` is fitted.
    loss
        ``mse`` or ``ce``.
    wasted
        N₀; drawn if None.
    sparse
        Whether steps are log-spaced and three values of ten missing.
    weighed
        Whether noise differs from value to value, with its standard errors known.
    """

    name: str
    law: str
    n: int = 10
    runs: int = 1
    records: int = 100
    noise: float = 0.01
    memory: float = 0.0
    fit: tuple[str, ...] = ()
    shared: bool = False
    gated: bool = False
    loss: str = "mse"
    wasted: float | None = None
    sparse: bool = False
    weighed: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `calibrate`."""
        options: dict[str, Any] = {"law": self.law, "fit": self.fit, "held_out": False}
        options["share"] = {"pool"} if self.shared else set()
        if self.law != "logistic":
            options["loss"] = self.loss
        if "exponent" in self.fit:
            options["exponent"] = 0.2
        if "mastery" in self.fit:
            options["mastery"] = 0.9
        return options


@dataclass(frozen=True)
class World:
    """Exact curves (run, step, skill) with what made them.

    `truth` has every parameter by its name and key, `requires` the gates by skill.
    """

    steps: NDArray[np.int64]
    level: Floats
    frequency: Floats
    skills: tuple[str, ...]
    requires: dict[str, str]
    truth: dict[tuple[str, str], float]


def draw(cell: Cell, rng: np.random.Generator) -> World:
    """Draw a world of a kind: frequencies i^−α with α in 0 … 2, N₀ in 0.03 … 1 of the first D.

    Each run ends when the mean level is somewhere between 0.6 and 0.98.
    """
    skills = tuple(f"s{i}" for i in range(1, cell.n + 1))
    requires = _gates(skills, rng) if cell.gated else {}
    mixtures = _mixtures(cell, rng)
    gate = {
        "mastery": rng.uniform(0.8, 0.98) if "mastery" in cell.fit else 0.99,
        "leak": rng.uniform(0.05, 0.3) if "leak" in cell.fit else 0.0,
        "exponent": float(np.exp(rng.uniform(np.log(0.05), np.log(0.6)))),
        "beta": rng.uniform(0.4, 1.5) if "beta" in cell.fit else 1.0,
        "start": rng.uniform(-6.0, -2.0),
    }
    # D falls from Σ p under `sum`, from √Σ p² under `norm`.
    largest = float(np.linalg.norm(mixtures[0], 2 if cell.law == "norm" else 1))
    wasted = largest * float(np.exp(rng.uniform(np.log(0.03), 0.0)))
    wasted = wasted if cell.wasted is None else cell.wasted
    steps = np.linspace(0, STEPS, cell.records).round().astype(np.int64)
    if cell.sparse:
        steps = np.unique(np.geomspace(1, STEPS, cell.records).round().astype(np.int64))
    truth: dict[tuple[str, str], float] = {
        (name, ""): gate[name] for name in (*cell.fit, "start") if name in gate
    }
    rate, levels = 0.0, []
    for r, mixture in enumerate(mixtures):
        target = rng.uniform(0.6, 0.98)
        speed = mixture ** gate["beta"]

        def levels_at(eta: float, speed: Floats = speed) -> Floats:
            return _levels(cell, skills, requires, speed, gate, eta, wasted, steps)

        if not (rate and cell.shared):
            rate = _rate(cell, levels_at, target)
        levels.append(levels_at(rate))
        key = "" if cell.shared else f"run {r + 1}"
        truth["rate", key], truth["wasted", key] = rate, wasted
    for skill, p in zip(skills, mixtures[0].tolist(), strict=True):
        truth["frequency", skill] = p
    return World(steps, np.array(levels), mixtures, skills, requires, truth)


def observed(
    cell: Cell, world: World, rng: np.random.Generator, *, noise: float | None = None
) -> xr.Dataset:
    """Return curves with noise."""
    size = cell.noise if noise is None else noise
    shape = world.level.shape
    drawn = rng.normal(size=shape)
    for k in range(1, shape[1] if cell.memory else 0):
        drawn[:, k] = cell.memory * drawn[:, k - 1] + np.sqrt(1 - cell.memory**2) * drawn[:, k]
    error = np.full(shape, size)
    if cell.weighed:
        error = size * np.exp(rng.uniform(np.log(0.3), np.log(3.0), shape))
    level = world.level + error * drawn
    if cell.sparse:
        level[rng.random(shape) < 0.3] = np.nan
    dims = ("run", "step", "skill")
    return make_curves(
        runs=[f"run {r + 1}" for r in range(shape[0])],
        steps=world.steps,
        skills=world.skills,
        level=level,
        frequency=None if "frequencies" in cell.fit else world.frequency,
        extra={"level_se": (dims, error)} if cell.weighed else None,
    )


def _mixtures(cell: Cell, rng: np.random.Generator) -> Floats:
    p = np.arange(1.0, cell.n + 1) ** -rng.uniform(0.0, 2.0)
    rows = [p / p.sum()]
    for _ in range(1, cell.runs):
        shuffled = rng.permutation(p) * np.exp(rng.normal(scale=0.5, size=cell.n))
        rows.append(shuffled / shuffled.sum())
    return np.array(rows)


def _gates(skills: tuple[str, ...], rng: np.random.Generator) -> dict[str, str]:
    """Half of the skills need one or two earlier ones."""
    found = {}
    for i, name in enumerate(skills):
        if i and rng.random() < 0.5:
            needs = rng.choice(i, size=min(i, int(rng.integers(1, 3))), replace=False)
            found[name] = f" {rng.choice(['and', 'or'])} ".join(skills[k] for k in sorted(needs))
    return found


def _levels(
    cell: Cell,
    skills: tuple[str, ...],
    requires: dict[str, str],
    speed: Floats,
    gate: dict[str, float],
    rate: float,
    wasted: float,
    steps: NDArray[np.int64],
) -> Floats:
    if cell.law == "logistic":
        return _logistic(skills, requires, gate, rate * speed, steps)
    pool: dict[str, Any] = {"law": cell.law, "rate": rate}
    if cell.law in ("sum", "norm"):
        pool["wasted"] = wasted
    tables = {
        "steps": STEPS,
        "loss": cell.loss,
        "mastery": gate["mastery"],
        "pool": pool,
        "record": {"steps": steps.tolist()},
        "gate": {"kind": "hard", "leak": gate["leak"]},
        "skills": {
            name: {"frequency": p} | ({"requires": requires[name]} if name in requires else {})
            for name, p in zip(skills, speed.tolist(), strict=True)
        },
    }
    if "exponent" in cell.fit:
        tables["gate"] = {"kind": "soft", "exponent": gate["exponent"], "leak": gate["leak"]}
    return simulate(Scenario.from_dict(tables), engine="clock").level.values


def _logistic(
    skills: tuple[str, ...],
    requires: dict[str, str],
    gate: dict[str, float],
    pace: Floats,
    steps: NDArray[np.int64],
) -> Floats:
    """Logistic growth at a steady pace from when the gate opens; no engine has it."""
    work = float(logit(gate["mastery"])) - gate["start"]
    mastered: dict[str, float] = {}
    opened = np.zeros(len(skills))
    for i, name in enumerate(skills):
        needs = [mastered[word] for word in requires.get(name, "").split() if word in mastered]
        if needs:
            opened[i] = min(needs) if " or " in requires[name] else max(needs)
        mastered[name] = opened[i] + work / pace[i]
    since = np.maximum(steps[:, None] - opened, 0.0)
    return expit(gate["start"] + pace * since)


def _rate(cell: Cell, levels_at: Any, target: float) -> float:
    """Return the rate at which the mean level at the end is `target`, of its way from the start."""
    begin = 0.5 if cell.loss == "ce" and cell.law != "logistic" else 0.0
    wanted = begin + (1.0 - begin) * target

    def miss(x: float) -> float:
        return float(levels_at(np.exp(x))[-1].mean()) - wanted

    middle = np.log(cell.n / STEPS)
    low, high = middle - 8.0, middle + 8.0
    return float(np.exp(brentq(miss, low, high, xtol=0.02)))
