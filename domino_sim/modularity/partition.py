"""A partition: which skill is in which module, and how the parameters are shared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.files import read_toml
from domino_sim.scenario.crosschecks import ROUNDING
from domino_sim.wording import key_path, shown

__all__ = [
    "RULES",
    "Partition",
    "check_partition",
    "partition_from",
    "read_partition",
    "with_shares",
]

#: How parameters are shared where a partition does not say so.
RULES = ("equal", "frequency")


@dataclass(frozen=True)
class Partition:
    """Skills in modules.

    Attributes
    ----------
    title
        What to call it, unique in a comparison.
    modules
        The skills of each module, by the module's name.
    shares
        The part of all parameters that each module has, by its name; empty: by a rule
        (`with_shares`).

    Examples
    --------
    >>> Partition("two subjects", {"symbols": ["logic"], "images": ["vision", "drawing"]}).count
    2
    """

    title: str
    modules: Mapping[str, Sequence[str]]
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many modules there are."""
        return len(self.modules)

    def module_of(self) -> dict[str, str]:
        """Return the module of each skill."""
        return {name: title for title, skills in self.modules.items() for name in skills}

    def groups(self) -> frozenset[frozenset[str]]:
        """Return which skills are together, whatever the modules are called."""
        return frozenset(frozenset(skills) for skills in self.modules.values())

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the ``[modules]`` table of a scenario or run file; every share must be known.

        A module that has lost all of its skills is left out: its parameters are idle.
        """
        return {
            title: {"skills": list(skills), "share": self.shares[title]}
            for title, skills in self.modules.items()
            if skills
        }


def partition_from(modules: Mapping[str, Any], title: str, where: str = "partitions") -> Partition:
    """Return the partition that a mapping of modules describes.

    Parameters
    ----------
    modules
        By module: a list of skills, or a table with ``skills`` and maybe ``share``.
    title
        What to call it.
    where
        File and key path, for the messages of errors.

    Raises
    ------
    ArgumentError
        If it is not of that form, or some modules have a share and others none.

    Examples
    --------
    >>> partition_from({"left": ["A"], "right": {"skills": ["B"], "share": 0.5}}, "mine")
    Traceback (most recent call last):
        ...
    domino_sim.errors.ArgumentError: partitions.left: has no share, but others have; expected a \
share of every module, or of none
    """
    found: dict[str, list[str]] = {}
    shares: dict[str, float] = {}
    for name, content in modules.items():
        place = f"{where}.{key_path(name)}"
        skills: Any = content
        if isinstance(content, Mapping):
            for key in content:
                if key not in ("skills", "share"):
                    raise ArgumentError(
                        f"unknown key {shown(key)}", where=place, expected="skills and share",
                        nearest=nearest_name(key, ("skills", "share")),
                    )  # fmt: skip
            skills = content.get("skills")
            if content.get("share") is not None:
                shares[name] = _share(content["share"], f"{place}.share")
        if isinstance(skills, str) or not isinstance(skills, Sequence):
            raise ArgumentError(f"is {shown(content)}", where=place, expected="a list of skills")
        found[name] = list(skills)
    if shares and len(shares) < len(found):
        missing = next(name for name in found if name not in shares)
        raise ArgumentError(
            "has no share, but others have",
            where=f"{where}.{key_path(missing)}",
            expected="a share of every module, or of none",
        )
    return Partition(title, found, shares)


def _share(value: object, where: str) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not 0.0 < float(value) <= 1.0:  # type: ignore[arg-type]
        raise ArgumentError(f"is {shown(value)}", where=where, expected="a number > 0 and ≤ 1")
    return float(value)  # type: ignore[arg-type]


def read_partition(path: str | Path) -> Partition:
    """Return the partition of a TOML file: its ``[modules]``, as in a scenario file.

    Raises
    ------
    FileError
        If there is no such file.
    ArgumentError
        If it holds no modules.
    """
    tables = read_toml(path)
    modules = tables.get("modules")
    if not isinstance(modules, Mapping) or not modules:
        raise ArgumentError(
            "has no modules", where=str(path), expected="a table [modules], as in a scenario file"
        )
    return partition_from(modules, Path(path).stem, where=f"{path}: modules")


def check_partition(partition: Partition, names: Sequence[str], where: str = "") -> Partition:
    """Return a partition of which every module has skills and every skill one module.

    Raises
    ------
    ArgumentError
        Naming the skill that is unknown, in two modules or in none, the module that is empty, or
        what the shares add up to.
    """
    where = where or f"partition {shown(partition.title)}"
    known = dict.fromkeys(names)
    found: dict[str, str] = {}
    if not partition.modules:
        raise ArgumentError("has no modules", where=where, expected="one or more modules")
    for title, skills in partition.modules.items():
        if not skills:
            raise ArgumentError(
                f"the module {shown(title)} is empty", where=where,
                expected="one or more skills in each module",
            )  # fmt: skip
        for name in skills:
            if name not in known:
                raise ArgumentError(
                    f"there is no skill {shown(name)} (in the module {shown(title)})",
                    where=where, nearest=nearest_name(name, known),
                )  # fmt: skip
            if name in found:
                other = "twice" if found[name] == title else f"and in {shown(found[name])}"
                raise ArgumentError(
                    f"{shown(name)} is in the module {shown(title)} {other}", where=where,
                    expected="each skill in exactly one module",
                )  # fmt: skip
            found[name] = title
    for name in names:
        if name not in found:
            raise ArgumentError(
                f"{shown(name)} is in no module", where=where,
                expected="each skill in exactly one module",
            )  # fmt: skip
    total = math.fsum(partition.shares.values())
    if total > 1.0 + ROUNDING:
        raise ArgumentError(f"the shares add up to {total:g}", where=where, expected="≤ 1")
    return partition


def with_shares(
    partition: Partition, frequencies: Mapping[str, float], rule: str, n_dim: int | None
) -> Partition:
    """Return the partition with every module's share of the parameters.

    Parameters
    ----------
    partition
        Checked. Shares that it has are kept, but for rounding to whole parameters.
    frequencies
        Of every skill.
    rule
        ``"equal"``: all modules alike; ``"frequency"``: in proportion to the frequencies of their
        skills.
    n_dim
        The number of parameters, if it is known: then each module has a whole number of them, one
        at least, and they never exceed n_dim in total.

    Raises
    ------
    ArgumentError
        If the rule is unknown, there are more modules than parameters, or a given share is less
        than one parameter.

    Examples
    --------
    >>> split = Partition("mine", {"left": ["A"], "right": ["B"]})
    >>> dict(with_shares(split, {"A": 3.0, "B": 1.0}, "frequency", 10).shares)
    {'left': 0.8, 'right': 0.2}
    """
    if rule not in RULES:
        raise ArgumentError(
            f"unknown rule {shown(rule)}", where="shares", expected=f"one of {', '.join(RULES)}",
            nearest=nearest_name(rule, RULES),
        )  # fmt: skip
    where, names = f"partition {shown(partition.title)}", list(partition.modules)
    if n_dim is not None and partition.count > n_dim:
        raise ArgumentError(
            f"{partition.count} modules share {n_dim} parameters", where=where,
            expected=f"at most {n_dim} modules, or n_dim ≥ {partition.count}",
        )  # fmt: skip
    if partition.shares:
        parts = np.array([partition.shares[name] for name in names])
        if n_dim is not None:
            parts = np.floor(parts * n_dim + ROUNDING) / n_dim
            for name, part in zip(names, parts, strict=True):
                if not part:
                    raise ArgumentError(
                        f"the share {partition.shares[name]:g} of the module {shown(name)} is "
                        f"none of {n_dim} parameters", where=where,
                        expected=f"a share ≥ {1 / n_dim:g}",
                    )  # fmt: skip
    else:
        parts = _by_rule(partition, frequencies, rule)
        if n_dim is not None:
            parts = whole_numbers(parts, n_dim) / n_dim
    return replace(partition, shares=dict(zip(names, parts.tolist(), strict=True)))


def _by_rule(
    partition: Partition, frequencies: Mapping[str, float], rule: str
) -> NDArray[np.float64]:
    if rule == "equal":
        return np.full(partition.count, 1.0 / partition.count)
    weights = np.array(
        [math.fsum(frequencies[name] for name in skills) for skills in partition.modules.values()]
    )
    if not (weights > 0.0).all():
        title = list(partition.modules)[int(np.argmin(weights))]
        raise ArgumentError(
            f"no skill of the module {shown(title)} is trained",
            where=f"partition {shown(partition.title)}",
            expected="frequencies above 0, or shares = 'equal'",
        )
    return weights / weights.sum()


def whole_numbers(parts: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Return `total` parted in whole numbers of at least 1, by largest remainders.

    Examples
    --------
    >>> whole_numbers(np.array([0.98, 0.01, 0.01]), 10)
    array([8, 1, 1])
    """
    counts = np.ones(len(parts), dtype=np.int64)
    # What one parameter is too much for has one; the rest is parted among the others.
    rich = parts * total > 1.0
    while rich.any():
        quotas = parts[rich] / parts[rich].sum() * (total - (~rich).sum())
        if (quotas >= 1.0).all():
            counts[rich] = np.floor(quotas + ROUNDING)
            left = total - int(counts.sum())
            order = np.argsort(counts[rich] - quotas, kind="stable")[:left]
            counts[np.flatnonzero(rich)[order]] += 1
            break
        rich[np.flatnonzero(rich)[quotas < 1.0]] = False
    return counts
