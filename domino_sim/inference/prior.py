"""What is known beforehand: edges required, forbidden and tiered; runs of one mixture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.files import read_toml
from domino_sim.inference.shared import SharedMixtures
from domino_sim.wording import shown

__all__ = ["Prior", "read_prior"]

KEYS = ("required", "forbidden", "tiers", "same_mixture")


class Prior:
    """Required and forbidden prerequisites among named skills.

    Parameters
    ----------
    table
        ``required`` and ``forbidden``: lists of [prerequisite, dependent]. ``tiers``: lists of
        skills, earlier first; a skill requires none of a later tier. Skills in no tier are free.
        ``same_mixture``: lists of runs that share a mixture.
    names
        The skills there are.
    where
        The file, for messages.

    Raises
    ------
    ArgumentError
        For an unknown key or skill, a pair that is none, an edge both required and forbidden, or
        required edges that form a cycle; for a run in two groups, or alone in one.

    Examples
    --------
    >>> prior = Prior({"required": [["A", "B"]], "tiers": [["A"], ["B", "C"]]}, ["A", "B", "C"])
    >>> bool(prior.forbidden[1, 0]), prior.required
    (True, ((), (0,), ()))
    """

    def __init__(
        self, table: Mapping[str, Any], names: Sequence[str], *, where: str = "prior"
    ) -> None:
        self.names, self._where = tuple(map(str, names)), where
        n = len(self.names)
        for key in table:
            if key not in KEYS:
                raise ArgumentError(
                    "unknown key", where=f"{where}: {key}",
                    expected=f"one of {', '.join(KEYS)}", nearest=nearest_name(str(key), KEYS),
                )  # fmt: skip
        self.forbidden = np.eye(n, dtype=bool)
        must = self._pairs(table, "required")
        for a, b in self._pairs(table, "forbidden"):
            self.forbidden[a, b] = True
        rank = self._tiers(table)
        for a, b in np.ndindex(n, n):
            if rank[a] is not None and rank[b] is not None and rank[a] > rank[b]:  # type: ignore[operator]
                self.forbidden[a, b] = True
        for a, b in must:
            if self.forbidden[a, b]:
                raise ArgumentError(
                    f"{self.names[a]} → {self.names[b]} is both required and forbidden",
                    where=where, expected="one of them",
                )  # fmt: skip
        self._check_acyclic(must)
        self.same_mixture = SharedMixtures.read(
            table.get("same_mixture", []), f"{where}: same_mixture"
        )
        self.required = tuple(
            tuple(dict.fromkeys(a for a, b in must if b == i)) for i in range(n)
        )

    def check_most(self, most: float) -> None:
        """Refuse more required prerequisites of a skill than a gate may ask for."""
        for name, some in zip(self.names, self.required, strict=True):
            if len(some) > most:
                raise ArgumentError(
                    f"names {len(some)} prerequisites of {shown(name)}",
                    where=f"{self._where}: required",
                    expected=f"{most:g} or fewer for a skill (most_prerequisites)",
                )

    def _index(self, name: object, where: str) -> int:
        if name not in self.names:
            raise ArgumentError(
                f"unknown skill {shown(name)}", where=where, expected="a skill of the curves",
                nearest=nearest_name(str(name), self.names),
            )  # fmt: skip
        return self.names.index(str(name))

    def _pairs(self, table: Mapping[str, Any], key: str) -> list[tuple[int, int]]:
        pairs = []
        for at, pair in enumerate(_list(table.get(key, []), f"{self._where}: {key}")):
            where = f"{self._where}: {key}[{at}]"
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise ArgumentError(
                    f"is {shown(pair)}", where=where, expected="[prerequisite, dependent]"
                )
            one, other = (self._index(name, where) for name in pair)
            if one == other:
                raise ArgumentError("a skill cannot require itself", where=where)
            pairs.append((one, other))
        return pairs

    def _tiers(self, table: Mapping[str, Any]) -> list[int | None]:
        rank: list[int | None] = [None] * len(self.names)
        for at, tier in enumerate(_list(table.get("tiers", []), f"{self._where}: tiers")):
            where = f"{self._where}: tiers[{at}]"
            for name in _list(tier, where):
                i = self._index(name, where)
                if rank[i] is not None:
                    raise ArgumentError(
                        f"{shown(name)} is in two tiers", where=where, expected="each once"
                    )
                rank[i] = at
        return rank

    def _check_acyclic(self, edges: Sequence[tuple[int, int]]) -> None:
        import networkx as nx

        try:
            cycle = nx.find_cycle(nx.DiGraph(edges))
        except nx.NetworkXNoCycle:
            return
        named = " → ".join(self.names[a] for a, _ in [*cycle, cycle[0]])
        raise ArgumentError(
            f"the required edges form a cycle: {named}", where=self._where, expected="no cycle"
        )


def read_prior(
    source: Path | str | Mapping[str, Any] | None, names: Sequence[str], most: float = math.inf
) -> Prior:
    """Return the prior of a TOML file or a table; None is no prior.

    Of no skill it may require more than `most` prerequisites, of which gates ask at most.
    """
    if source is None:
        return Prior({}, names)
    if not isinstance(source, str | Path | Mapping):
        raise ArgumentError(f"is {shown(source)}", where="prior", expected="a file or a table")
    if isinstance(source, Mapping):
        prior = Prior(source, names)
    else:
        prior = Prior(read_toml(Path(source)), names, where=str(source))
    prior.check_most(most)
    return prior


def _list(value: object, where: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise ArgumentError(f"is {shown(value)}", where=where, expected="a list")
    return value
