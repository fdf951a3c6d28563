"""Experiment files: a true graph, runs of it, inference, score; and rounds of planned runs.

``python -m benchmarks.inference design-loop``. Those that come with the project are in
``scenarios/inference``; ``docs/design-runs.md`` has every key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

import domino_sim
from benchmarks.inference.scoring import FOUND, score
from benchmarks.inference.worlds import World, make_world
from domino_sim.files import read_named
from domino_sim.inference import Inference
from domino_sim.scenario.fields import Count, NonNegative, Positive, Seed, Table, Text, refuse
from domino_sim.scenario.reading import read_tables

__all__ = ["Experiment", "Round", "lines", "load_experiment", "rounds"]


class Truth(Table):
    """The graph that is to be found: a random one, as of `worlds.draw_graph`."""

    skills: Count = Field(default=10, le=100, ge=2, description="Number of skills.")
    operators: Literal["and", "or", "mixed"] = Field(
        default="mixed", description="What gates ask for: all, any, or each gate one of both."
    )


class Simulate(Table):
    """Runs of the clock engine, with noise added to their levels."""

    runs: Count = Field(default=8, le=1000, description="Runs at first.")
    law: Literal["sum", "norm", "constant"] = Field(default="norm", description="Pool law.")
    gate: Literal["hard", "soft"] = Field(default="hard", description="How gates open.")
    exponent: Positive = Field(default=1e-3, description="Of soft gates, 1 − u^exponent.")
    spread: NonNegative = Field(
        default=1.0, description="Standard deviation of the logarithms of random frequencies."
    )
    points: Count = Field(default=300, ge=20, le=100_000, description="Records of a run.")
    noise: NonNegative = Field(default=0.01, description="Standard deviation of levels' noise.")
    schedule: Literal["warmup-cosine"] | None = Field(
        default=None, description="The learning rate: constant, or warmup-cosine."
    )


class Train(Table):
    """Gradient runs (needs Torch) of compositional geometry: levels that are products."""

    runs: Count = Field(default=8, le=1000, description="Runs of random mixtures.")
    optimizer: Literal["signgd", "adam", "sgd"] = Field(
        default="signgd", description="What updates the parameters."
    )
    n_dim: Count = Field(default=1000, description="Dimensions of the parameters.")
    spread: NonNegative = Field(
        default=1.0, description="Standard deviation of the logarithms of random frequencies."
    )
    points: Count = Field(default=300, ge=20, le=100_000, description="Records of a run at most.")
    noise: NonNegative = Field(default=0.0, description="Standard deviation of noise added.")


class Design(Table):
    """Rounds of planned runs, until every edge that can be told is decided."""

    runs: Count = Field(default=1, le=50, description="Runs planned a round.")
    rounds: Count = Field(default=10, le=100, description="Rounds at most.")
    knock_outs: bool = Field(default=True, description="Whether skills may be left out.")


class Experiment(Table):
    """One experiment."""

    title: Text = Field(default="", description="What is shown.")
    source: Text = Field(default="", description="Where it is from.")
    seed: Seed = Field(default=0, description="Of graph, mixtures, N₀ and noise.")
    truth: Truth = Field(default=Truth(), description="The graph that is to be found.")
    simulate: Simulate | None = Field(default=None, description="Simulated runs.")
    train: Train | None = Field(default=None, description="Gradient runs, in their place.")
    design: Design | None = Field(default=None, description="Planned runs after the first ones.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.simulate is None) == (self.train is None):
            both = self.simulate is not None
            refuse(
                f"{'both' if both else 'none'} of [simulate] and [train]",
                expected="one of them", at=("train",) if both else (),
            )  # fmt: skip
        if self.design is not None and self.simulate is None:
            refuse("planned runs of [train]", expected="[simulate]", at=("design",))
        return self


@dataclass(frozen=True)
class Round:
    """What is known after a round.

    Attributes
    ----------
    runs
        Runs so far.
    real, shown
        Real edges; those that show in these runs.
    found, false
        Shown edges with a probability of ½ or more; others that are not real.
    f1, exact
        Of the edges that show.
    undetermined
        Edges that are possible or undetermined.
    misfit
        χ² a value of the inferred graph.
    planned, bits
        Runs planned next, and what they should tell.
    left
        Edges in doubt that no mixture tried would decide.
    """

    runs: int
    real: int
    shown: int
    found: int
    false: int
    f1: float
    exact: bool
    undetermined: int
    misfit: float
    seconds: float
    planned: int = 0
    bits: float = 0.0
    left: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the round for a line of a JSON file."""
        return asdict(self)


def load_experiment(name_or_path: str | Path) -> Experiment:
    """Read an experiment file, or one that comes with the project.

    Raises
    ------
    FileError, ScenarioError
        If it cannot be read, or a key or value is not valid; with its place.
    """
    tables, where, _ = read_named("experiments", name_or_path)
    return read_tables(Experiment, tables, where, None)


def rounds(experiment: Experiment) -> Iterator[Round]:
    """Run an experiment, and yield what is known after each round."""
    world = _world(experiment, None)
    design = experiment.design
    for number in range(1 + (design.rounds if design else 0)):
        begun = time.perf_counter()
        found = domino_sim.infer(world.curves)
        mixtures = np.zeros((0, len(world.names)))
        plan: dict[str, Any] = {}
        if design is not None:
            planned = domino_sim.design_mixtures(
                found, design.runs, knock_outs=design.knock_outs, seed=experiment.seed + number
            )
            mixtures = planned.mixtures.sel(skill=list(world.names)).values
            report = planned.report
            plan = {
                "planned": len(mixtures), "left": len(report["left"]),
                "bits": sum(run["gain"] for run in report["runs"]),
            }  # fmt: skip
        yield _round(world, found, plan, time.perf_counter() - begun)
        if not len(mixtures):
            return
        world = _world(experiment, np.concatenate([world.frequencies, mixtures]))


def _world(experiment: Experiment, mixtures: np.ndarray | None) -> World:
    truth, given = experiment.truth, experiment.simulate
    common = {"skills": truth.skills, "operators": truth.operators, "seed": experiment.seed}
    if given is not None:
        options = given.model_dump() | ({} if mixtures is None else {"runs": len(mixtures)})
        return make_world(**common, **options, mixtures=mixtures)
    from benchmarks.inference.networks import geometry_world

    assert experiment.train is not None
    return geometry_world(**common, **experiment.train.model_dump())


def _round(world: World, found: Inference, plan: dict[str, Any], seconds: float) -> Round:
    edges = {(a, b): p for a, b, p in found.graph.edges(data="probability")}
    got = score(world, edges)
    open_ = sum(p < FOUND for p in edges.values())
    return Round(
        len(world.steps), len(world.moves), len(world.identifiable), len(got.found),
        len(got.invented), got.f1, got.exact, open_, float(found.report["misfit"]), seconds, **plan,
    )  # fmt: skip


def lines(experiment: Experiment) -> Iterator[str]:
    """Run an experiment, and yield a line a round, as it comes."""
    if experiment.title:
        yield f"## {experiment.title}"
    head = "runs  real edges  shown  found  false     F1  exact  misfit  undetermined  seconds"
    yield head + ("  planned next  bits  beyond telling" if experiment.design else "")
    last = None
    for last in rounds(experiment):
        text = (
            f"{last.runs:4}  {last.real:10}  {last.shown:5}  {last.found:5}  {last.false:5}  "
            f"{last.f1:5.3f}  {'yes' if last.exact else 'no':>5}  {last.misfit:6.2f}  "
            f"{last.undetermined:12}  {last.seconds:7.1f}"
        )
        if experiment.design:
            text += f"  {last.planned:12}  {last.bits:4.1f}  {last.left:14}"
        yield text
    if experiment.design and last is not None:
        yield (
            "No run would decide more." if not last.planned
            else f"Ended after {experiment.design.rounds} rounds; a further run would decide more."
        )  # fmt: skip
