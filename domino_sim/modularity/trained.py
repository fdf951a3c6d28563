"""The same ways with gradient runs: networks whose parameters are parted as the partition says.

A scenario becomes runs of the geometry model, in which a module's task vectors lie in its own
parameters, under the optimiser whose mean field its law is (SignGD; `constant`: SGD). A run file,
of the geometry model or of a perceptron, is trained as it is, with other ``[model.modules]``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from domino_sim import __version__
from domino_sim.errors import ArgumentError
from domino_sim.gradient.run import Run
from domino_sim.graph import gate_of
from domino_sim.levels import Floats
from domino_sim.modularity.floor import time_with_floor
from domino_sim.modularity.partition import Partition, with_shares
from domino_sim.modularity.requests import Request, requested
from domino_sim.modularity.simulated import total_time
from domino_sim.modularity.variants import uniform
from domino_sim.modularity.ways import BALANCED, ONE_POOL, UNIFORM, Way
from domino_sim.netcdf import texts
from domino_sim.pool import PoolSettings
from domino_sim.progress import Meter
from domino_sim.scenario.tables import DEFAULT_LEVEL

__all__ = ["check_trainable", "compare_runs", "first_passages", "run_of", "trained_ways"]

#: Runs are trained for so many times the time that is expected; at most for so many steps.
MARGIN, MOST_STEPS = 2.0, 50_000

#: Steps at which levels are kept; what happens between two is interpolated.
POINTS = 1000


def run_of(way: Way, seeds: int, steps: int) -> Run:
    """Return the gradient runs of a way.

    Raises
    ------
    ArgumentError
        If the scenario has no such runs: its pool has no ``lr`` and ``n_dim``, or skills do not
        start unlearned.
    ScenarioError
        If it cannot be trained otherwise: orthogonal task vectors that do not fit into a module, or
        composed skills under cross entropy.
    """
    scenario = way.scenario
    pool = scenario.pool
    if pool.lr is None or pool.n_dim is None:
        raise ArgumentError(
            "the pool has no lr and n_dim", where="train",
            expected="pool.lr and pool.n_dim in the scenario, of which rates follow",
        )  # fmt: skip
    if not np.allclose(scenario.level_array(), DEFAULT_LEVEL[scenario.loss]):
        raise ArgumentError(
            "a skill is partly learned at the start", where="train",
            expected="skills without a level: gradient runs begin at 0",
        )  # fmt: skip
    names, graph, p = scenario.names, scenario.skill_graph(), scenario.frequency_array()
    if way.sampling == "uniform":
        p = uniform(p)
    skills: dict[str, dict[str, Any]] = {}
    for name, frequency in zip(names, p.tolist(), strict=True):
        skills[name] = {"frequency": frequency}
        if (gate := gate_of(graph, name)) is not None:
            skills[name]["requires"] = str(gate)
    model: dict[str, Any] = {"kind": "geometry", "n_dim": pool.n_dim, "g0": pool.g0}
    if way.partition is not None:
        model["modules"] = way.partition.tables()
    name = "sgd" if pool.law == "constant" else "signgd"
    _, wasted = PoolSettings(**pool.model_dump()).derive()
    return Run.from_dict(
        {
            "title": f"{scenario.title}: {way.title}", "steps": steps, "seeds": seeds,
            "mastery": scenario.mastery, "loss": scenario.loss, "model": model,
            "noise": wasted * pool.g0 / math.sqrt(pool.n_dim),
            "optimizer": {"name": name, "lr": pool.lr}, "skills": skills,
            "record": {"every": max(steps // POINTS, 1)},
            "sampling": "balanced" if way.sampling == "balanced" else "mixture",
        },
        where=f"gradient runs, {way.title}",
    )  # fmt: skip


def check_trainable(ways: Sequence[Way]) -> None:
    """Refuse what cannot be trained, before anything is simulated."""
    for way in ways:
        run_of(way, 1, 1)


def trained_ways(
    ways: Sequence[Way], totals: Floats, seeds: int, meter: Meter | None = None
) -> xr.Dataset:
    """Train every way and return when skills were mastered, and losses.

    Parameters
    ----------
    totals
        Total times as simulated, which say how long to train.
    """
    steps = _steps(ways, totals)
    return _trained({way.title: run_of(way, seeds, steps) for way in ways}, meter)


def _steps(ways: Sequence[Way], totals: Floats) -> int:
    """Return how long to train: a margin beyond the slowest way, as SignGD would take."""
    expected = []
    for way, total in zip(ways, totals, strict=True):
        pool = way.scenario.pool
        if pool.law in ("sum", "domino"):
            # No optimiser is that slow: SignGD's law is norm.
            data = pool.model_dump(exclude_unset=True, exclude_none=True) | {"law": "norm"}
            norm = way.scenario.model_copy(update={"pool": data})
            twin = Way(way.title, norm, way.partition, way.sampling)
            expected += [total_time(twin.mastery()), time_with_floor(twin)]
        else:
            expected += [total, time_with_floor(way)]
    finite = [time for time in expected if math.isfinite(time)]
    return min(max(math.ceil(MARGIN * max(finite, default=1.0)), 10), MOST_STEPS)


def _trained(runs: Mapping[str, Run], meter: Meter | None) -> xr.Dataset:
    """Train runs with the same skills, seeds and steps."""
    from domino_sim.gradient.training import train

    first = next(iter(runs.values()))
    p = first.members()[0].frequencies
    at, loss, curves = [], [], None
    for run in runs.values():
        curves = train(run, meter=meter)
        at.append(first_passages(curves, run.mastery))
        loss.append(np.nan_to_num(curves["loss"].values) @ (p / p.sum()))
    assert curves is not None
    return xr.Dataset(
        {
            "trained_mastered_at": (("trained", "seed", "skill"), np.array(at)),
            "trained_loss": (("trained", "seed", "trained_step"), np.array(loss)),
        },
        {
            "trained": texts(list(runs)), "seed": first.seed_list(),
            "skill": texts(first.names), "trained_step": curves["step"].values,
        },
        {
            "trained_steps": first.steps, "trained_optimizer": first.optimizer.name,
            "trained_lr": first.optimizer.lr, "trained_model": first.model.kind,
        },
    )  # fmt: skip


def first_passages(curves: xr.Dataset, level: float) -> Floats:
    """Return when each skill of each run first passes a level, (runs, skills); NaN is never.

    Between two records it is interpolated.
    """
    values = curves["level"].transpose("run", "step", "skill").values
    steps = curves["step"].values.astype(float)
    passed = values >= level
    row = passed.argmax(axis=1)
    before = np.maximum(row - 1, 0)
    low = np.take_along_axis(values, before[:, None], axis=1)[:, 0]
    high = np.take_along_axis(values, row[:, None], axis=1)[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(row > 0, (level - low) / (high - low), 0.0)
    found = steps[before] + part * (steps[row] - steps[before])
    return np.where(passed.any(axis=1), found, np.nan)


def compare_runs(
    run: Run,
    partitions: Request | Sequence[Request],
    *,
    shares: str,
    modules: int | None,
    seeds: int,
    seed: int,
    meter: Meter | None = None,
) -> xr.Dataset:
    """Train a run file as one network, evenly sampled, and cut into modules.

    A geometry run without ``batch_size`` is trained with balanced demands, too.

    Raises
    ------
    ArgumentError
        If the run has mixtures or changes on the way, or a model that cannot be cut.
    """
    if run.mixtures or run.interventions:
        raise ArgumentError(
            "a run file with mixtures or interventions", where=run.where or "run",
            expected="one mixture, as it is",
        )  # fmt: skip
    if not hasattr(run.model, "modules"):
        raise ArgumentError(
            "addition has no modules", where=run.where or "run",
            expected="the geometry model, or an mlp with task = 'parity' or 'powers'",
        )  # fmt: skip
    p = run.members()[0].frequencies
    asked = requested(
        partitions, run.skill_graph(), p.tolist(), given=run.to_dict()["model"].get("modules", {}),
        modules=modules, seed=seed,
    )  # fmt: skip
    changes: dict[str, Any] = {"seeds": seeds} if seeds else {}
    n_dim = run.model.n_dim if run.model.kind == "geometry" else min(run.model.hidden)
    frequency = dict(zip(run.names, p.tolist(), strict=True))
    runs = {ONE_POOL: _changed(run, {}, changes)}
    runs[UNIFORM] = _changed(run, {}, changes, uniform(p))
    if run.model.kind == "geometry" and run.batch_size is None:
        runs[BALANCED] = _changed(run, {}, {**changes, "sampling": "balanced"})
    for partition in [*asked.partitions, *asked.wrong]:
        cut: Partition = with_shares(partition, frequency, shares, n_dim)
        runs[cut.title] = _changed(run, cut.tables(), changes)
    return _trained(runs, meter).assign_attrs(
        version=__version__, title=run.title, mastery=run.mastery, loss_kind=run.loss,
        shares=shares, remarks=json.dumps(asked.remarks, ensure_ascii=False),
    )  # fmt: skip


def _changed(
    run: Run, modules: Mapping[str, Any], changes: Mapping[str, Any], p: Floats | None = None
) -> Run:
    data = run.to_dict()
    data.pop("sweep", None)
    data["model"] = {**data["model"], "modules": modules}
    data |= changes
    if p is not None:
        data["frequencies"] = dict(zip(run.names, p.tolist(), strict=True))
        skills = data.get("skills", {})
        data["skills"] = {
            name: {k: v for k, v in table.items() if k != "frequency"}
            for name, table in skills.items()
        }
    return Run.from_dict(data, where=run.where, folder=run.folder)
