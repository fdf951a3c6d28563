"""What a comparison found, as one labelled dataset."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from domino_sim import __version__
from domino_sim.levels import Floats
from domino_sim.modularity.misassignment import KINDS, Cost
from domino_sim.modularity.regime import Regime
from domino_sim.modularity.scaling import Scaling
from domino_sim.modularity.variants import crosses
from domino_sim.modularity.ways import Way
from domino_sim.netcdf import texts
from domino_sim.pool import PoolSettings

__all__ = ["Findings", "dataset_of", "slower_until"]

#: The part of the first loss that counts as a difference.
SAME = 1e-4

#: Half of what one pool takes: where losses are compared unless said otherwise.
DEFAULT_BUDGET = 0.5


@dataclass(frozen=True)
class Findings:
    """All that was found; arrays are by way, the first of which is one pool."""

    ways: Sequence[Way]
    mastered_at: Floats
    totals: Floats
    floored: Floats
    steps: np.ndarray
    loss: Floats
    regime: Regime
    rule: str
    budget: float | None
    remarks: list[str]
    scaling: Scaling | None
    cost: Cost | None


def slower_until(steps: Floats, loss: Floats, one: Floats, until: float) -> float:
    """Return the step at which a loss that begins above another first falls below it.

    0 where it does not begin above it; infinite where it stays above up to the step `until`, from
    which on nothing is compared: there both are learned, and what is left is next to nothing.

    Examples
    --------
    >>> steps = np.array([0.0, 1.0, 2.0, 3.0])
    >>> slower_until(steps, np.array([1.0, 0.8, 0.5, 0.0]), np.array([1.0, 0.6, 0.5, 0.4]), 3.0)
    2.0
    """
    more = (loss - one)[steps <= until]
    other = np.flatnonzero(np.abs(more) > SAME * one[0])
    if not len(other) or more[other[0]] < 0.0:
        return 0.0
    below = np.flatnonzero(more[other[0] :] <= 0.0)
    if not len(below):
        return math.inf
    k = other[0] + below[0]
    part = more[k - 1] / (more[k - 1] - more[k])
    return float(steps[k - 1] + part * (steps[k] - steps[k - 1]))


def dataset_of(found: Findings) -> xr.Dataset:
    """Return the labelled dataset; see `compare_modularity` for what it holds."""
    ways, one = found.ways, found.ways[0].scenario
    titles = [way.title for way in ways]
    budget = found.budget
    if budget is None:
        ends = found.totals[np.isfinite(found.totals)]
        budget = DEFAULT_BUDGET * float(found.totals[0] if np.isfinite(found.totals[0])
                                        else ends.max(initial=float(found.steps[-1])))  # fmt: skip
    steps = found.steps.astype(float)
    with np.errstate(invalid="ignore"):
        speed_up = found.totals[0] / found.totals
    modules = [_modules_of(way) for way in ways]
    ds = xr.Dataset(
        {
            "all_mastered_at": ("way", found.totals, _about("all skills mastered", "steps")),
            "speed_up": ("way", speed_up, _about("time of one pool over that of this way")),
            "with_floor": ("way", found.floored, _about("all mastered, with the floor", "steps")),
            "slower_until": (
                "way",
                [slower_until(steps, row, found.loss[0], max(total, found.totals[0]))
                 for row, total in zip(found.loss, found.totals, strict=True)],
                _about("step up to which its loss is above that of one pool", "steps"),
            ),
            "loss_at_budget": (
                "way", [float(np.interp(budget, steps, row)) for row in found.loss],
                _about("mean loss on the mixture, at the budget"),
            ),
            "modules": ("way", [1 if w.partition is None else w.partition.count for w in ways]),
            "crossing": ("way", [_crossing(way) for way in ways]),
            "mastered_at": (("way", "skill"), found.mastered_at, _about("mastered", "steps")),
            "module": (("way", "skill"), np.array([m for m, _ in modules], dtype=object)),
            "share": (("way", "skill"), np.array([s for _, s in modules]),
                      _about("share of the parameters of the skill's module")),
            "loss": (("way", "step"), found.loss, _about("mean loss on the mixture")),
            "frequency": ("skill", one.frequency_array()),
        },
        {"way": texts(titles), "skill": texts(one.names), "step": found.steps},
    )  # fmt: skip
    return _with_cost(_with_scaling(ds, found.scaling), found.cost).assign_attrs(
        _attributes(found, budget)
    )


def _about(name: str, units: str = "1") -> dict[str, str]:
    return {"long_name": name, "units": units}


def _modules_of(way: Way) -> tuple[list[str], list[float]]:
    """Return the module of each skill, and its share."""
    names = way.scenario.names
    if way.partition is None:
        return ["all"] * len(names), [1.0] * len(names)
    module = way.partition.module_of()
    titles = [module[name] for name in names]
    return titles, [way.partition.shares[title] for title in titles]


def _crossing(way: Way) -> int:
    return 0 if way.partition is None else crosses(way.scenario.skill_graph(), way.partition)


def _with_scaling(ds: xr.Dataset, scaling: Scaling | None) -> xr.Dataset:
    if scaling is None:
        return ds
    titles = list(scaling.times)
    laws = [scaling.laws.get(title) for title in titles]
    columns: dict[str, list[float]] = {
        "exponent": [np.nan if law is None else law.exponent for law in laws],
        "exponent_low": [np.nan if law is None else law.low for law in laws],
        "exponent_high": [np.nan if law is None else law.high for law in laws],
        "slope_first": [np.nan if law is None else law.slopes[0] for law in laws],
        "slope_last": [np.nan if law is None else law.slopes[1] for law in laws],
    }
    found = {name: ("scaled", np.array(column)) for name, column in columns.items()}
    return ds.assign_coords(scaled=texts(titles), size=scaling.sizes).assign(
        {"scaling_time": (("scaled", "size"), np.array(list(scaling.times.values()))), **found}
    )


def _with_cost(ds: xr.Dataset, cost: Cost | None) -> xr.Dataset:
    if cost is None:
        return ds
    return ds.assign_coords(
        kind=texts(KINDS), fraction=cost.fractions, skew=cost.skews
    ).assign(
        wrong_time=(("kind", "fraction"), cost.times, _about("all mastered", "steps")),
        wrong_ratio=(("kind", "skew", "fraction"), cost.ratio, _about("over one pool")),
    ).assign_attrs(right=cost.right, wrong_ratio_skills=cost.skills)  # fmt: skip


def _attributes(found: Findings, budget: float) -> dict[str, str | int | float]:
    one = found.ways[0].scenario
    rate, wasted = PoolSettings(**one.pool.model_dump()).derive()
    return {
        "version": __version__,
        "title": one.title,
        "law": one.pool.law,
        "rate": rate,
        "wasted": wasted,
        "n_dim": one.pool.n_dim or 0,
        "mastery": one.mastery,
        "loss_kind": one.loss,
        "shares": found.rule,
        "budget": budget,
        "regime": found.regime.name,
        "regime_text": found.regime.text,
        "regime_rule": found.regime.rule,
        "coefficient": found.regime.coefficient,
        "floor": found.regime.floor,
        "remarks": json.dumps(found.remarks, ensure_ascii=False),
        "scenario": one.to_toml(),
    }
