"""Power laws of a sweep: over the numbers of an axis, and over steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.sweeps.fits import PowerLaw, fit_power_law, log_means
from domino_sim.sweeps.outcome import never_told

__all__ = ["Line", "loss_lines", "scaling_lines"]

#: Where a loss over steps is fitted: from this step on (before, it has hardly begun to fall) down
#: to this many times its last value (below, it is near what the model can reach).
FIRST_STEP, ABOVE_LAST = 10, 2.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """The points of one line and the power law through them, if there are enough.

    Attributes
    ----------
    over
        What x is: an axis, or ``step``.
    at
        The axis that has another value for each line, and its value; empty if there is none.
    x, y : (n,) arrays
        y is the mean over seeds (of logarithms); NaN where there is none.
    never : (n,) array of bool
        Where some seed did not get there within the run, or is 0.
    """

    over: str
    at: dict[str, Any]
    x: Floats
    y: Floats
    never: NDArray[np.bool_]
    law: PowerLaw | None

    def told(self) -> str:
        """Return the exponent, its interval, and what there is to say of it."""
        law = self.law
        if law is None:
            return f"{int(np.isfinite(self.y).sum())} of {len(self.x)} points: too few"
        text = f"{law.exponent:.3g} ({law.low:.3g} to {law.high:.3g}), {law.points} points"
        text += f" from {law.first:.4g} to {law.last:.4g}"
        if law.left_out:
            text += f"; {law.left_out} left out: not reached by all"
        if law.bends:
            text += f"; no power law: it bends, from {law.slopes[0]:.3g} to {law.slopes[1]:.3g}"
        return text


def scaling_lines(ds: xr.Dataset, values: xr.DataArray, over: str | None = None) -> list[Line]:
    """Return the power laws of `values` over an axis, a line a value of the other axis.

    Parameters
    ----------
    over
        The key that is x; by default the one of largest span.

    Raises
    ------
    ArgumentError
        If there is no such key, or there are too many axes for lines.
    """
    values = never_told(ds, values)
    across, by = _axes(values, over)
    values = values.swap_dims({str(values[across].dims[0]): across}).sortby(across)
    x = values[across].values.astype(float)
    return [
        _line(across, at, x, table, np.ones(len(x), dtype=bool))
        for at, table in _tables(values, by, across)
    ]


def loss_lines(ds: xr.Dataset, over: str, by: str | None) -> list[Line]:
    """Return the power laws of the loss over steps, at the highest number of `over`."""
    loss = ds["total_loss"]
    dim = str(loss[over].dims[0])
    loss = loss.isel({dim: int(np.argmax(loss[over].values))})
    x = ds["step"].values.astype(float)
    found = []
    for at, table in _tables(loss, by, "step"):
        means = log_means(table)[0]
        last = means[np.isfinite(means)][-1:]
        with np.errstate(invalid="ignore"):
            use = (x >= FIRST_STEP) & (means >= np.log(ABOVE_LAST) + (last if len(last) else 0.0))
        found.append(_line("step", at, x, table, use))
    return found


def _line(
    over: str, at: dict[str, Any], x: Floats, table: Floats, use: NDArray[np.bool_]
) -> Line:
    means, never = log_means(table)
    try:
        law = fit_power_law(x[use], table[:, use])
    except ArgumentError:
        law = None
    return Line(over, at, x, np.exp(means), never, law)


def _axes(values: xr.DataArray, over: str | None) -> tuple[str, str | None]:
    """Return the key across, and the axis with a line a value."""
    axes = [str(d) for d in values.dims if d not in ("seed", "mixture", "skill")]
    span: dict[str, float] = {}
    for name, coord in values.coords.items():
        if len(coord.dims) == 1 and coord.dims[0] in axes and name != "sample":
            numbers = coord.values
            if numbers.dtype.kind in "iuf" and (numbers > 0).all():
                span[str(name)] = float(numbers.max() / numbers.min())
    if over is not None and over not in span:
        raise ArgumentError(
            f"{over!r} is no axis of numbers above 0",
            where="over",
            expected=f"one of {', '.join(span)}" if span else "another sweep",
            nearest=nearest_name(over, span),
        )
    drawn = [n for n, c in values.coords.items() if c.dims == ("sample",) and n != "sample"]
    if len(drawn) > 1:
        raise ArgumentError(
            f"points drawn over {len(drawn)} axes stand on no lines",
            where="scaling",
            expected="sampling = 'grid', or one axis",
        )
    if not span or len(axes) > 2:
        raise ArgumentError(
            f"scaling laws over {', '.join(axes) or 'no axis'}",
            where="scaling",
            expected="one axis of numbers above 0, and at most one more",
        )
    across = over or max(span, key=lambda name: span[name])
    rest = [d for d in axes if d != values[across].dims[0]]
    return across, rest[0] if rest else None


def _tables(
    values: xr.DataArray, by: str | None, across: str
) -> Iterator[tuple[dict[str, Any], Floats]]:
    """Give a table (seeds, places) for each value of `by`."""
    order = [d for d in values.dims if d not in (by, across)]
    if by is None:
        table = values.transpose(*order, across).values.astype(float)
        yield {}, table.reshape(-1, table.shape[-1])
        return
    for i, value in enumerate(values[by].values.tolist()):
        table = values.isel({by: i}).transpose(*order, across).values.astype(float)
        yield {by: value}, table.reshape(-1, table.shape[-1])
