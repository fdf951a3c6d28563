"""The mixtures of first runs: of skills of which nothing is known yet but their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from domino_sim.errors import ArgumentError
from domino_sim.inference.mixing import Limits, make_limits
from domino_sim.inference.planned import Design
from domino_sim.inference.stranger import check_stranger
from domino_sim.levels import Floats
from domino_sim.wording import shown

__all__ = ["FIRST_RATIO", "check_names", "first_design"]

#: By how much frequencies of first runs differ at most, unless told: a skill that is so rare that
#: it does not begin tells nothing.
FIRST_RATIO = 5.0

#: The smallest part of the skills that must stay where more than one is left out of a run.
_STAY = 0.75


def check_names(names: Sequence[object]) -> tuple[str, ...]:
    """Return the names of skills.

    Raises
    ------
    ArgumentError
        If one is none, or given twice, or there are fewer than two.
    """
    for at, name in enumerate(names):
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise ArgumentError(
                f"has {shown(name)} in the place {at + 1}", where="skills",
                expected="names of printable characters",
            )  # fmt: skip
        if name in names[:at]:
            raise ArgumentError(
                f"has {shown(name)} twice", where="skills", expected="each skill once"
            )
    if len(names) < 2:
        raise ArgumentError(
            f"names {len(names)}", where="skills", expected="two skills or more"
        )
    return tuple(map(str, names))


def first_design(
    names: Sequence[str], runs: int, *, least: float, ratio: float, knock_outs: bool,
    stranger: str | None, rng: np.random.Generator,
) -> Design:  # fmt: skip
    """Return mixtures for skills of which nothing is known.

    The frequencies of every skill are spread evenly, in their logarithms, over the runs (a Latin
    hypercube), so that no two skills are always frequent together. With `knock_outs` each run
    leaves some skills out, all skills as often as each other, one a run or, where skills are more
    than runs, about as many as give each its turn: what a skill needs shows as what it does not
    begin without.

    Parameters
    ----------
    names
        Of the skills.
    runs
        How many.
    least, ratio, knock_outs, stranger
        As of `design_mixtures`.
    rng
        Random numbers.

    Raises
    ------
    ArgumentError
        If no mixture keeps to the limits, or the stranger is one of the skills.
    """
    if stranger is not None:
        check_stranger(stranger, names)
    columns = (*names, *(() if stranger is None else (stranger,)))
    limits = make_limits(columns, least, ratio, knock_outs=knock_outs, stranger=stranger)
    mixtures = _mixtures(len(names), runs, limits, rng)
    labels = [f"planned {k + 1}" for k in range(runs)]
    report = {
        "source": "skills",
        "skills": list(names),
        "runs": [
            {
                "run": label, "gain": None, "edges": None,
                "knocked_out": [n for n, p in zip(names, row, strict=False) if p == 0.0],
                "decides": [],
            }
            for label, row in zip(labels, mixtures, strict=True)
        ],
        "decided": [], "left": [], "expected": None,
        "assumed": {
            "least": limits.least, "ratio": limits.ratio, "knock_outs": limits.knock_outs,
            **({} if stranger is None else {"stranger": stranger}),
        },
        "unplanned": [], "remarks": [],
    }  # fmt: skip
    dims = {"run": labels, "skill": list(columns)}
    return Design(xr.DataArray(mixtures, dims, list(dims), "frequency"), report)


def _mixtures(n: int, runs: int, limits: Limits, rng: np.random.Generator) -> Floats:
    """Return feasible mixtures (runs, n), with a column more for a stranger."""
    strata = np.stack([rng.permutation(runs) for _ in range(n)], axis=1)
    rare = 1.0 - (strata + rng.random((runs, n))) / runs
    wanted, out = limits.ratio**-rare, np.zeros((runs, n), dtype=bool)
    for k, row in enumerate(out):
        # Those that were left out least so far.
        row[np.lexsort((rng.random(n), out[:k].sum(axis=0)))[: _left_out(n, runs)]] = True
    if limits.stranger is not None:
        wanted = np.insert(wanted, limits.stranger, 1.0, axis=1)
        out = np.insert(out, limits.stranger, False, axis=1)
    return limits.fit(wanted, out)


def _left_out(n: int, runs: int) -> int:
    """Return how many skills each run leaves out."""
    return max(1, min(round(n / runs), int((1.0 - _STAY) * n)))
