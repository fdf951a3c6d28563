"""What a user says about files that do not say it themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.readers.records import KINDS
from domino_sim.wording import key_path, shown

__all__ = ["ROLES", "Options", "make_options"]

#: What a column can be taken for.
ROLES = (
    "run", "step", "skill", "metric", "value", *KINDS, "frequency",
    "se", *(f"{kind}_se" for kind in KINDS),
)  # fmt: skip

SKIP = "skip"


@dataclass(frozen=True)
class Options:
    """How files are to be understood, checked by :func:`make_options`.

    Parameters
    ----------
    columns
        The column by role; for a run several, whose texts together name it.
    metrics
        The kind, or ``"skip"``, of the metrics of a column `metric`.
    tags
        Patterns that the names of series match whole, and their kind or ``"skip"``.
    kind
        The kind of values that no name tells, or None.
    keep
        Which of several values at a step is kept: ``"first"``, ``"last"``, or None for neither.
    """

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[tuple[re.Pattern[str], str], ...] = ()
    kind: str | None = None
    keep: str | None = None


def make_options(
    columns: Any = None, metrics: Any = None, tags: Any = None, kind: Any = None, keep: Any = None
) -> Options:
    """Return the options that :func:`domino_sim.read_curves` was given, checked.

    Raises
    ------
    ArgumentError
        If a role, kind or pattern is none.

    Examples
    --------
    >>> make_options(columns={"run": "model+seed"}).columns
    {'run': ('model', 'seed')}
    """
    taken: dict[str, tuple[str, ...]] = {}
    for role, column in _table(columns, "columns").items():
        _choice(role, ROLES, "columns", "role")
        if not isinstance(column, str):
            where = f"columns.{role}"
            raise ArgumentError(f"is {shown(column)}", where=where, expected="the name of a column")
        taken[role] = tuple(column.split("+")) if role == "run" else (column,)
    kinds = {
        name: _choice(value, (*KINDS, SKIP), f"metrics.{key_path(name)}")
        for name, value in _table(metrics, "metrics").items()
    }
    patterns = []
    for pattern, value in _table(tags, "tags").items():
        where = f"tags.{key_path(pattern)}"
        try:
            patterns.append((re.compile(pattern), _choice(value, (*KINDS, SKIP), where)))
        except re.error as error:
            what = f"is no regular expression: {error}"
            raise ArgumentError(what, where=where, expected="such as 'eval/(.*)_loss'") from None
    return Options(
        taken,
        kinds,
        tuple(patterns),
        None if kind is None else _choice(kind, KINDS, "kind"),
        None if keep is None else _choice(keep, ("first", "last"), "keep"),
    )


def _table(given: Any, where: str) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise ArgumentError(f"is {shown(given)}", where=where, expected="texts by name")
    return given


def _choice(value: Any, choices: tuple[str, ...], where: str, what: str = "") -> str:
    if value not in choices:
        raise ArgumentError(
            f"unknown {what} {shown(value)}" if what else f"is {shown(value)}",
            where=where,
            expected=f"one of {', '.join(choices)}",
            nearest=nearest_name(value, choices),
        )
    return str(value)
