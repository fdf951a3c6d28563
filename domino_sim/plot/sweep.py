"""Figures of sweeps: lines over one axis, maps over two, dots of drawn points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.plot.figures import titled
from domino_sim.plot.style import FEW, short
from domino_sim.plot.sweep_axes import arranged
from domino_sim.plot.sweep_lines import dots, lines
from domino_sim.plot.sweep_maps import maps

__all__ = ["check_quantity", "chosen", "sweep_figure"]

LABELS = {
    "all_mastered_at": "step at which all skills are mastered",
    "mastered_at": "step at which mastered",
    "mastered": "skills mastered",
    "final_loss": "loss at the last step",
}


def sweep_figure(ds: xr.Dataset, of: str | None = None) -> Figure:
    """Return the figure of a sweep (`Sweep.to_xarray`).

    One axis: lines; two: a map; three: a map for each value of the first; drawn points: dots over
    each key. Over seeds (and mixtures) lines are medians, with bands from the lowest to the
    highest; maps show medians.

    Parameters
    ----------
    of
        ``all_mastered_at``, ``mastered``, ``final_loss``, ``mastered_at.SKILL``, or, over one axis,
        ``mastered_at``: a line a skill. By default times of mastery: over one axis a line a skill,
        if they are few; else that of all. Where no point masters all, how many are mastered; where
        nothing is, the final loss.

    Raises
    ------
    ArgumentError
        If there is no such quantity, or there are more than three axes.
    """
    ds = arranged(ds)
    values, label = chosen(ds, of or _default(ds))
    axes = [d for d in values.dims if d not in ("seed", "mixture", "skill")]
    spread = [d for d in values.dims if d in ("seed", "mixture")]
    if not axes and spread:
        axes, spread = [str(spread[0])], spread[1:]
    if "skill" in values.dims and (len(axes) != 1 or "sample" in axes):
        raise ArgumentError(
            "'mastered_at' is of many skills", where="of", expected="mastered_at.SKILL"
        )
    if "sample" in axes:
        figure = dots(ds, values, label)
    elif len(axes) == 1:
        figure = lines(ds, values, str(axes[0]), spread, label)
    elif len(axes) in (2, 3):
        figure = maps(ds, values, [str(a) for a in axes], spread, label)
    else:
        raise ArgumentError(
            f"{len(axes)} axes", where="figure", expected="at most three: choose from to_xarray()"
        )
    titled(figure, str(ds.attrs.get("title", "")))
    return figure


def _default(ds: xr.Dataset) -> str:
    """Return what is drawn if nothing is asked for."""
    if not np.isfinite(ds["mastered_at"].values).any():
        return "final_loss"
    dims = [d for d in ds["all_mastered_at"].dims if d not in ("seed", "mixture")]
    if len(dims) <= 1 and "sample" not in dims and 0 < ds.sizes["skill"] <= FEW:
        return "mastered_at"
    return "all_mastered_at" if np.isfinite(ds["all_mastered_at"].values).any() else "mastered"


def chosen(ds: xr.Dataset, of: str) -> tuple[xr.DataArray, str]:
    """Return what is to be drawn, and its label.

    Raises
    ------
    ArgumentError
        If there is no such quantity.
    """
    check_quantity(of, ds["skill"].values.tolist(), "of")
    if of in LABELS:
        return ds[of], LABELS[of]
    skill = of.removeprefix("mastered_at.")
    return ds["mastered_at"].sel(skill=skill), f"step at which {short(skill, 30)} is mastered"


def check_quantity(of: str, skills: Sequence[str], where: str) -> None:
    """Refuse what is not there to be drawn.

    Raises
    ------
    ArgumentError
        If `of` is none of the quantities of a sweep over these skills.
    """
    known = [*LABELS, *(f"mastered_at.{name}" for name in skills)]
    if of not in known:
        raise ArgumentError(
            f"there is no {of!r}",
            where=where,
            expected=f"one of {', '.join(known[:5])}{', …' if known[5:] else ''}",
            nearest=nearest_name(of, known),
        )
