"""Functions of the resource clock as Chebyshev polynomials on short rows of τ.

A row is an interval [a, b] of one run's clock; x in [−1, 1] is the place in it. Values at the
`POINTS` (Chebyshev–Lobatto, both ends included) carry a polynomial of degree `DEGREE`, whose
integral is again known at the points. Everything is vectorised over rows.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev as _cheb

from domino_sim.levels import Floats, Ints

DEGREE = 16
POINTS = -np.cos(np.pi * np.arange(DEGREE + 1) / DEGREE)

_NEWTON_STEPS = 60
#: Newton steps end when x moves by no more than this; the error left is about its square.
_CLOSE = 3e-6
_TAIL = 3


def _matrices() -> tuple[Floats, Floats, Floats]:
    """Values → coefficients, values → integral from −1, values → derivative; right factors."""
    to_coefficients = np.linalg.inv(_cheb.chebvander(POINTS, DEGREE))
    integral = np.stack([_cheb.chebint(column, lbnd=-1.0) for column in to_coefficients.T])
    derivative = np.stack([_cheb.chebder(column) for column in to_coefficients.T])
    return (
        np.ascontiguousarray(to_coefficients.T),
        np.ascontiguousarray((_cheb.chebvander(POINTS, DEGREE + 1) @ integral.T).T),
        np.ascontiguousarray((_cheb.chebvander(POINTS, DEGREE - 1) @ derivative.T).T),
    )


#: values (…, points) @ matrix: coefficients, integral from −1, derivative by x
COEFFICIENTS, INTEGRAL, DERIVATIVE = _matrices()


def basis(x: Floats) -> Floats:
    """Return T_0 … T_DEGREE at `x`, shape (*x.shape, DEGREE + 1)."""
    out = np.empty((DEGREE + 1, *x.shape))
    out[0] = 1.0
    out[1] = x
    twice = 2.0 * x
    for k in range(2, DEGREE + 1):
        np.multiply(twice, out[k - 1], out=out[k])
        out[k] -= out[k - 2]
    return np.moveaxis(out, 0, -1)


def tail(values: Floats) -> Floats:
    """Return how badly `values` (…, points) are resolved: their last coefficients' size."""
    return np.abs(values @ COEFFICIENTS[:, -_TAIL:]).max(axis=-1)


def solve_increasing(values: Floats, row: Ints, target: Floats) -> Floats:
    """Solve f_row(x) = target for increasing f with `values` (rows, points).

    A cubic guess between the two points that bracket the target, then Newton steps on the
    polynomial; a step that leaves the bracket is replaced by its middle.

    Parameters
    ----------
    values : (rows, points) array
    row, target : (k,) arrays
        Which function, and the value it should take.

    Returns
    -------
    (k,) array
        x in [−1, 1].
    """
    slope_values = values @ DERIVATIVE
    coefficients = (values @ COEFFICIENTS)[row]
    slope_coefficients = (slope_values @ COEFFICIENTS)[row]
    after = np.clip((values[row] < target[:, None]).sum(axis=1), 1, DEGREE)
    low, high = POINTS[after - 1], POINTS[after]
    f_low, f_high = values[row, after - 1], values[row, after]
    rise = np.where(f_high > f_low, f_high - f_low, 1.0)
    part = np.clip((target - f_low) / rise, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = inverse_cubic(
            part, low, high, rise / slope_values[row, after - 1], rise / slope_values[row, after]
        )
    x = np.where((x >= low) & (x <= high), x, low + (high - low) * part)
    for _ in range(_NEWTON_STEPS):
        powers = basis(x)
        miss = np.einsum("rk,rk->r", powers, coefficients) - target
        low = np.where(miss <= 0.0, x, low)
        high = np.where(miss >= 0.0, x, high)
        slope = np.einsum("rk,rk->r", powers, slope_coefficients)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = x - miss / slope
        stepped = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        moved = np.abs(stepped - x).max(initial=0.0)
        x = stepped
        # Newton doubles the digits: after so small a step the next one would not be seen.
        if moved <= _CLOSE:
            break
    return x


def inverse_cubic(
    part: Floats, low: Floats, high: Floats, slope_low: Floats, slope_high: Floats
) -> Floats:
    """Cubic Hermite interpolation of x over the scaled value `part` in [0, 1].

    `slope_low` and `slope_high` are dx/dpart at the ends; all arrays have one shape.
    """
    square = part * part
    cube = square * part
    return (
        (2.0 * cube - 3.0 * square + 1.0) * low
        + (cube - 2.0 * square + part) * slope_low
        + (3.0 * square - 2.0 * cube) * high
        + (cube - square) * slope_high
    )
