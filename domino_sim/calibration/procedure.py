"""`calibrate`: from learning curves to a pool law with its parameters."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Literal

import networkx as nx
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from domino_sim.calibration.checks import check_number, check_options, graph_of
from domino_sim.calibration.estimates import estimates_of
from domino_sim.calibration.fits import LAWS, fit_law
from domino_sim.calibration.laws import compare_laws
from domino_sim.calibration.misfit import misfit
from domino_sim.calibration.observations import observe
from domino_sim.calibration.pool_model import Free
from domino_sim.calibration.remarks import remarks
from domino_sim.calibration.result import Calibration
from domino_sim.calibration.seriality import seriality
from domino_sim.calibration.skill_path import Path
from domino_sim.engines.system import graph_circuit
from domino_sim.errors import ArgumentError
from domino_sim.levels import Loss
from domino_sim.threads import one_thread
from domino_sim.wording import shown

__all__ = ["calibrate"]


@one_thread
def calibrate(
    curves: xr.Dataset,
    frequencies: ArrayLike | Mapping[str, float] | None = None,
    graph: nx.DiGraph | str | FilePath | None = None,
    law: Literal["auto", "sum", "norm", "constant", "domino", "logistic"] = "auto",
    *,
    loss: Loss = "mse",
    fit: Collection[str] = (),
    share: Collection[str] = (),
    rate: float | None = None,
    wasted: float | None = None,
    mastery: float = 0.99,
    leak: float = 0.0,
    exponent: float | None = None,
    beta: float = 1.0,
    confidence: float = 0.95,
    held_out: bool = True,
) -> Calibration:
    """Fit η, N₀ and the pool law to learning curves.

    Every law is fitted by least squares in the levels, with exact derivatives from the clock
    engine (``docs/calibration.md``).

    Parameters
    ----------
    curves
        Learning curves with levels (`read_curves`, `train`, `Recorder`); ``level_se``, if all
        values have it, weighs them.
    frequencies
        The mixture of all runs: (n,) or by name. By default that of the curves; where they do not
        know it either, it is fitted, Σ p = 1.
    graph
        What depends on what: a graph, or the name or path of one for `load_graph`. By default no
        skill needs another.
    law
        A law, or "auto": all laws are fitted and compared. ``logistic`` is ``constant`` with
        logistic growth, s = σ(b + p η t).
    loss
        ``mse`` (levels begin at 0) or ``ce`` (at ½).
    fit
        What is fitted besides η and N₀, out of ``frequencies``, ``beta`` (the exponent β of
        p = frequency^β), ``mastery`` (at which hard gates open), ``leak``, ``exponent`` (of soft
        gates). All but frequencies are the same in all runs.
    share
        What all runs have in common, out of ``pool`` (η and N₀) and ``frequencies``; each run has
        its own otherwise.
    rate, wasted
        η > 0 and N₀ ≥ 0, to hold them.
    mastery, leak, exponent, beta
        Gates and β, as in a scenario; where they are fitted, the search begins there. With an
        `exponent` gates are soft.
    confidence
        Of all intervals, in (0, 1).
    held_out
        Whether laws are also compared by the last third of what each run learns, predicted from
        what came before, and by whole runs, if they share their pool. It takes as long again.

    Returns
    -------
    Calibration
        With every parameter's estimate, the comparison of laws, notes.

    Raises
    ------
    ArgumentError
        If curves, frequencies, graph or options do not go together; the message says which.

    Examples
    --------
    >>> import domino_sim
    >>> from domino_sim.curves import make_curves
    >>> skills = {"A": {"frequency": 0.7}, "B": {"frequency": 0.3}}
    >>> scenario = domino_sim.Scenario.from_dict(
    ...     {"steps": 400, "pool": {"rate": 0.01, "wasted": 0.02}, "skills": skills})
    >>> ds = domino_sim.simulate(scenario)
    >>> curves = make_curves(runs=["seed 0"], steps=ds.step, skills=["A", "B"],
    ...                      level=ds.level.values[None], frequency=[0.7, 0.3])
    >>> found = calibrate(curves, law="sum")
    >>> round(found.estimate("rate").value, 6), round(found.estimate("wasted").value, 6)
    (0.01, 0.02)
    """
    check_options(law, loss, fit, share, exponent)
    check_number("confidence", confidence, 0.0, 1.0)
    observations = observe(curves, frequencies)
    names = observations.skills
    skills = graph_of(graph, names)
    known = np.stack([run.frequency for run in observations.runs])
    fitted = "frequencies" in fit or bool(np.isnan(known).all())
    if not fitted and np.isnan(known).any():
        r, i = np.argwhere(np.isnan(known))[0]
        raise ArgumentError(
            f"the frequency of {shown(names[i])} in the run {shown(observations.runs[r].name)} is "
            "not known",
            where="curves",
            expected="all frequencies of all runs, or fit={'frequencies'}",
        )
    for r, mixture in enumerate(known):
        if not fitted and not mixture.any():
            raise ArgumentError(
                f"all frequencies of the run {shown(observations.runs[r].name)} are 0",
                where="curves",
                expected="at least one skill that is trained",
            )
    gate = tuple(name for name in ("beta", "mastery", "leak", "exponent") if name in fit)
    free = Free(
        frequencies=fitted,
        common="frequencies" in share,
        gate=gate,
        shared="pool" in share,
        given=_given(rate, wasted, beta),
    )
    if fitted and not free.common and len(observations.runs) > 1 and (free.shared or gate):
        raise ArgumentError(
            "runs with frequencies of their own cannot share anything else",
            where="share",
            expected="'frequencies' among what is shared, or known frequencies",
        )
    path = Path(
        graph_circuit(skills, {name: i for i, name in enumerate(names)}),
        np.ones(len(names)) if fitted else known[0],
        loss,
        check_number("mastery", mastery, 0.0, 1.0),
        check_number("leak", leak, 0.0, 1.0, closed=True),
        None if exponent is None else check_number("exponent", exponent, 0.0, math.inf),
    )
    laws = [law] if law != "auto" else [name for name in LAWS if _possible(name, path)]
    if law == "logistic" and path.soft:
        raise ArgumentError(
            "logistic growth goes with hard gates only", where="exponent", expected="None"
        )
    fits = {name: fit_law(observations, path, name, free) for name in laws}
    usable = [found for found in fits.values() if math.isfinite(found.error)]
    comparison = compare_laws(observations, path, usable, free, held_out=held_out)
    chosen = comparison.rows[0].law
    if misfit(observations, fits[chosen]):
        comparison = replace(comparison, verdict=f"{comparison.verdict}; but it does not fit")
    estimates = tuple(estimates_of(fits[chosen], confidence=confidence))
    settings = {
        "law": law,
        "loss": loss,
        "fit": sorted(fit),
        "share": sorted(share),
        "rate": rate,
        "wasted": wasted,
        "mastery": mastery,
        "leak": leak,
        "exponent": exponent,
        "beta": beta,
        "confidence": confidence,
        "held_out": held_out,
        "graph": {name: skills.nodes[name].get("requires") for name in names},
    }
    return Calibration(
        law=chosen,
        estimates=estimates,
        comparison=comparison,
        fits=fits,
        seriality=tuple(
            seriality(run, begin=path.begin, mastery=path.mastery) for run in observations.runs
        ),
        notes=tuple(remarks(observations, path, free, fits, comparison, estimates)),
        settings=settings,
        observations=observations,
        path=path,
        free=free,
    )


def _given(rate: float | None, wasted: float | None, beta: float) -> dict[str, float]:
    """Values that are held."""
    given = {"beta": check_number("beta", beta, -4.0, 4.0, closed=True)} if beta != 1.0 else {}
    if rate is not None:
        given["rate"] = check_number("rate", rate, 0.0, math.inf)
    if wasted is not None:
        given["wasted"] = check_number("wasted", wasted, 0.0, math.inf, closed=True)
    return given


def _possible(law: str, path: Path) -> bool:
    return law != "logistic" or not path.soft
