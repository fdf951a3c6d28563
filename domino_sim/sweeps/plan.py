"""The plan of a sweep: all that its numbers depend on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from domino_sim import __version__
from domino_sim.errors import ArgumentError, InputError, ScenarioError, nearest_name
from domino_sim.scenario.overrides import plain
from domino_sim.scenario.places import Place
from domino_sim.scenario.reading import read_tables
from domino_sim.scenario.sweep_table import SweepTable
from domino_sim.sweeps.axes import Axis, axes_of
from domino_sim.sweeps.points import Points, key_of, spawned_seed
from domino_sim.sweeps.subject import MIXTURE, SEED, Subject, numeric

__all__ = ["MOST_POINTS", "Plan", "make_plan", "table_of", "unchecked_plan"]

#: A sweep of more points must be asked for.
MOST_POINTS = 1_000_000

#: Seconds for which values of axes are tried out before anything is run.
PATIENCE = 0.3


@dataclass(frozen=True)
class Plan:
    """What is swept, over which points, by which engine, and what is kept."""

    subject: Subject
    table: SweepTable
    user_axes: tuple[Axis, ...]

    @cached_property
    def fast(self) -> tuple[str, ...]:
        """The keys in which points of one batch may differ."""
        keys = [key for axis in self.user_axes for key in axis.keys]
        return tuple(key for key in keys if numeric(self.subject, key))

    @cached_property
    def points(self) -> Points:
        """All points, such that those of one batch stand in a row."""
        return Points(self.user_axes).arranged(self.fast)

    def seed(self, parameters: Mapping[str, Any]) -> int | None:
        """Return the seed of a point; None: that of the scenario."""
        if SEED not in parameters:
            return None
        if isinstance(self.table.seeds, int):
            return spawned_seed(parameters)
        return int(parameters[SEED])

    def meta(self) -> dict[str, str]:
        """Return what a store says of the sweep, as texts."""
        table = self.table.model_dump(mode="json", exclude_none=True)
        drawn = [axis.values for axis in self.user_axes]
        digest = hashlib.sha256(json.dumps(drawn, sort_keys=True).encode()).hexdigest()
        return {
            "version": __version__,
            "kind": self.subject.kind,
            "where": self.subject.where,
            "folder": self.subject.folder or "",
            "scenario": json.dumps(self.subject.data, ensure_ascii=False),
            "files": self.subject.digest(),
            "sweep": json.dumps(table, ensure_ascii=False),
            "points": str(self.points.count),
            "values": digest,
        }


def table_of(
    axes: Mapping[str, Any] | None, given: SweepTable | None, options: Mapping[str, Any]
) -> SweepTable:
    """Return the ``[sweep]`` table: that of the file, or of `axes`, with `options` put in.

    Raises
    ------
    InputError
        If there is none, or it is not valid.
    """
    if axes is not None and not isinstance(axes, Mapping):
        raise ArgumentError(
            f"The 'axes' parameter of sweep is a {type(axes).__name__}",
            expected='values by key path, such as {"pool.wasted": [0.01, 0.1]}',
        )
    if axes is None:
        tables = {} if given is None else given.model_dump(exclude_unset=True)
    else:
        tables = dict(axes) if "axes" in axes else {"axes": axes}
    tables = plain({**tables, **{k: v for k, v in options.items() if v is not None}})
    if "axes" in tables and isinstance(tables["axes"], dict):
        tables["axes"] = {
            k: list(v) if isinstance(v, range) else v for k, v in tables["axes"].items()
        }
    return read_tables(SweepTable, tables, "sweep", None)


def make_plan(subject: Subject, table: SweepTable, most: int = MOST_POINTS) -> Plan:
    """Return the checked plan of a sweep.

    Raises
    ------
    InputError
        If an axis names nothing, a value gives no valid scenario, nothing is varied, or there
        are more than `most` points.
    """
    for key in ("seeds", "mixtures", SEED, MIXTURE) if subject.kind == "run" else ():
        if key in table.axes:
            raise ScenarioError(
                f"{key!r} is no axis of a gradient run",
                where=Place(subject.where).of("sweep", "axes", key),
                expected="seeds in [sweep]; every mixture of the file is run",
            )
    plan = unchecked_plan(subject, table)
    if not plan.user_axes:
        raise ScenarioError(
            "nothing is varied",
            where=Place(subject.where).of("sweep"),
            expected='axes = { "pool.wasted" = [0.01, 0.1] }, or seeds',
        )
    count = plan.points.count
    if count > most:
        told = " × ".join(f"{len(axis):,} ({axis.name})" for axis in plan.user_axes)
        raise ScenarioError(
            f"these are {count:,} points: {told}",
            where=Place(subject.where).of("sweep"),
            expected=f"at most {most:,}, or --yes (from Python: most = {count:_})",
        )
    _try_values(plan)
    return plan


def unchecked_plan(subject: Subject, table: SweepTable) -> Plan:
    """Return the plan of a sweep that was checked when it was made: no file of it is needed."""
    axes = axes_of(table, subject.where)
    seeds = table.seeds
    if subject.kind == "run":
        if mixtures := subject.data.get("mixtures"):
            axes.append(_single_axis(MIXTURE, mixtures))
        if seeds is None:
            seeds = subject.data.get("seeds", 1)
    if seeds is not None:
        axes.append(_single_axis(SEED, range(seeds) if isinstance(seeds, int) else seeds))
    return Plan(subject, table, tuple(axes))


def _single_axis(key: str, values: Iterable[Any]) -> Axis:
    return Axis(key, (key,), tuple((value,) for value in values))


def _try_values(plan: Plan) -> None:
    """Refuse a value that gives no valid scenario beside the first values of the other axes.

    The first and last of each axis are tried, and of the rest as many as `PATIENCE` is enough for;
    what is wrong only in combination is a point that fails, with its reason.
    """
    until = time.monotonic() + PATIENCE
    first = plan.points.parameters(0)
    _try(plan, first)
    for axis in plan.points.axes:
        rest = range(1, len(axis) - 1)
        for place in [len(axis) - 1, *rest]:
            if place in rest and time.monotonic() > until:
                break
            _try(plan, {**first, **axis.at(place)})


def _try(plan: Plan, parameters: Mapping[str, Any]) -> None:
    try:
        plan.subject.build(parameters, plan.seed(parameters))
    except InputError as error:
        unknown = error.what == "unknown key"
        given = [k for k in parameters if k not in (SEED, MIXTURE)]
        raise type(error)(
            f"{error.what} (an axis of the sweep; the point {key_of(parameters)})"
            if not unknown
            else "the axis names nothing: unknown key",
            where=error.where,
            expected=error.expected,
            nearest=error.nearest or (nearest_name(error.where, given) if unknown else None),
        ) from None
