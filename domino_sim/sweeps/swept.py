"""The store of a sweep, read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domino_sim.errors import ArgumentError
from domino_sim.scenario.sweep_table import SweepTable
from domino_sim.sweeps.plan import Plan, unchecked_plan
from domino_sim.sweeps.store import Store
from domino_sim.sweeps.subject import Subject

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from domino_sim.gradient.run import Run
    from domino_sim.scenario import Scenario

__all__ = ["Sweep"]


class Sweep:
    """The points of a sweep: those that are done and those that failed.

    Made by `sweep`, or `Sweep.open` of a store, also while another process is writing it.

    Examples
    --------
    >>> from domino_sim import sweep
    >>> found = sweep("fig17-1", {"pool.wasted": [0.0, 0.1]})
    >>> found
    <Sweep of 2 points: 2 done, 0 failed>
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def open(cls, path: str | Path) -> Sweep:
        """Return the sweep of a store.

        Raises
        ------
        FileError
            If it is no store.
        """
        return cls(Store(Path(path)))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self.plan.points.count

    def __repr__(self) -> str:
        count = self.counts
        return f"<Sweep of {len(self):,} points: {count['done']} done, {count['failed']} failed>"

    @cached_property
    def meta(self) -> Mapping[str, str]:
        """What the store says of the sweep: version, scenario, axes."""
        return self._store.meta()

    @cached_property
    def plan(self) -> Plan:
        """What was swept."""
        meta = self.meta
        kind: Any = meta["kind"]
        subject = Subject(
            kind, json.loads(meta["scenario"]), meta["where"], meta["folder"] or None
        )
        table = SweepTable.model_validate(json.loads(meta["sweep"]))
        return unchecked_plan(subject, table)

    @property
    def counts(self) -> dict[str, int]:
        """How many points are done, failed and still to be done."""
        found = self._store.counts()
        return {**found, "pending": len(self) - sum(found.values())}

    def rows(self, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the points in order, as in the store, with `parameters` and times as values."""
        labels = self._store.labels()
        order = [key for axis in self.plan.user_axes for key in axis.keys]
        for row in self._store.rows(status=status):
            for key in ("parameters", "mastered_at"):
                row[key] = None if row[key] is None else json.loads(row[key])
            row["parameters"] = {key: row["parameters"][key] for key in order}
            row["skills"] = None if row["skills"] is None else json.loads(labels[row["skills"]])
            yield row

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The points that failed: number, parameters, seed and error."""
        keys = ("number", "parameters", "seed", "error")
        return [{key: row[key] for key in keys} for row in self.rows("failed")]

    def scenario(self, number: int) -> Scenario | Run:
        """Return the scenario (or the run, of one seed and mixture) of a point, to run it alone.

        Examples
        --------
        >>> from domino_sim import simulate, sweep
        >>> found = sweep("fig17-1", {"pool.wasted": [0.0, 0.1]})
        >>> round(float(simulate(found.scenario(1), "clock").mastered_at.max()))
        2529
        """
        if not 0 <= number < len(self):
            raise ArgumentError(
                f"there is no point {number}",
                where="number",
                expected=f"a number from 0 to {len(self) - 1:,}",
            )
        _, parameters, seed = self.plan.point(number)
        return self.plan.subject.build(parameters, seed)

    def to_frame(self) -> pd.DataFrame:
        """Return a table: a row a point, a column an axis, and the main numbers.

        What depends on the machine (`seconds`) is left out: sweeps of the same give the same.
        """
        from domino_sim.sweeps.tables import frame

        return frame(self)

    def to_xarray(self) -> xr.Dataset:
        """Return the results with the axes as dimensions.

        ``mastered_at`` (…, skill), ``all_mastered_at``, ``mastered``, ``fell`` and ``final_loss``
        (…), and, if they were kept, ``total_loss`` (…, step) and ``level`` (…, step, skill).
        ``status`` (…) is ``done``, ``failed`` or ``pending``; where a point is done, NaN of a time
        means: never within the run. Zipped axes are one dimension, named by the first; drawn
        points are ``sample``.
        """
        from domino_sim.sweeps.dataset import dataset

        return dataset(self, self._store)
