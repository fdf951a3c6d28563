"""`predict_gradient`: the levels of a gradient run, from its settings alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from xarray.indexes import PandasIndex

from domino_sim import __version__
from domino_sim.errors import ArgumentError
from domino_sim.levels import Floats, Ints
from domino_sim.meanfield.adam import group_count, step_adam
from domino_sim.meanfield.batches import replica_count
from domino_sim.meanfield.record import Record
from domino_sim.meanfield.setting import GradientSetting, Optimizer, read_setting
from domino_sim.meanfield.sgd import diverges, step_sgd
from domino_sim.meanfield.sign import step_signs
from domino_sim.meanfield.spread import run_spread
from domino_sim.memory import check_record

__all__ = ["Prediction", "predict_gradient", "predict_levels"]

#: Bytes that a step of a skill takes: level, and single-precision error, variance and alignment.
BYTES_PER_POINT = 32

_STEPPERS = {"sgd": step_sgd, "signgd": step_signs, "signum": step_signs, "adam": step_adam}


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted run as plain arrays, each (steps + 1, n_skills).

    Attributes
    ----------
    level
        Mean level over runs.
    error, error_random
        Standard deviation of one run's level, with orthonormal and with random task vectors.
    aligned
        Part of the n_dim dimensions in which minus the gradient points along the skill.
    tolerance
        Largest standard error of `level` from averaging over finitely many replicas.
    """

    level: Floats
    error: NDArray[np.float32]
    error_random: NDArray[np.float32]
    aligned: NDArray[np.float32]
    tolerance: float

    def reordered(self, order: Ints) -> Prediction:
        """Return the same with the skills in another order."""
        return Prediction(
            self.level[:, order],
            self.error[:, order],
            self.error_random[:, order],
            self.aligned[:, order],
            self.tolerance,
        )


def predict_gradient(
    *,
    frequencies: ArrayLike | Mapping[str, float],
    n_dim: int,
    lr: float,
    steps: int,
    optimizer: Optimizer = "signgd",
    betas: tuple[float, float] = (0.9, 0.999),
    noise: float = 0.0,
    batch_size: int | None = None,
    loss: str = "mse",
    g0: float = 1.0,
) -> xr.Dataset:
    """Predict a gradient run on near-orthogonal skills; nothing is fitted.

    The run: parameters θ in n_dim dimensions from 0, one task vector t_i of length 1 a skill,
    level s_i = t_i·θ (mse) or σ(t_i·θ) (ce), u_i = 1 − s_i, and the gradient −g₀ Σ w_i u_i t_i + σ
    ξ with the weights w of a batch and fresh standard normal ξ.

    Parameters
    ----------
    frequencies
        How often each skill is trained, ≥ 0: an array, or a mapping by name. Not renormalised.
    n_dim
        Number of parameters, at least as many as trained skills.
    lr
        Learning rate > 0.
    steps
        Number of updates.
    optimizer
        ``"sgd"``, ``"signgd"``, ``"signum"`` (sign of a moving average of gradients, betas[0])
        or ``"adam"``.
    betas
        Decay of the moving averages of Signum (the first) and Adam, in [0, 1).
    noise
        σ ≥ 0: standard deviation of the noise in each coordinate of the gradient.
    batch_size
        Samples in a batch; None for exact gradients, w = p.
    loss
        ``"mse"`` or ``"ce"``.
    g0
        Scale of the gradient > 0: 1 for the losses ½(1 − s)² and cross entropy, 2 for (1 − s)².

    Returns
    -------
    xarray.Dataset
        With the dimensions ``step`` (k is after k updates, 0 … steps) and ``skill``:

        * ``level``: the mean over runs.
        * ``error``: the standard deviation of one run about it, with orthonormal task vectors;
          ``error_random``: with random ones of length 1, which overlap.
        * ``n_align``: in how many of the n_dim dimensions minus the gradient at that step points
          along the skill.
        * ``frequency``, by skill.

        Attributes: ``rate`` (η per step) and ``wasted`` (N₀ of the gradient noise), as the pool
        law takes them: ``norm`` for all but SGD, where it is ``constant``; ``floor``, η p/2 of the
        most frequent skill, which the step size of SignGD under squared error wastes once that
        skill is mastered (0 otherwise); ``tolerance``, the largest standard error of ``level``
        itself; and the arguments.

    Raises
    ------
    ArgumentError
        If an argument is not valid, or the run would diverge (SGD).

    Notes
    -----
    ``docs/theory.md``, "Mean field of gradient runs". The same arguments give the same numbers.

    When *all* skills of a single run are learned is later than when their mean levels are, since
    each strays: :func:`domino_sim.meanfield.step_of_passage` tells it from ``level`` and ``error``.

    Examples
    --------
    >>> ds = predict_gradient(frequencies={"A": 0.7, "B": 0.3}, n_dim=1000, lr=3e-4, steps=300)
    >>> ds.level.sel(step=150).round(2).values
    array([0.91, 0.65])
    >>> round(ds.attrs["rate"], 6)
    0.007569
    """
    setting, names, p = read_setting(
        frequencies, n_dim=n_dim, lr=lr, steps=steps, optimizer=optimizer, betas=betas,
        noise=noise, batch_size=batch_size, loss=loss, g0=g0,
    )  # fmt: skip
    check_record(
        setting.steps + 1, len(p), of=f"{len(p):,} skills", each=BYTES_PER_POINT, part=0.3,
        where="steps", kind=ArgumentError,
    )  # fmt: skip
    found = predict_levels(setting)
    start = 0.0 if setting.loss == "mse" else 0.5
    data = {
        "level": _with_untrained(found.level, start, p),
        "error": _with_untrained(found.error, 0.0, p),
        "error_random": _with_untrained(found.error_random, 0.0, p),
        "n_align": _with_untrained(setting.n_dim * found.aligned, 0.5 * setting.n_dim, p),
    }
    return _labelled(data, names, p).assign_attrs(
        rate=setting.rate, wasted=setting.wasted, floor=_floor(setting),
        tolerance=found.tolerance,
        law="constant" if setting.optimizer == "sgd" else "norm",
        n_dim=setting.n_dim, lr=setting.lr, optimizer=setting.optimizer,
        betas=list(setting.betas), noise=setting.noise,
        batch_size="exact" if setting.batch_size is None else setting.batch_size,
        loss=setting.loss, g0=setting.g0, version=__version__,
    )  # fmt: skip


def _floor(setting: GradientSetting) -> float:
    if setting.optimizer != "signgd" or setting.loss != "mse":
        return 0.0
    return 0.5 * setting.rate * float(setting.frequencies.max(initial=0.0))


def _labelled(data: Mapping[str, NDArray[Any]], names: list[str], p: Floats) -> xr.Dataset:
    # Ready-made indexes: letting xarray infer them takes longer than a short prediction.
    steps = np.arange(len(data["level"]))
    skills = np.array(names, dtype=object)
    coords, indexes = {}, {}
    for name, values in (("step", steps), ("skill", skills)):
        index = indexes[name] = PandasIndex(values, name)
        coords.update(index.create_variables())
        coords[name].attrs = dict(_ATTRS[name])
    variables = {
        name: xr.Variable(("step", "skill"), values, dict(_ATTRS[name]), fastpath=True)
        for name, values in data.items()
    }
    variables["frequency"] = xr.Variable(("skill",), p, dict(_ATTRS["frequency"]), fastpath=True)
    return xr.Dataset(variables, coords=xr.Coordinates(coords, indexes=indexes))


_ATTRS = {
    "step": {"long_name": "training step", "units": "steps"},
    "skill": {"long_name": "skill"},
    "frequency": {"long_name": "frequency", "units": "1"},
    "level": {"long_name": "level, mean over runs", "units": "1"},
    "error": {"long_name": "standard deviation of one run, orthonormal tasks", "units": "1"},
    "error_random": {"long_name": "standard deviation of one run, random tasks", "units": "1"},
    "n_align": {"long_name": "dimensions aligned with the skill", "units": "1"},
}


def predict_levels(setting: GradientSetting) -> Prediction:
    """Predict a run of trained skills, as plain arrays: what `predict_gradient` labels.

    Raises
    ------
    ArgumentError
        If the run would diverge.
    """
    largest = diverges(setting)
    if largest is not None:
        raise ArgumentError(
            f"is {setting.lr:g}, with which SGD diverges",
            where="lr",
            expected=f"at most 2 / (g0 · the largest frequency) = {largest:g}",
            nearest=f"{largest:g}",
        )
    n_skills = len(setting.frequencies)
    shape = (setting.steps + 1, n_skills)
    if not n_skills:
        none = np.empty(shape, dtype=np.float32)
        return Prediction(np.empty(shape), none, none, none, 0.0)
    replicas = group_count(setting) if setting.optimizer == "adam" else replica_count(setting)
    # In one order, whatever the order given: batches are dealt to skills by their place.
    order = np.argsort(-setting.frequencies, kind="stable")
    setting = replace(setting, frequencies=setting.frequencies[order])
    record = Record(setting, replicas)
    with np.errstate(over="ignore", under="ignore"):
        _STEPPERS[setting.optimizer](setting, record)
        spreads = [_interpolated(record, found) for found in run_spread(record)]
    _share_among_equals(record)
    tolerance = float(np.sqrt(record.variance.max() / replicas))
    error, error_random = (np.sqrt(spread + record.variance) for spread in spreads)
    found = Prediction(record.level, error, error_random, record.aligned, tolerance)
    return found if (np.diff(order) > 0).all() else found.reordered(np.argsort(order))


def _interpolated(record: Record, variance: Floats) -> NDArray[np.float32]:
    """Return a variance at `instants` for every step."""
    steps = np.arange(len(record.level))
    place = np.interp(steps, record.instants, np.arange(len(record.instants)))
    before = place.astype(np.intp)
    after = np.minimum(before + 1, len(variance) - 1)
    part = (place - before).astype(np.float32)[:, np.newaxis]
    at = variance.astype(np.float32)
    return at[before] + part * (at[after] - at[before])


def _share_among_equals(record: Record) -> None:
    """Average over skills of one frequency: they differ only by which batches they were dealt."""
    values, group = np.unique(record.setting.frequencies, return_inverse=True)
    if len(values) == len(group):
        return
    members = np.bincount(group)
    for found in (record.level, record.variance, record.aligned):
        sums = np.zeros((len(found), len(values)))
        np.add.at(sums.T, group, found.T)
        found[:] = (sums / members)[:, group]


def _with_untrained(values: NDArray[Any], rest: float, p: Floats) -> NDArray[Any]:
    """Return `values` with a column of `rest` for each skill that is never trained."""
    if (p > 0.0).all():
        return values
    out = np.full((len(values), len(p)), rest, dtype=values.dtype)
    out[:, p > 0.0] = values
    return out
