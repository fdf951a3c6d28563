"""Arguments of `infer_frequencies` as arrays: levels, starts, gates, correlations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from domino_sim.calibration.observations import check_constant_mixtures
from domino_sim.curve_form import check_curves
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.frequencies.clock_free import Run
from domino_sim.frequencies.correlated import CorrelatedCourse
from domino_sim.frequencies.paths import HardCourse, SoftCourse
from domino_sim.levels import Floats, Loss, work_from_level
from domino_sim.wording import shown

if TYPE_CHECKING:
    import networkx as nx
    import xarray as xr

#: A standard error is taken to be at least this part of the typical one.
_LEAST_ERROR = 1e-3

#: Single precision, in which task vectors often come.
_ROUNDED = 1e-6

__all__ = ["check_mixtures", "check_number", "course_of", "runs_of", "start_levels", "with_levels"]


def with_levels(curves: xr.Dataset, loss: Loss) -> xr.Dataset:
    """Return `curves` with levels, made from losses where there are only those.

    MSE: the loss is proportional to u², so u = √(loss/loss at step 0). CE: −log σ(l), so the
    level is e^(−loss).
    """
    if "level" in check_curves(curves).data_vars:
        return curves
    values = curves["loss"].values.astype(float)
    if loss == "ce":
        return curves.assign(level=(curves["loss"].dims, np.exp(-values)))
    if curves["step"].values[0] != 0:
        raise ArgumentError(
            f"the first record is step {curves['step'].values[0]}",
            where="curves",
            expected="losses at step 0, which squared errors are measured against; or levels",
        )
    first = values[:, :1]
    with np.errstate(invalid="ignore"):
        if not (np.isfinite(first) & (first > 0.0)).all():
            raise ArgumentError(
                "a loss at step 0 is missing or not positive",
                where="curves",
                expected="losses > 0 at step 0; or levels",
            )
        left = np.sqrt(np.maximum(values / first, 0.0))
    return curves.assign(level=(curves["loss"].dims, 1.0 - left))


def check_mixtures(curves: xr.Dataset) -> None:
    """Refuse runs that are known to have different mixtures: one set of frequencies is inferred."""
    check_constant_mixtures(curves)
    mixtures = curves["frequency"].values
    known = np.isfinite(mixtures).all(axis=1)
    shares = mixtures[known] / np.maximum(mixtures[known].sum(axis=1, keepdims=True), 1e-300)
    if len(shares) > 1 and (np.abs(shares - shares[0]) > 1e-6).any():
        raise ArgumentError(
            "runs have different mixtures",
            where="curves",
            expected="runs of one mixture, such as curves.isel(run=[0])",
        )


def runs_of(curves: xr.Dataset, *, bounded: bool) -> list[Run]:
    """Return the records of every run of `curves` with levels.

    Parameters
    ----------
    bounded
        Whether levels lie in [0, 1] but for noise. Those of correlated tasks need not.

    Raises
    ------
    ArgumentError
        If a run has no two records, or a level cannot be one.
    """
    level = curves["level"].values.astype(float)
    known = np.isfinite(level)
    lowest, highest = (-1.0, 2.0) if bounded else (-np.inf, np.inf)
    with np.errstate(invalid="ignore"):
        odd = np.argwhere(known & ((level < lowest) | (level > highest)))
    if len(odd):
        r, k, i = odd[0]
        raise ArgumentError(
            f"the level of {shown(str(curves['skill'].values[i]))} is {level[r, k, i]:.4g} in run "
            f"{shown(str(curves['run'].values[r]))}, step {curves['step'].values[k]}",
            where="curves",
            expected="levels from 0 to 1, give or take noise",
        )
    weight = _weights(curves, known)
    runs = []
    for r, name in enumerate(map(str, curves["run"].values)):
        rows = np.flatnonzero(known[r].any(axis=1))
        if len(rows) < 2:
            what = f"the run {shown(name)} has {len(rows)} step(s) with a level"
            raise ArgumentError(what, where="curves", expected="at least two")
        there = np.where(known[r], level[r], 0.0)[rows]
        starts = bool(curves["step"].values[rows[0]] == 0)
        runs.append(Run(rows, np.ascontiguousarray(there), weight[r][rows], starts))
    return runs


def _weights(curves: xr.Dataset, known: np.ndarray) -> Floats:
    """One over the variances where all values have a standard error, else 1; 0 where missing."""
    if "level_se" not in curves.data_vars:
        return known.astype(float)
    error = curves["level_se"].values.astype(float)
    if not (np.isfinite(error) & (error > 0.0))[known].all():
        return known.astype(float)
    # No value is exact: an error of nearly nothing would outweigh all others.
    least = _LEAST_ERROR * np.median(error[known])
    return np.where(known, 1.0 / np.square(np.maximum(np.where(known, error, 1.0), least)), 0.0)


def start_levels(
    start: float | ArrayLike | Mapping[str, float] | None, names: tuple[str, ...], loss: Loss
) -> Floats:
    """Return the levels (n,) at step 0: what is given, or 0 (MSE) and ½ (CE)."""
    n, low = len(names), 0.0 if loss == "mse" else 0.5
    if start is None:
        return np.full(n, low)
    if isinstance(start, Mapping):
        for name in start:
            if name not in names:
                what = f"unknown skill {shown(name)}"
                raise ArgumentError(what, where="start", nearest=nearest_name(name, names))
        start = [start.get(name, low) for name in names]
    try:
        level = np.broadcast_to(np.asarray(start, dtype=float), (n,)).copy()
    except (TypeError, ValueError):
        raise ArgumentError(
            f"is {shown(start)}", where="start", expected=f"a level, or {n} by skill"
        ) from None
    if not ((level >= 0.0) & (level < 1.0) & ((loss == "mse") | (level > 0.0))).all():
        inside = "0 ≤ level < 1" if loss == "mse" else "0 < level < 1"
        raise ArgumentError(f"is {shown(start)}", where="start", expected=inside)
    return level


def course_of(
    names: tuple[str, ...],
    start: Floats,
    loss: Loss,
    *,
    graph: nx.DiGraph | None,
    correlation: ArrayLike | None,
    mastery: float,
    exponent: float | None,
    leak: float,
) -> HardCourse | SoftCourse | CorrelatedCourse:
    """Return where skills are in the resource clock: gated, correlated, or alone."""
    from domino_sim.engines.circuit import all_required
    from domino_sim.engines.system import graph_circuit

    if correlation is not None:
        if graph is not None:
            raise ArgumentError(
                "is given together with a graph",
                where="correlation",
                expected="one of them: correlated tasks have no gates",
            )
        if loss != "mse":
            what = "correlated tasks have a closed form for squared errors only"
            raise ArgumentError(what, where="correlation", expected='loss="mse"')
        return CorrelatedCourse(_gram(correlation, len(names)), 1.0 - start)
    none = np.zeros(len(names), dtype=np.int64)
    circuit = all_required(none, np.zeros(0, dtype=np.int64))
    if graph is not None:
        _check_graph(graph, names)
        circuit = graph_circuit(graph, {name: i for i, name in enumerate(names)})
    work, target = work_from_level(start, loss), float(work_from_level(mastery, loss))
    if exponent is None or circuit.free:
        return HardCourse(circuit, work, target, leak, loss)
    return SoftCourse(circuit, work, target, leak, loss, exponent)


def _check_graph(graph: nx.DiGraph, names: tuple[str, ...]) -> None:
    import networkx as nx

    from domino_sim.graph.core import check_graph

    check_graph(graph)
    for name in names:
        if name not in graph:
            what = f"the skill {shown(name)} of the curves is not in the graph"
            raise ArgumentError(what, where="graph", nearest=nearest_name(name, map(str, graph)))
        for needed in nx.ancestors(graph, name) - set(names):
            raise ArgumentError(
                f"{shown(name)} depends on {shown(needed)}, which the curves do not have",
                where="graph",
                expected="curves of all prerequisites",
            )


def _gram(correlation: ArrayLike, n: int) -> Floats:
    try:
        gram = np.array(correlation, dtype=float)
    except (TypeError, ValueError):
        gram = np.zeros(0)
    expected = f"a symmetric matrix ({n}, {n}) without negative eigenvalues"
    if gram.shape != (n, n) or not np.isfinite(gram).all():
        what = f"has the shape {gram.shape}" if gram.size else f"is {shown(correlation)}"
        raise ArgumentError(what, where="correlation", expected=expected)
    scale = np.abs(gram).max()
    if np.abs(gram - gram.T).max() > _ROUNDED * scale:
        raise ArgumentError("is not symmetric", where="correlation", expected=expected)
    values, vectors = np.linalg.eigh(0.5 * (gram + gram.T))
    lowest = float(values[0])
    if lowest < -_ROUNDED * n * scale:
        what = f"has the eigenvalue {lowest:.3g}"
        raise ArgumentError(what, where="correlation", expected=expected)
    # What rounding makes of a zero would be learned too, though very late.
    values[values < 10.0 * max(-lowest, n * float(np.finfo(float).eps) * scale)] = 0.0
    return (vectors * values) @ vectors.T


def check_number(value: object, where: str, low: float, high: float, expected: str) -> float:
    """Return a number strictly between `low` and `high`."""
    wrong = isinstance(value, bool) or not isinstance(value, Real)
    number = math.nan if wrong else float(value)  # type: ignore[arg-type]
    if not low < number < high:
        raise ArgumentError(f"is {shown(value)}", where=where, expected=expected)
    return number
