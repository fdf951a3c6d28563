"""Levels from accuracies and losses: how they are normalised, given or estimated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from numbers import Real
from pathlib import Path
from typing import Any, Literal

from domino_sim.errors import ArgumentError, FileError, InputError, nearest_name
from domino_sim.files import read_toml
from domino_sim.wording import key_path, shown

__all__ = ["ESTIMATE", "Normalisation", "make_normalisation"]

ESTIMATE: Literal["estimate"] = "estimate"

#: How a loss falls as the level rises.
SCALES = ("linear", "squared", "likelihood")

Number = float | Literal["estimate"]


@dataclass(frozen=True)
class Normalisation:
    """How accuracies and losses become levels (``docs/curves.md``, "Levels").

    Each of the numbers is one for all skills, or a mapping by skill, whose names may have ``*``
    for any characters (a full name comes first, then the patterns in order). ``"estimate"``, the
    default, is estimated from the curves, with its uncertainty.

    Parameters
    ----------
    scale
        Of losses: ``"linear"``, level (initial − loss) / (initial − floor); ``"squared"``, of mean
        squared errors, 1 − √((loss − floor) / (initial − floor)); ``"likelihood"``, of cross
        entropies, e^(−loss), which needs no number.
    initial
        The loss of a skill before it is trained.
    floor
        Its loss when all is learned.
    chance
        The accuracy of a skill before it is trained.
    ceiling
        Its accuracy when all is learned.

    Raises
    ------
    ArgumentError
        If a scale or number is none.

    Examples
    --------
    >>> given = Normalisation(floor=0.0, chance={"piqa": 0.5, "mmlu-*": 0.25})
    >>> given.of("chance", "mmlu-law"), given.of("chance", "sciq"), given.of("floor", "sciq")
    (0.25, 'estimate', 0.0)
    """

    scale: str | Mapping[str, str] = "linear"
    initial: Number | Mapping[str, Number] = ESTIMATE
    floor: Number | Mapping[str, Number] = ESTIMATE
    chance: Number | Mapping[str, Number] = ESTIMATE
    ceiling: Number | Mapping[str, Number] = 1.0
    where: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        for key in KEYS:
            given = getattr(self, key)
            for name, value in given.items() if isinstance(given, Mapping) else [("", given)]:
                place = key_path(key, name) if name else key
                place = f"{self.where}: {place}" if self.where else place
                if not isinstance(name, str):
                    raise ArgumentError(f"is {shown(name)}", where=place, expected="a skill's name")
                _check(key, value, place)

    def of(self, key: str, skill: str) -> Any:
        """Return the scale of a skill, or one of its numbers, or ``"estimate"``."""
        given = getattr(self, key)
        if not isinstance(given, Mapping):
            return given
        if skill in given:
            return given[skill]
        found = (value for name, value in given.items() if fnmatchcase(skill, name))
        return next(found, _DEFAULTS[key])

    def check_skills(self, skills: Iterable[str]) -> None:
        """Refuse names that are no skill's, and patterns that match none.

        Raises
        ------
        ArgumentError
            With the nearest skill.
        """
        names = list(skills)
        for key in KEYS:
            given = getattr(self, key)
            for name in given if isinstance(given, Mapping) else ():
                if name not in names and not any(fnmatchcase(skill, name) for skill in names):
                    place = key_path(key, name)
                    raise ArgumentError(
                        f"no skill is named {shown(name)}",
                        where=f"{self.where}: {place}" if self.where else place,
                        expected="a skill of the curves, or a pattern with *",
                        nearest=nearest_name(name, names),
                    )


KEYS = tuple(item.name for item in fields(Normalisation) if item.name != "where")
_DEFAULTS = {item.name: item.default for item in fields(Normalisation)}


def make_normalisation(given: Any) -> Normalisation | None:
    """Return what ``normalise`` means: ``"auto"``, ``"none"``, a path to TOML, or itself.

    Returns
    -------
    Normalisation or None
        None for ``"none"``: accuracies are levels as they are, losses have none.

    Raises
    ------
    ArgumentError
        If it is something else, or a number is none.
    FileError
        If the file cannot be read or has an unknown key.
    """
    if isinstance(given, Normalisation):
        return given
    if given == "auto":
        return Normalisation()
    if given == "none":
        return None
    if not isinstance(given, str | Path):
        expected = "'auto', 'none', a Normalisation or the path of a TOML file"
        raise ArgumentError(f"is {shown(given)}", where="normalise", expected=expected)
    path = Path(given)
    if path.suffix != ".toml":
        expected = "'auto', 'none' or the path of a .toml file"
        nearest = nearest_name(given, ("auto", "none"))
        what = f"is {shown(str(given))}"
        raise ArgumentError(what, where="normalise", expected=expected, nearest=nearest)
    table = read_toml(path)
    for key in table:
        if key not in KEYS:
            raise FileError(
                f"unknown key {shown(key)}",
                where=str(path),
                expected=f"one of {', '.join(KEYS)}",
                nearest=nearest_name(key, KEYS),
            )
    try:
        return Normalisation(**table, where=str(path))
    except InputError as error:
        raise FileError(error.what, where=error.where, expected=error.expected) from None


def _check(key: str, value: Any, where: str) -> None:
    if key == "scale":
        if value not in SCALES:
            raise ArgumentError(
                f"is {shown(value)}",
                where=where,
                expected=f"one of {', '.join(SCALES)}",
                nearest=nearest_name(value, SCALES),
            )
        return
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number and value != ESTIMATE:
        raise ArgumentError(
            f"is {shown(value)}", where=where, expected="a finite number, or 'estimate'"
        )
    if number and key in ("chance", "ceiling") and not 0 <= value <= 1:
        raise ArgumentError(f"is {value:g}", where=where, expected="an accuracy, from 0 to 1")
