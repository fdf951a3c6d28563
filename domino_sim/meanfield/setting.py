"""What a predicted gradient run is given, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.levels import Floats, Loss
from domino_sim.pool import MEAN_ABS_NORMAL
from domino_sim.wording import shown

Optimizer = Literal["sgd", "signgd", "signum", "adam"]
OPTIMIZERS = ("sgd", "signgd", "signum", "adam")
LOSSES = ("mse", "ce")

#: Keeps D² above zero where all demands have vanished; the inverse of its square is still finite.
TINY = 1e-150


@dataclass(frozen=True)
class GradientSetting:
    """A gradient run to predict. Only skills that are trained: every frequency is above 0.

    Attributes
    ----------
    frequencies
        (n_skills,), not renormalised.
    n_dim, lr, steps, optimizer, betas, noise, batch_size, loss, g0
        As for `predict_gradient`.
    """

    frequencies: Floats
    n_dim: int
    lr: float
    steps: int
    optimizer: Optimizer = "signgd"
    betas: tuple[float, float] = (0.9, 0.999)
    noise: float = 0.0
    batch_size: int | None = None
    loss: Loss = "mse"
    g0: float = 1.0

    @cached_property
    def rate(self) -> float:
        """η, per step: g₀·lr for SGD, else √(2/π)·lr·√n_dim."""
        if self.optimizer == "sgd":
            return self.g0 * self.lr
        return MEAN_ABS_NORMAL * self.lr * math.sqrt(self.n_dim)

    @cached_property
    def wasted(self) -> float:
        """N₀ = σ √n_dim / g₀, what gradient noise adds to the demands."""
        return self.noise * math.sqrt(self.n_dim) / self.g0


def read_setting(
    frequencies: ArrayLike | Mapping[str, float], **options: Any
) -> tuple[GradientSetting, list[str], Floats]:
    """Check the arguments of `predict_gradient`.

    Returns
    -------
    tuple
        The setting of the skills that are trained; the names of all skills (s1, s2, … for an
        array); the frequencies of all skills.

    Raises
    ------
    ArgumentError
        If an argument is not valid.
    """
    names, p = _read_frequencies(frequencies)
    trained = p[p > 0.0]
    n_dim = _integer("n_dim", options["n_dim"], 1)
    if len(trained) > n_dim:
        raise ArgumentError(
            f"is {n_dim} for {len(trained)} trained skills",
            where="n_dim",
            expected="at least one dimension for each: task vectors are taken to be orthogonal",
            nearest=str(len(trained)),
        )
    batch = options["batch_size"]
    setting = GradientSetting(
        frequencies=trained,
        n_dim=n_dim,
        lr=_number("lr", options["lr"], positive=True),
        steps=_integer("steps", options["steps"], 0),
        optimizer=_choice("optimizer", options["optimizer"], OPTIMIZERS),
        betas=_betas(options["betas"]),
        noise=_number("noise", options["noise"]),
        batch_size=None if batch is None else _integer("batch_size", batch, 1),
        loss=_choice("loss", options["loss"], LOSSES),
        g0=_number("g0", options["g0"], positive=True),
    )
    return setting, names, p


def _read_frequencies(given: Any) -> tuple[list[str], Floats]:
    values = list(given.values()) if isinstance(given, Mapping) else given
    try:
        p = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"is {shown(given)}", where="frequencies", expected="numbers, one for each skill"
        ) from error
    if p.ndim != 1 or not len(p):
        raise ArgumentError(
            f"has the shape {p.shape}", where="frequencies", expected="one number for each skill"
        )
    names = list(map(str, given)) if isinstance(given, Mapping) else _numbered(len(p))
    for name, value in zip(names, p.tolist(), strict=True):
        if not (math.isfinite(value) and value >= 0.0):
            raise ArgumentError(
                f"of {name!r} is {value:g}", where="frequencies", expected="a finite number ≥ 0"
            )
    return names, p + 0.0


def _numbered(n: int) -> list[str]:
    return [f"s{i}" for i in range(1, n + 1)]


def _integer(name: str, value: object, least: int) -> int:
    whole = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not whole or float(value) < least or not _is_whole(value):  # type: ignore[arg-type]
        nearest = None
        if whole and not isinstance(value, Integral):
            nearest = str(max(least, round(float(value))))  # type: ignore[arg-type]
        elif whole:
            nearest = str(least)
        raise ArgumentError(
            f"is {shown(value)}",
            where=name,
            expected=f"an integer ≥ {least}" + (", or None" if name == "batch_size" else ""),
            nearest=nearest,
        )
    return int(value)  # type: ignore[call-overload]


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) or float(value).is_integer()


def _number(name: str, value: object, *, positive: bool = False) -> float:
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        number = float(value)
    if not math.isfinite(number) or number < 0.0 or (positive and number == 0.0):
        raise ArgumentError(
            f"is {shown(value)}",
            where=name,
            expected="a finite number > 0" if positive else "a finite number ≥ 0",
        )
    return number


def _choice(name: str, value: object, choices: Sequence[str]) -> Any:
    if value not in choices:
        raise ArgumentError(
            f"unknown {name} {shown(value)}",
            where=name,
            expected=f"one of {', '.join(choices)}",
            nearest=nearest_name(value, choices) if isinstance(value, str) else None,
        )
    return value


def _betas(value: Any) -> tuple[float, float]:
    try:
        first, second = (float(beta) for beta in value)
    except (TypeError, ValueError):
        first = second = math.nan
    if not (0.0 <= first < 1.0 and 0.0 <= second < 1.0):
        raise ArgumentError(
            f"are {shown(value)}", where="betas", expected="two numbers ≥ 0 and < 1"
        )
    return first, second
