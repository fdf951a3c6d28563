"""What is refused before anything runs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from domino_sim.errors import InputError, ScenarioError, nearest_name
from domino_sim.gradient.run import Run
from domino_sim.scenario import Scenario
from domino_sim.scenario.fields import MOST_INT, Table
from domino_sim.scenario.keys import skill_of, split_first
from domino_sim.scenario.places import Place
from domino_sim.scenario.sweep_table import SweepTable
from domino_sim.sweeps.axes import lengths_of
from domino_sim.sweeps.plan import Plan, own_axes, unchecked_plan
from domino_sim.sweeps.points import key_of
from domino_sim.sweeps.subject import MIXTURE, SEED, Subject
from domino_sim.wording import shown

__all__ = ["MOST_POINTS", "make_plan"]

#: A sweep of more points must be asked for.
MOST_POINTS = 1_000_000

#: Seconds for which values of axes are tried out before anything is run.
PATIENCE = 0.3


def make_plan(subject: Subject, table: SweepTable, most: int = MOST_POINTS) -> Plan:
    """Return the checked plan of a sweep.

    Raises
    ------
    InputError
        If an axis names nothing, a value gives no valid scenario, nothing is varied, or there
        are more than `most` points.
    """
    _check_keys(subject, table)
    if subject.kind == "run" and table.engine != "auto":
        raise ScenarioError(
            f"engine = {table.engine!r} for a gradient run",
            where=Place(subject.where).of("sweep", "engine"),
            expected="none: gradient runs are trained",
        )
    _check_count(subject, table, most)
    plan = unchecked_plan(subject, table)
    _check_seeds(plan)
    _try_values(plan)
    return plan


def _check_count(subject: Subject, table: SweepTable, most: int) -> None:
    """Refuse no points, and too many, before any of them is made."""
    place = Place(subject.where).of("sweep")
    lengths = lengths_of(table) | {k: len(v) for k, v in own_axes(subject, table).items()}
    if not lengths:
        raise ScenarioError(
            "nothing is varied",
            where=place,
            expected='axes = { "pool.wasted" = [0.01, 0.1] }, or seeds',
        )
    count = math.prod(lengths.values())
    if count > most:
        told = " × ".join(f"{length:,} ({name})" for name, length in lengths.items())
        raise ScenarioError(
            f"these are {count:,} points: {told}",
            where=place,
            expected=f"at most {most:,}, or --yes (from Python: most = {count:_})",
        )


def _check_keys(subject: Subject, table: SweepTable) -> None:
    """Refuse axes that name what is no part of a point, and two that name the same."""
    known: dict[tuple[str, ...], str] = {}
    for key in table.axes:
        parts = _parts(subject.data, key)
        where = Place(subject.where).of("sweep", "axes", key)
        if parts[0] == "sweep":
            raise ScenarioError(
                "a sweep does not vary itself", where=where, expected="a key of the scenario"
            )
        if subject.kind == "run" and parts in (("seeds",), ("mixtures",), (SEED,), (MIXTURE,)):
            raise ScenarioError(
                f"{key!r} is no axis of a gradient run",
                where=where,
                expected="seeds in [sweep]; every mixture of the file is run",
            )
        if subject.kind == "scenario" and parts == (MIXTURE,):
            raise ScenarioError(
                "a scenario has no mixtures", where=where, expected="a run file, or another key"
            )
        for other, name in known.items():
            # A part first, then the whole: the part would be lost.
            if parts == other[: len(parts)]:
                same = "the same as" if parts == other else "what"
                rest = "does" if parts == other else "is a part of"
                raise ScenarioError(
                    f"names {same} the axis {name!r} {rest}", where=where, expected="one of them"
                )
        known[parts] = key


def _parts(table: Any, key: str) -> tuple[str, ...]:
    """Return the parts of a key path, however it is quoted."""
    found: list[str] = []
    rest: str | None = key
    while rest is not None:
        names = [k for k in table if isinstance(k, str)] if isinstance(table, dict) else []
        part, after = split_first(rest, names)
        if found in (["skills"], ["frequencies"]) and part not in names:
            part, after = skill_of(rest)
        found.append(part)
        table, rest = (table.get(part) if isinstance(table, dict) else None), after
    return tuple(found)


def _check_seeds(plan: Plan) -> None:
    """Refuse what is no seed on an axis of seeds."""
    for axis in plan.user_axes:
        if SEED not in axis.keys:
            continue
        for values in axis.values:
            value = values[axis.keys.index(SEED)]
            if type(value) is not int or not 0 <= value <= MOST_INT:
                raise ScenarioError(
                    f"{shown(value)} is no seed",
                    where=Place(plan.subject.where).of("sweep", "axes", SEED),
                    expected=f"whole numbers from 0 to {MOST_INT} (whole = true for a range)",
                )


def _try_values(plan: Plan) -> None:
    """Refuse a value that gives no valid scenario beside the first values of the other axes.

    The first and last of each axis are tried, and of the rest as many as `PATIENCE` is enough for;
    what is wrong only in combination is a point that fails, with its reason.
    """
    until = time.monotonic() + PATIENCE
    point = plan.point(0)
    _try(plan, point.parameters, point.seed)
    for axis in plan.points.axes:
        rest = range(1, len(axis) - 1)
        for place in [len(axis) - 1, *rest]:
            if place in rest and time.monotonic() > until:
                break
            _try(plan, {**point.parameters, **axis.at(place)}, point.seed)


def _try(plan: Plan, parameters: Mapping[str, Any], seed: int | None) -> None:
    try:
        plan.subject.build(parameters, seed)
    except InputError as error:
        unknown = error.what == "unknown key"
        what = f"{error.what} (an axis of the sweep; the point {key_of(parameters)})"
        if unknown:
            what = "the axis names nothing: unknown key"
        raise type(error)(
            what,
            where=error.where,
            expected=error.expected,
            nearest=_nearest(plan.subject, error) if unknown else error.nearest,
        ) from None


def _nearest(subject: Subject, error: InputError) -> str | None:
    """Return the key that was meant: one of the same name in a table, else one that is like it."""
    name = error.where.rpartition(": ")[2]
    kind = Run if subject.kind == "run" else Scenario
    for table, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Table) and name in inner.model_fields:
            return f"{table}.{name}"
    return error.nearest or nearest_name(name, subject.data)
