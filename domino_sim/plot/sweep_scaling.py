"""The figure of scaling laws: what a sweep gives on log axes, with fitted exponents."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from domino_sim.errors import ArgumentError
from domino_sim.plot.figures import titled
from domino_sim.plot.style import GREY, colours, legend, short
from domino_sim.plot.sweep import chosen
from domino_sim.sweeps.fits import PowerLaw, fit_power_law

__all__ = ["scaling_figure", "scaling_fits"]

#: Where a loss over steps is fitted by default: from this step on (before, it has hardly begun to
#: fall) down to this many times its last value (below, it is near what the model can reach).
FIRST_STEP, ABOVE_LAST = 10, 2.0


def scaling_figure(
    ds: xr.Dataset,
    of: str | None = None,
    *,
    x: str | None = None,
    steps: tuple[float, float] | None = None,
) -> Figure:
    """Return the figure of scaling laws of a sweep (`Sweep.to_xarray`).

    A panel over the numbers of one axis, a line a value of the other; and where losses were kept
    (``curves = "loss"``), a panel over the steps, at the highest number of that axis. Dots are
    means over seeds (of logarithms), lines power laws, with the 95 % interval of the exponent.

    Parameters
    ----------
    of
        As in `sweep_figure`; the final loss by default.
    x
        The axis; by default the one of largest span.
    steps
        First and last step that are fitted; by default from 10 to where the loss is twice the
        last, different for each line.
    """
    values, label = chosen(ds, of or "final_loss")
    across, by = _axes(ds, values, x)
    panels = 2 if "total_loss" in ds and (of or "final_loss") == "final_loss" else 1
    figure = Figure(figsize=(6.6 * panels, 6.4), layout="constrained")
    left, *right = figure.subplots(1, panels, squeeze=False)[0]
    numbers = ds[across].values.astype(float)
    _panel(left, numbers, _lines(values, by, across), ds, by, (numbers.min(), numbers.max()))
    left.set_xlabel(across, parse_math=False)
    left.set_ylabel(label, parse_math=False)
    for ax in right:
        loss = ds["total_loss"].isel({across: int(np.argmax(numbers))})
        at = ds["step"].values.astype(float)
        _panel(ax, at, _lines(loss, by, "step"), ds, by, steps)
        ax.set_xlabel("step")
        ax.set_ylabel("loss")
        text = f"{across} = {ds[across].values[np.argmax(numbers)]:g}"
        ax.set_title(text, loc="left", fontsize="medium", parse_math=False)
    titled(figure, str(ds.attrs.get("title", "")))
    return figure


def scaling_fits(
    ds: xr.Dataset, of: str = "final_loss", *, x: str | None = None
) -> list[tuple[dict[str, Any], PowerLaw]]:
    """Return the power laws over an axis, each with the value of the other axis it is at."""
    values, _ = chosen(ds, of)
    across, by = _axes(ds, values, x)
    numbers = ds[across].values.astype(float)
    found = []
    for i, table in enumerate(_lines(values, by, across)):
        where = {} if by is None else {by: ds[by].values[i]}
        found.append((where, fit_power_law(numbers, table)))
    return found


def _axes(ds: xr.Dataset, values: xr.DataArray, x: str | None) -> tuple[str, str | None]:
    """Return the axis across, and the one with a line a value."""
    axes = [str(d) for d in values.dims if d not in ("seed", "mixture", "skill", "step")]
    numeric = [d for d in axes if ds[d].dtype.kind in "iuf" and (ds[d].values > 0).all()]
    if x is not None and x not in numeric:
        raise ArgumentError(f"{x!r} is no axis of numbers above 0", where="x", expected="one")
    if not numeric or len(axes) > 2:
        raise ArgumentError(
            f"scaling laws over {', '.join(axes) or 'no axis'}",
            where="scaling",
            expected="one axis of numbers above 0, and at most one more",
        )
    span = {d: float(ds[d].values.max() / ds[d].values.min()) for d in numeric}
    across = x or max(numeric, key=lambda d: span[d])
    rest = [d for d in axes if d != across]
    return across, rest[0] if rest else None


def _lines(values: xr.DataArray, by: str | None, across: str) -> list[np.ndarray]:
    """Return a table (seeds, places) for each value of `by`."""
    order = [d for d in values.dims if d not in (by, across)]
    front = [by] if by is not None else []
    table = values.transpose(*front, *order, across).values.astype(float)
    if by is None:
        table = table[None]
    return [part.reshape(-1, part.shape[-1]) for part in table]


def _panel(
    ax: Axes,
    x: np.ndarray,
    lines: list[np.ndarray],
    ds: xr.Dataset,
    by: str | None,
    span: tuple[float, float] | None,
) -> None:
    """Draw lines and their power laws; without a `span` they are curves over steps."""
    handles, labels = [], []
    for i, (table, colour) in enumerate(zip(lines, colours(len(lines)), strict=True)):
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.exp(np.log(table).mean(axis=0))
        if span is None:
            use = (x >= FIRST_STEP) & (mean >= ABOVE_LAST * mean[-1])
        else:
            use = (x >= span[0]) & (x <= span[1]) & (x > 0)
        style: dict[str, Any] = {"marker": "o", "linestyle": "", "alpha": 0.6}
        above = x > 0
        handles += ax.plot(x[above], mean[above], color=colour, markersize=4, **style)
        name = "" if by is None else f"{short(f'{ds[by].values[i]:.4g}', 12)}:  "
        try:
            law = fit_power_law(x[use], table[:, use])
        except ArgumentError:
            labels.append(f"{name}too few points")
            continue
        ends = np.array([x[use].min(), x[use].max()])
        ax.plot(ends, law.scale * ends**law.exponent, color=colour, linewidth=1.2)
        labels.append(f"{name}{law.exponent:.2f}  ({law.low:.2f} to {law.high:.2f})")
    ax.set_xscale("log")
    ax.set_yscale("log")
    title = "exponent (95 %)" if by is None else f"{by}:  exponent (95 %)"
    legend(
        ax, handles, labels, fontsize="small", frameon=False, title=title,
        title_fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2,
    )  # fmt: skip
    box = ax.get_legend()
    assert box is not None
    box.get_title().set_color(GREY)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
