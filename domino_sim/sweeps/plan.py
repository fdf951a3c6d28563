"""The plan of a sweep: all that its numbers depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from domino_sim import __version__
from domino_sim.errors import ArgumentError
from domino_sim.scenario.overrides import plain
from domino_sim.scenario.reading import read_tables
from domino_sim.scenario.sweep_table import SweepTable
from domino_sim.sweeps.axes import SAMPLE, Axis, axes_of
from domino_sim.sweeps.points import Points, spawned_seed
from domino_sim.sweeps.subject import MIXTURE, SEED, Subject, numeric
from domino_sim.sweeps.task import Point

__all__ = ["Plan", "own_axes", "table_of", "unchecked_plan"]



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

    def point(self, number: int) -> Point:
        """Return a point, with its seed (None: that of the scenario)."""
        parameters = self.points.parameters(number)
        if SEED not in parameters:
            return Point(number, parameters, None)
        if isinstance(self.table.seeds, int):
            return Point(number, parameters, spawned_seed(self._key(number, parameters)))
        return Point(number, parameters, parameters[SEED])

    def _key(self, number: int, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return what the seed of a point follows from; drawn ones may be alike in all else."""
        if self.table.sampling == "grid":
            return parameters
        places = zip(self.points.axes, self.points.places(number), strict=True)
        return {SAMPLE: next(p for a, p in places if a.name == SAMPLE), **parameters}

    def meta(self) -> dict[str, str]:
        """Return what a store says of the sweep, as texts."""
        table = self.table.model_dump(mode="json", exclude_none=True)
        axes = [(axis.keys, axis.values) for axis in self.user_axes]
        digest = hashlib.sha256(json.dumps(axes).encode()).hexdigest()
        return {
            "version": __version__,
            "kind": self.subject.kind,
            "where": self.subject.where,
            "folder": self.subject.folder or "",
            "scenario": json.dumps(self.subject.data, ensure_ascii=False),
            "files": self._files(),
            "sweep": json.dumps(table, ensure_ascii=False),
            "points": str(self.points.count),
            "values": digest,
        }


    def _files(self) -> str:
        """Return a text that changes with the content of any file that points are made of."""
        folder = Path(self.subject.folder or "")
        found = [self.subject.digest()]
        texts = {t for axis in self.user_axes for t in _texts(axis.values) if len(t) < 4096}
        for text in sorted(texts):
            with suppress(OSError, ValueError):  # a text that is no path
                data = (folder / text).read_bytes()
                found.append(hashlib.sha256(data).hexdigest()[:16])
        return "-".join(found)


def _texts(value: Any) -> Iterator[str]:
    """Give all texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


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


def unchecked_plan(subject: Subject, table: SweepTable) -> Plan:
    """Return the plan of a sweep that was checked when it was made: no file of it is needed."""
    axes = axes_of(table, subject.where)
    for key, values in own_axes(subject, table).items():
        axes.append(Axis(key, (key,), tuple((value,) for value in values)))
    return Plan(subject, table, tuple(axes))


def own_axes(subject: Subject, table: SweepTable) -> dict[str, Sequence[Any]]:
    """Return the axes that no key of ``axes`` names: mixtures and seeds."""
    found: dict[str, Sequence[Any]] = {}
    seeds = table.seeds
    if subject.kind == "run":
        if mixtures := subject.data.get("mixtures"):
            found[MIXTURE] = tuple(mixtures)
        if seeds is None:
            seeds = subject.data.get("seeds", 1)
    if seeds is not None:
        found[SEED] = range(seeds) if isinstance(seeds, int) else tuple(seeds)
    return found
