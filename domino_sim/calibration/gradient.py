"""`calibrate_gradient`: gradient runs trained and calibrated in one go, beside what is predicted.

N₀ and η of real gradient runs, against noise, learning rate or batch size as in Fig. 7 (bottom) of
the paper, and the numbers the mean field gives without any fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from domino_sim.calibration.procedure import calibrate
from domino_sim.calibration.profiles import Estimate
from domino_sim.calibration.result import Calibration
from domino_sim.curves import make_curves
from domino_sim.errors import ArgumentError, RunError
from domino_sim.gradient.expected import expected_levels
from domino_sim.gradient.run import Run, load_run
from domino_sim.gradient.tables import Geometry
from domino_sim.meanfield.setting import MEAN_ABS_NORMAL
from domino_sim.netcdf import texts
from domino_sim.progress import Meter
from domino_sim.wording import shown

__all__ = ["GradientCalibration", "calibrate_gradient", "published_rate"]

#: The laws that waste something: those of the table.
WASTING = ("sum", "norm")

_ATTRS = {
    "wasted": {"long_name": "N₀ fitted", "units": "1"},
    "low": {"long_name": "lower end of the interval of N₀", "units": "1"},
    "high": {"long_name": "upper end of the interval of N₀", "units": "1"},
    "rate": {"long_name": "η fitted, or held", "units": "steps⁻¹"},
    "rate_low": {"long_name": "lower end of the interval of η", "units": "steps⁻¹"},
    "rate_high": {"long_name": "upper end of the interval of η", "units": "steps⁻¹"},
    "rms": {"long_name": "root mean squared residual", "units": "1"},
    "predicted_wasted": {"long_name": "N₀ fitted to the predicted levels", "units": "1"},
    "predicted_rate": {"long_name": "η fitted to the predicted levels", "units": "steps⁻¹"},
    "formula_wasted": {"long_name": "σ √n_dim/g₀", "units": "1"},
    "formula_rate": {"long_name": "√(2/π)·lr·√n_dim, or g₀·lr under SGD", "units": "steps⁻¹"},
}


@dataclass(frozen=True)
class GradientCalibration:
    """Calibrations of gradient runs; made by `calibrate_gradient`.

    Attributes
    ----------
    calibrations
        One for each setting, with η and N₀ fitted under every law that was asked for.
    table
        ``wasted``, ``low``, ``high`` (N₀ with its interval), ``rate``, ``rate_low``, ``rate_high``
        (η), ``rms`` (setting, law); beside them ``predicted_wasted``, ``predicted_rate``, what the
        same calibration makes of the levels predicted without fitting, and ``formula_wasted``,
        ``formula_rate`` (setting), N₀ from noise alone and η. NaN is what cannot be predicted.
        Labels of the settings: ``key``, and ``value`` (NaN for one that is no number).
    curves
        What was trained, a set of curves each setting.
    held
        Whether η was held at the paper's 2·lr·√n_dim under ``sum``.
    notes
        Runs that diverged and were left out.
    """

    calibrations: tuple[Calibration, ...]
    table: xr.Dataset
    curves: tuple[xr.Dataset, ...] = field(repr=False)
    held: bool
    notes: tuple[str, ...]


def calibrate_gradient(
    run: Run | str | Path | Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]] | None = None,
    law: Literal["auto", "sum", "norm", "constant", "domino", "logistic"] = "auto",
    *,
    published: bool = True,
    confidence: float = 0.95,
    checkpoint: str | Path | None = None,
    meter: Meter | None = None,
) -> GradientCalibration:
    """Train the runs of a run file, for each of some settings, and calibrate their curves.

    The runs of a setting (seeds, mixtures) have one pool: η and N₀ are fitted to all of them
    together.

    Parameters
    ----------
    run
        A `Run` (`load_run`), the bundled name or path of a run file, or its tables.
    vary
        Values by key path, such as ``{"noise": [1e-3, 1e-2]}``, ``{"optimizer.lr": [1e-4, 1e-3]}``
        or ``{"batch_size": [16, 64, 256]}``; several keys are varied one after another. By
        default there is the one setting of the file.
    law
        As for `calibrate`; the table has ``sum`` and ``norm``, or the one of them that is named.
    published
        Whether η is held at 2·lr·√n_dim under ``sum`` in the table, as in the paper. Only where
        the model is the geometry model and the optimiser is not SGD.
    confidence
        Of all intervals, in (0, 1).
    checkpoint
        A folder in which interrupted work is kept, as for `train`; each setting has a folder in
        it. What is in it is left for the caller to remove.
    meter
        Shows how far the training is; by default nothing is shown.

    Raises
    ------
    ScenarioError, FileError, GraphError, GateError
        If the run file, or one with a value of `vary`, is not valid: before anything is trained.
    EngineError
        If Torch is not installed.
    RunError
        If all runs of a setting diverged.
    ArgumentError
        If the curves cannot be calibrated.

    Examples
    --------
    >>> found = calibrate_gradient(
    ...     {"steps": 120, "model": {"kind": "geometry", "n_dim": 400},
    ...      "optimizer": {"name": "signgd", "lr": 2e-3},
    ...      "skills": {"A": {"frequency": 0.6}, "B": {"frequency": 0.4}}},
    ...     vary={"noise": [0.01, 0.03]}, law="norm")
    >>> found.table.wasted.sel(law="norm").values.round(1)  # σ √n_dim = 0.2, 0.6
    array([0.2, 0.6])
    """
    from domino_sim.gradient.checkpoint import fingerprint
    from domino_sim.gradient.training import train

    settings = _settings(run, vary or {})
    laws = [law] if law in WASTING else (list(WASTING) if law == "auto" else [])
    calibrations, curves, rows, notes = [], [], [], []
    for label, _, _, one in settings:
        folder = None
        if checkpoint is not None:
            # By what is trained: a sweep that is changed goes on with what it shares.
            folder = Path(checkpoint) / fingerprint(one.definition())[:16]
        trained = train(one, checkpoint=folder, meter=meter)
        usable, told = _usable(trained, label)
        notes += told
        options = _options(one, confidence)
        calibrations.append(calibrate(usable, law=law, **options))
        curves.append(trained)
        rows.append(_row(one, usable, calibrations[-1], laws, published, options))
    return GradientCalibration(
        tuple(calibrations),
        _table(settings, laws, rows),
        tuple(curves),
        published and all(published_rate(one) is not None for *_, one in settings),
        tuple(notes),
    )


def published_rate(run: Run) -> float | None:
    """Return η = 2·lr·√n_dim, the paper's; None where it does not say."""
    if not isinstance(run.model, Geometry) or run.optimizer.name == "sgd":
        return None
    return 2.0 * run.optimizer.lr * math.sqrt(run.model.n_dim)


def _settings(
    given: Run | str | Path | Mapping[str, Any], vary: Mapping[str, Sequence[Any]]
) -> list[tuple[str, str, float, Run]]:
    """Each setting's label, key, value and run."""
    if isinstance(given, Run):
        run = given
    else:
        run = load_run(given) if isinstance(given, str | Path) else Run.from_dict(given)
    if not vary:
        return [(run.title or "the run", "", math.nan, run)]
    found = []
    for key, values in vary.items():
        if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
            raise ArgumentError(f"is {shown(values)}", where=f"vary: {key}", expected="a list")
        if not len(values):
            raise ArgumentError("is empty", where=f"vary: {key}", expected="at least one value")
        for value in values:
            one = Run.from_dict(
                run.to_dict(), where=run.where, folder=run.folder, overrides={key: value}
            )
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            told = f"{value:g}" if number else str(value)
            found.append((f"{key} = {told}", key, float(value) if number else math.nan, one))
    labels = [label for label, *_ in found]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ArgumentError(f"{twice} is there twice", where="vary", expected="different values")
    return found


def _usable(curves: xr.Dataset, label: str) -> tuple[xr.Dataset, list[str]]:
    """The runs that were trained to the end, and a word on the others."""
    diverged = np.isfinite(curves["diverged_at"].values)
    if not diverged.any():
        return curves, []
    if diverged.all():
        told = f"all {len(diverged)} runs diverged; a smaller optimizer.lr may help"
        raise RunError(f"{label}: {told}")
    told = f"{label}: {int(diverged.sum())} of {len(diverged)} runs diverged and were left out"
    return curves.isel(run=np.flatnonzero(~diverged)), [told]


def _options(run: Run, confidence: float) -> dict[str, Any]:
    """How the curves of a run are calibrated, apart from the law."""
    composed = any(run.skill_graph().pred.values())
    # Levels of the geometry model begin at ½ under cross entropy; others are relative losses.
    loss = run.loss if isinstance(run.model, Geometry) else "mse"
    graph = run.skill_graph() if composed else None
    return {"loss": loss, "share": {"pool"}, "graph": graph, "confidence": confidence}


def _row(
    run: Run,
    curves: xr.Dataset,
    calibration: Calibration,
    laws: Sequence[str],
    published: bool,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """The table's numbers of one setting, in the order of `_ATTRS`."""
    predicted = _predicted_curves(run)
    columns = []
    for law in laws:
        rate = published_rate(run) if published and law == "sum" else None
        again: dict[str, Any] = {**options, "law": law, "rate": rate, "held_out": False}
        found = calibration
        if rate is not None or calibration.law != law:
            found = calibrate(curves, **again)
        n0, eta = found.estimate("wasted"), _rate_of(found, rate)
        rms = math.sqrt(found.fit.error / found.fit.count)
        expected = (math.nan, math.nan)
        if predicted is not None:
            told = calibrate(predicted, **again)
            expected = (told.estimate("wasted").value, _rate_of(told, rate).value)
        columns.append([n0.value, n0.low, n0.high, eta.value, eta.low, eta.high, rms, *expected])
    formula = (math.nan, math.nan) if predicted is None else _formula(run)
    return dict(zip(_ATTRS, [*np.array(columns).reshape(-1, 9).T, *formula], strict=True))


def _rate_of(found: Calibration, held: float | None) -> Estimate:
    if held is None:
        return found.estimate("rate")
    return Estimate("rate", "", held, 0.0, held, held, "given")


def _predicted_curves(run: Run) -> xr.Dataset | None:
    """The levels predicted without fitting, one run a mixture; None where there are none."""
    levels = expected_levels(run)
    if levels is None:
        return None
    members = {member.mixture: k for k, member in reversed(list(enumerate(run.members())))}
    chosen = sorted(members.values())
    return make_curves(
        runs=[f"predicted {k + 1}" for k in range(len(chosen))],
        steps=run.record_steps(),
        skills=run.names,
        level=levels[chosen],
        frequency=np.array([run.members()[k].frequencies for k in chosen]),
    )


def _formula(run: Run) -> tuple[float, float]:
    """N₀ from noise alone, and η (``docs/theory.md``, "Mean field of gradient runs")."""
    assert isinstance(run.model, Geometry)
    root = math.sqrt(run.model.n_dim)
    scale = run.model.g0 if run.optimizer.name == "sgd" else MEAN_ABS_NORMAL * root
    return run.noise * root / run.model.g0, scale * run.optimizer.lr


def _table(
    settings: Sequence[tuple[str, str, float, Run]],
    laws: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> xr.Dataset:
    variables = {}
    for name, attrs in _ATTRS.items():
        dims = ("setting",) if name.startswith("formula") else ("setting", "law")
        values = np.array([row[name] for row in rows], dtype=float)
        variables[name] = (dims, values.reshape([len(rows), len(laws)][: len(dims)]), attrs)
    labels, keys, numbers, _ = zip(*settings, strict=True)
    return xr.Dataset(
        variables,
        coords={
            "setting": texts(list(labels)),
            "law": texts(list(laws)),
            "key": ("setting", texts(list(keys))),
            "value": ("setting", np.array(numbers, dtype=float)),
        },
    )
