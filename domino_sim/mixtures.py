"""Mixtures: how often each skill is trained, from a law or a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from domino_sim.errors import InputError, ScenarioError, nearest_name
from domino_sim.wording import key_path, shown

__all__ = ["LAWS", "frequencies"]

LAWS = ("power", "exponential", "uniform")

LAW_KEYS = ("law", "exponent", "normalise")


def frequencies(
    spec: Mapping[str, Any], names: Sequence[str], *, where: str = "frequencies"
) -> np.ndarray:
    """Return the frequency of each skill.

    Parameters
    ----------
    spec
        A law, ``{"law": "power" | "exponential" | "uniform", "exponent": 1.0, "normalise": True}``:
        with i = 1 … n in the order of `names`, p_i is i^−exponent, e^(−exponent·i) or the same for
        all (then the exponent is not used); Σ p_i = 1 unless `normalise` is false. Or a table that
        gives every skill its frequency by name; a table is never renormalised.
    names
        The skills, in file order.
    where
        File and key path of the law or table, for the message of an error.

    Returns
    -------
    numpy.ndarray
        Shape (n,), float64, finite, ≥ 0.

    Raises
    ------
    ScenarioError
        If the law, a key or a name is unknown, a skill is missing, or a number is not finite or
        negative.

    Examples
    --------
    >>> frequencies({"law": "power", "exponent": 2.0, "normalise": False}, ["A", "B"])
    array([1.  , 0.25])
    >>> frequencies({"B": 3.0, "A": 1.0}, ["A", "B"])
    array([1., 3.])
    """
    if not isinstance(spec, Mapping):
        raise ScenarioError(
            f"is {shown(spec)}",
            where=where,
            expected="a law such as { law = 'power' }, or a table of frequencies by name",
        )
    # A skill may be called "law" too; its frequency is a number, the name of a law is not.
    if "law" in spec and ("law" not in names or isinstance(spec["law"], str)):
        return _from_law(spec, len(names), where)
    return _from_table(spec, names, where)


def _from_law(spec: Mapping[str, Any], n: int, where: str) -> np.ndarray:
    law = spec["law"]
    if law not in LAWS:
        raise ScenarioError(
            f"unknown law {shown(law)}",
            where=_at(where, "law"),
            expected=f"one of {', '.join(LAWS)}",
            nearest=nearest_name(law, LAWS) if isinstance(law, str) else None,
        )
    for key in spec:
        if key not in LAW_KEYS:
            raise _unknown(key, LAW_KEYS, where, "key")
    exponent = _number(spec.get("exponent", 1.0), _at(where, "exponent"))
    normalise = spec.get("normalise", True)
    if not isinstance(normalise, bool):
        raise ScenarioError(
            f"is {shown(normalise)}", where=_at(where, "normalise"), expected="true or false"
        )
    i = np.arange(1.0, n + 1)
    if law == "uniform":
        weights = np.ones(n)
    elif law == "power":
        weights = i**-exponent
    else:
        # Counted from the first skill, the sum cannot underflow; the ratio is the same.
        with np.errstate(under="ignore", over="ignore"):
            weights = np.exp(-exponent * (i - 1 if normalise else i))
    return weights / weights.sum() if normalise and n else weights


def _from_table(spec: Mapping[str, Any], names: Sequence[str], where: str) -> np.ndarray:
    known = dict.fromkeys(names)
    for name in spec:
        if name not in known:
            raise _unknown(name, known, where, "skill")
    for name in names:
        if name not in spec:
            raise ScenarioError(
                f"no frequency for the skill {shown(name)}",
                where=where,
                expected="the frequency of every skill",
            )
    return np.array([_number(spec[name], _at(where, name)) for name in names], dtype=float)


def _number(value: object, where: str) -> float:
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not (math.isfinite(number) and number >= 0):
        raise ScenarioError(f"is {shown(value)}", where=where, expected="a finite number ≥ 0")
    return number + 0.0  # a negative zero becomes zero


def _unknown(name: object, known: Any, where: str, kind: str) -> InputError:
    return ScenarioError(
        f"unknown {kind} {shown(name)}", where=where, nearest=nearest_name(name, known)
    )


def _at(where: str, key: object) -> str:
    return f"{where}.{key_path(key)}" if where else key_path(key)
