"""A comparison as plain numbers, ready for JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["ratios", "summarise"]


def summarise(ds: xr.Dataset) -> dict[str, Any]:
    """Return the main numbers of a comparison as plain Python values.

    What is not a finite number (never, not known) becomes None; ``modularity.json`` holds this,
    and ``docs/files.md`` says what is what.

    Examples
    --------
    >>> from domino_sim import Scenario, compare_modularity
    >>> scenario = Scenario.from_dict({"skills": {"A": {}, "B": {"frequency": 0.5}}})
    >>> found = summarise(compare_modularity(scenario, errors=False))
    >>> [(way["way"], way["modules"]) for way in found["ways"]][-1]
    ('a module each', 2)
    """
    attrs = ds.attrs
    keys = ("version", "title", "law", "rate", "wasted", "n_dim", "mastery", "loss_kind", "shares")
    found: dict[str, Any] = {key: attrs[key] for key in keys if key in attrs}
    found["remarks"] = json.loads(attrs["remarks"])
    if "way" in ds.coords:
        found |= {
            "regime": {
                "name": attrs["regime"], "text": attrs["regime_text"],
                "rule": attrs["regime_rule"], "coefficient": _plain(attrs["coefficient"]),
                "floor": attrs["floor"],
            },
            "budget": attrs["budget"],
            "ways": [_way(ds.sel(way=way)) for way in ds["way"].values],
        }  # fmt: skip
    if "scaling_time" in ds:
        found["scaling"] = {
            "skills": ds["size"].values.tolist(),
            "ways": [_scaled(ds.sel(scaled=title)) for title in ds["scaled"].values],
        }
    if "wrong_time" in ds:
        found["misassigned"] = {
            "right": attrs["right"],
            "fractions": ds["fraction"].values.tolist(),
            "times": {k: _list(ds["wrong_time"].sel(kind=k)) for k in ds["kind"].values},
            "skews": ds["skew"].values.tolist(),
            "skills_of_ratio": attrs["wrong_ratio_skills"],
            "ratio": {k: _list(ds["wrong_ratio"].sel(kind=k)) for k in ds["kind"].values},
        }
    if "trained_mastered_at" in ds:
        found["trained"] = trained_summary(ds)
    return found


def trained_summary(ds: xr.Dataset) -> dict[str, Any]:
    """Return the numbers of gradient runs: medians over seeds, and how many seeds got there."""
    found: dict[str, Any] = {
        "seeds": ds.sizes["seed"], "skills": ds.sizes["skill"], "steps": ds.attrs["trained_steps"],
        "optimizer": ds.attrs["trained_optimizer"], "lr": ds.attrs["trained_lr"], "ways": [],
    }  # fmt: skip
    for way in ds["trained"].values:
        at = ds["trained_mastered_at"].sel(trained=way).values
        total = np.where(np.isnan(at), np.inf, at).max(axis=1)
        found["ways"].append(
            {
                "way": str(way),
                "all_mastered_at": _plain(np.median(total)),
                "lowest": _plain(total.min()),
                "highest": _plain(total.max()),
                "seeds_done": int(np.isfinite(total).sum()),
                "last_over_first": _plain(np.median(ratios(at))),
            }
        )
    return found


def ratios(at: np.ndarray) -> np.ndarray:
    """Return how far skills are apart in each run, from times of mastery (seeds, skills).

    Of two skills the second over the first, t₂/t₁, as in Fig. 19 of arXiv 2501.12391; of more the
    last over the first to be mastered. Infinite where one never is.

    Examples
    --------
    >>> ratios(np.array([[10.0, 5.0], [10.0, np.nan]])), ratios(np.array([[4.0, 2.0, 6.0]]))
    (array([0.5, inf]), array([3.]))
    """
    ends = np.where(np.isnan(at), np.inf, at)
    two = at.shape[1] == 2
    first, last = (ends[:, 0], ends[:, 1]) if two else (ends.min(axis=1), ends.max(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = last / first
    return np.where(np.isnan(found), np.inf, found)


def _way(row: xr.Dataset) -> dict[str, Any]:
    names = ("all_mastered_at", "speed_up", "with_floor", "slower_until", "loss_at_budget")
    skills = zip(
        row["skill"].values.tolist(), row["module"].values.tolist(), row["share"].values.tolist(),
        _list(row["mastered_at"]), strict=True,
    )  # fmt: skip
    return {
        "way": str(row["way"].item()),
        "modules": int(row["modules"]),
        "crossing": int(row["crossing"]),
        **{name: _plain(row[name].item()) for name in names},
        "skills": [
            {"skill": skill, "module": module, "share": share, "mastered_at": at}
            for skill, module, share, at in skills
        ],
    }


def _scaled(row: xr.Dataset) -> dict[str, Any]:
    names = ("exponent", "exponent_low", "exponent_high", "slope_first", "slope_last")
    return {
        "way": str(row["scaled"].item()),
        **{name: _plain(row[name].item()) for name in names},
        "times": _list(row["scaling_time"]),
    }


def _list(values: xr.DataArray) -> list[Any]:
    found = [_list(row) if row.ndim else _plain(row.item()) for row in values]
    return found


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
