"""Frequencies and the conserved quantity from learning curves alone: `infer_frequencies`.

In the resource clock τ a skill's work grows at c p, whatever the pool does. So curves in any
variable that rises with τ show the ratios of the frequencies, and with these the clock itself and
C = e^(−τ), the quantity u_i^(1/p_i) that all skills share (``docs/frequencies.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.frequencies.correlated import CorrelatedCourse
from domino_sim.frequencies.data import (
    check_mixtures,
    check_number,
    course_of,
    runs_of,
    start_levels,
    with_levels,
)
from domino_sim.frequencies.fit import Solution, fit_free
from domino_sim.frequencies.limits import limits, statuses
from domino_sim.frequencies.result import Frequencies
from domino_sim.frequencies.spread import Spread, clock_interval, measure_spread
from domino_sim.frequencies.start import first_frequencies
from domino_sim.levels import Floats, Loss
from domino_sim.threads import one_thread
from domino_sim.wording import shown

if TYPE_CHECKING:
    import networkx as nx
    import xarray as xr

__all__ = ["infer_frequencies"]

_LAWS = ("sum", "norm", "constant")

#: How often the search begins again where there are gates.
_SHAKES = 2


@one_thread
def infer_frequencies(
    curves: xr.Dataset,
    *,
    loss: Loss = "mse",
    graph: nx.DiGraph | None = None,
    correlation: ArrayLike | None = None,
    law: Literal["sum", "norm", "constant"] | None = None,
    mastery: float = 0.99,
    exponent: float | None = None,
    leak: float = 0.0,
    start: float | ArrayLike | Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> Frequencies:
    """Infer how often skills are trained, and the clock they share, from their curves alone.

    Least squares between observed and modelled levels, over the frequencies and one τ for each
    record that rises from record to record (``docs/frequencies.md``, "How it is done"). Neither the
    pool law nor N₀ nor the learning rate need to be known or constant.

    Parameters
    ----------
    curves
        Learning curves (`make_curves`) with levels: 0 at the start under MSE, ½ under CE. All runs
        share the frequencies; each has a clock of its own. Where there is ``level_se``, the
        standard error of each value, values are weighted by it. Where there are losses only, they
        become levels √(loss/loss at step 0) below 1 (MSE) or e^(−loss) (CE).
    loss
        ``mse`` or ``ce``: how levels run in the resource clock.
    graph
        Which skill needs which (`load_graph`); the skills of the curves are nodes of it.
    correlation
        Gram matrix (n, n) of the task vectors, in order of the skills; MSE, without a graph.
    law
        A pool law that is known to hold, with η and N₀ constant: then these are fitted instead
        of a free clock. By default nothing is assumed.
    mastery, exponent, leak
        The gates of the graph: hard ones at level `mastery`, or soft ones 1 − u^exponent.
    start
        Levels at step 0 where they are not 0 (CE: ½): one for all, (n,), or by name.
    confidence
        Of the intervals.

    Raises
    ------
    ArgumentError
        If an argument cannot be used; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from domino_sim.curves import make_curves
    >>> clock = np.linspace(0.0, 3.0, 40)[:, None] ** 2  # whatever it is, it rises
    >>> level = 1.0 - np.exp(-np.array([0.6, 0.3, 0.1]) * clock)
    >>> curves = make_curves(runs=["1"], steps=np.arange(40), skills=["A", "B", "C"],
    ...                      level=level[None])
    >>> found = infer_frequencies(curves)
    >>> found.frequencies.estimate.values.round(6)
    array([0.6, 0.3, 0.1])
    >>> bool(np.allclose(found.clock.tau.values[0], clock[:, 0], atol=1e-6))
    True
    """
    if loss not in ("mse", "ce"):
        raise ArgumentError(f"is {shown(loss)}", where="loss", expected="'mse' or 'ce'")
    if law is not None and law not in _LAWS:
        raise ArgumentError(
            f"is {shown(law)}",
            where="law",
            expected=f"one of {', '.join(_LAWS)}, or None for a free clock",
            nearest=nearest_name(law, _LAWS),
        )
    inside = "a number between 0 and 1"
    confidence = check_number(confidence, "confidence", 0.0, 1.0, inside)
    mastery = check_number(mastery, "mastery", 0.0, 1.0, inside)
    leak = check_number(leak, "leak", -1e-300, 1.0, "0 ≤ leak < 1")
    if exponent is not None:
        exponent = check_number(exponent, "exponent", 0.0, np.inf, "a finite number > 0")
    curves = with_levels(curves, loss)
    names, steps = tuple(map(str, curves["skill"].values)), curves["step"].values
    begin = start_levels(start, names, loss)
    course = course_of(
        names,
        begin,
        loss,
        graph=graph,
        correlation=correlation,
        mastery=mastery,
        exponent=exponent,
        leak=leak,
    )
    check_mixtures(curves)
    runs = runs_of(curves, bounded=correlation is None)
    level = curves["level"].values
    moved = level[np.isfinite(level)]
    if not moved.size or np.ptp(moved) == 0.0:
        raise ArgumentError(
            "all curves are constant", where="curves", expected="at least one that rises"
        )
    gated = not isinstance(course, CorrelatedCourse) and not course.circuit.free
    ways = (True, False) if gated else (False,)
    guesses = [np.log(first_frequencies(runs, begin, loss, changes)) for changes in ways]
    free = fit_free(course, runs, guesses, shakes=_SHAKES if gated else 0)
    solution: Solution = free
    if law is not None:
        from domino_sim.frequencies.clock_law import fit_law
        from domino_sim.frequencies.clock_pool import LawFit

        solution = fit_law(LawFit(course, runs, steps.astype(float), law), free)
    spread = measure_spread(solution, confidence)
    count = sum(int((run.weight > 0.0).sum()) for run in runs)
    settings: dict[str, Any] = {"loss": loss, "law": law, "confidence": confidence}
    if graph is not None:
        settings |= {"mastery": mastery, "exponent": exponent, "leak": leak}
    return Frequencies(
        frequencies=_table(names, spread),
        clock=_clock(curves, solution, spread),
        not_identified=limits(names, spread, settled=solution.settled),
        residual=float(np.sqrt(solution.squared / count)),
        settled=solution.settled,
        settings=settings,
    )


def _table(names: tuple[str, ...], spread: Spread) -> xr.Dataset:
    import xarray as xr

    with np.errstate(over="ignore"):
        numbers = {
            "estimate": np.exp(spread.log_p),
            "low": np.exp(spread.low),
            "high": np.exp(spread.high),
            "log_error": spread.error,
            "inflation": spread.inflation,
            "group": spread.group,
        }
    table = xr.Dataset(
        {name: ("skill", values) for name, values in numbers.items()},
        coords={"skill": ("skill", np.array(names, dtype=object))},
    )
    table["status"] = ("skill", np.array(statuses(spread), dtype=object))
    return table


def _clock(curves: xr.Dataset, solution: Solution, spread: Spread) -> xr.Dataset:
    import xarray as xr

    tau: Floats = np.full((3, curves.sizes["run"], curves.sizes["step"]), np.nan)
    for r, run in enumerate(solution.runs):
        tau[:, r, run.rows] = clock_interval(solution, r, spread)
    middle, low, high = tau
    values = {
        "tau": middle,
        "tau_low": low,
        "tau_high": high,
        "conserved": np.exp(-middle),
        "conserved_low": np.exp(-high),
        "conserved_high": np.exp(-low),
    }
    coords = {"run": curves["run"].values, "step": curves["step"].values}
    return xr.Dataset({name: (("run", "step"), array) for name, array in values.items()}, coords)
