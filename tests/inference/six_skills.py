"""Curves of six skills in four mixtures, and what may be changed in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import xarray as xr
from inferred import simulated

__all__ = ["MIXTURES", "REQUIRES", "TRUE", "changed", "put", "whole"]

REQUIRES = {"A": "", "B": "", "C": "A", "D": "B", "E": "C and D", "F": "A or B"}
TRUE = {("A", "C"), ("B", "D"), ("C", "E"), ("D", "E"), ("A", "F"), ("B", "F")}
MIXTURES = [
    [0.30, 0.06, 0.12, 0.20, 0.20, 0.12],
    [0.05, 0.35, 0.25, 0.10, 0.15, 0.10],
    [0.15, 0.15, 0.08, 0.30, 0.12, 0.20],
    [0.10, 0.20, 0.35, 0.05, 0.10, 0.20],
]


@cache
def whole() -> xr.Dataset:
    return simulated(REQUIRES, MIXTURES, steps=[np.arange(0, 12001, 400)] * 4)


def changed(change: Callable[[np.ndarray], None]) -> xr.Dataset:
    curves = whole().copy(deep=True)
    change(curves.level.values)
    return curves


def put(skill: int, value: float) -> Callable[[np.ndarray], None]:
    def change(level: np.ndarray) -> None:
        level[:, :, skill] = value

    return change
