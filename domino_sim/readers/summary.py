"""What was understood of curves that were read, as plain values ready for JSON and tables."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim.readers.review import LEAST_SIGNAL

__all__ = ["summarise_curves"]

#: Steps whose distances differ by no more than this part are called regular.
REGULAR = 0.02


def summarise_curves(ds: xr.Dataset) -> dict[str, Any]:
    """Return the main facts of curves that :func:`domino_sim.read_curves` gave.

    Returns
    -------
    dict
        files, columns, left_out, notes (lists of texts), normalisation, and ``by_run``: run,
        skills, records, missing (of its skills at its steps), steps, first, last, spacing,
        mixture (whether known); and ``by_skill``: skill, what levels were made of, runs, records,
        lowest and highest value, median first and last level, what level 0 and 1 stand for, how
        many runs have a signal and have come to rest. What is not known is None.
    """
    texts = {
        key: ds.attrs[key].split("\n") if ds.attrs.get(key) else []
        for key in ("files", "columns", "left_out", "notes")
    }
    known = _known(ds)
    return {
        **texts,
        "normalisation": json.loads(ds.attrs["normalisation"]),
        "version": ds.attrs["version"],
        "by_run": [_of_run(ds, known, i) for i in range(ds.sizes["run"])],
        "by_skill": [_of_skill(ds, k) for k in range(ds.sizes["skill"])],
    }


def _known(ds: xr.Dataset) -> NDArray[np.bool_]:
    """Return where there is a value of any kind."""
    kinds = [name for name in ("level", "accuracy", "loss") if name in ds]
    return np.any([~np.isnan(ds[name].values) for name in kinds], axis=0)


def _of_run(ds: xr.Dataset, known: NDArray[np.bool_], i: int) -> dict[str, Any]:
    of_run = known[i]
    steps = ds["step"].values[of_run.any(axis=1)]
    skills = of_run.any(axis=0)
    frequency = ~np.isnan(ds["frequency"].values[i])
    if "frequency_at" in ds:
        frequency |= (~np.isnan(ds["frequency_at"].values[i])).any(axis=0)
    count = int(frequency[skills].sum())
    return {
        "run": str(ds["run"].values[i]),
        "skills": int(skills.sum()),
        "records": int(of_run.sum()),
        "missing": len(steps) * int(skills.sum()) - int(of_run.sum()),
        "steps": len(steps),
        "first": int(steps[0]) if len(steps) else None,
        "last": int(steps[-1]) if len(steps) else None,
        "spacing": _spacing(steps),
        "mixture": "none" if not count else "known" if frequency[skills].all() else "partly",
    }


def _spacing(steps: NDArray[np.int64]) -> str:
    """Return how far apart steps are, in words."""
    apart = np.diff(steps)
    if not len(apart):
        return "–"
    usual = float(np.median(apart))
    if np.abs(apart - usual).max() <= max(REGULAR * usual, float(usual >= 5)):
        return f"every {usual:,.0f}"
    if steps[0] == 0 and len(steps) > 3:
        ratio = steps[2:] / steps[1:-1]
        if ratio.std() <= 0.1 * (ratio.mean() - 1) and ratio.mean() > 1.05:
            return f"each {ratio.mean():.2g} times the last"
    return f"{apart.min():,} to {apart.max():,}"


def _of_skill(ds: xr.Dataset, k: int) -> dict[str, Any]:
    of_skill = ds.isel(skill=k)
    kinds = sorted({kind for kind in of_skill["level_from"].values.tolist() if kind})
    if not kinds and "loss" in ds:
        kinds = ["loss"]
    values = np.concatenate(
        [_finite(of_skill[kind].values) for kind in kinds if kind in of_skill] or [np.empty(0)]
    )
    level = of_skill["level"].values if "level" in ds else np.empty((0, 0))
    ends = [(row[0], row[-1]) for row in map(_finite, level) if len(row)]
    first, last = np.median(ends, axis=0) if ends else (math.nan, math.nan)
    signal, rest = (
        _finite(of_skill[key].values) if key in ds else np.empty(0) for key in ("signal", "at_rest")
    )
    runs = len(signal)
    zero, one = (_number(of_skill, kinds, keys) for keys in
                 (("chance", "initial"), ("ceiling", "floor")))  # fmt: skip
    return {
        "skill": str(of_skill["skill"].values),
        "from": "+".join(kinds) or "nothing",
        "runs": runs,
        "records": len(values),
        "lowest": _plain(values.min() if len(values) else math.nan),
        "highest": _plain(values.max() if len(values) else math.nan),
        "first_level": _plain(first),
        "last_level": _plain(last),
        "zero": zero,
        "one": one,
        "signal": int((signal >= LEAST_SIGNAL).sum()),
        "at_rest": int(rest.sum()),
    }


def _number(of_skill: xr.Dataset, kinds: list[str], keys: tuple[str, str]) -> Any:
    """Return what a level of 0 or 1 stands for: the median over runs, and its standard error."""
    key = keys[0] if "accuracy" in kinds else keys[1]
    if key not in of_skill or not len(_finite(of_skill[key].values)):
        return None
    errors = _finite(of_skill[f"{key}_se"].values) if f"{key}_se" in of_skill else np.empty(0)
    se = float(np.median(errors)) if len(errors) else math.nan
    return {
        "of": key, "value": _plain(np.median(_finite(of_skill[key].values))), "se": _plain(se),
    }  # fmt: skip


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _plain(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
