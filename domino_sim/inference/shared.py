"""Runs that share a mixture: which they are, and what they tell of it together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.levels import Floats, Ints
from domino_sim.wording import shown

__all__ = ["SharedMixtures", "together"]


@dataclass(frozen=True)
class SharedMixtures:
    """Groups of runs, by name, each of one mixture; `where` they are said, for messages.

    Examples
    --------
    >>> SharedMixtures((("a", "c"),)).numbers(["a", "b", "c"]).tolist()
    [0, 1, 0]
    """

    groups: tuple[tuple[str, ...], ...] = ()
    where: str = "prior: same_mixture"

    @classmethod
    def read(cls, value: object, where: str) -> SharedMixtures:
        """Return what a table says.

        Raises
        ------
        ArgumentError
            If it is no list of groups of two runs or more, or a run stands in two of them.
        """
        groups: list[tuple[str, ...]] = []
        if not isinstance(value, list | tuple):
            raise ArgumentError(f"is {shown(value)}", where=where, expected="a list of groups")
        for at, group in enumerate(value):
            here = f"{where}[{at}]"
            if not isinstance(group, list | tuple) or not all(isinstance(o, str) for o in group):
                raise ArgumentError(
                    f"is {shown(group)}", where=here, expected="a list of names of runs"
                )
            if len(group) < 2:
                raise ArgumentError(
                    f"is {shown(group)}", where=here, expected="two runs or more of one mixture"
                )
            before = [name for one in groups for name in one]
            for k, name in enumerate(group):
                if name in before or name in group[:k]:
                    twice = "in two groups" if name in before else "there twice"
                    raise ArgumentError(
                        f"{shown(name)} is {twice}", where=here, expected="each run once"
                    )
            groups.append(tuple(group))
        return cls(tuple(groups), where)

    def numbers(self, names: Sequence[str]) -> Ints:
        """Return the number of the mixture of each run, (runs,): that of its first run."""
        group = {name: g for g, names_ in enumerate(self.groups) for name in names_}
        first: dict[int, int] = {}
        found = [first.setdefault(group[n], r) if n in group else r for r, n in enumerate(names)]
        return np.array(found, dtype=np.int64)

    def check(self, names: Sequence[str], pieces: Mapping[str, Sequence[str]]) -> None:
        """Refuse runs that are not there, or have no one mixture.

        Parameters
        ----------
        names
            The runs there are; of runs whose mixture changes the pieces.
        pieces
            Of those runs, the names of their pieces.
        """
        for at, group in enumerate(self.groups):
            here = f"{self.where}[{at}]"
            for name in group:
                if name in pieces:
                    raise ArgumentError(
                        f"the mixture of {shown(name)} changes", where=here,
                        expected=f"one of its pieces: {', '.join(map(shown, pieces[name]))}",
                    )  # fmt: skip
                if name not in names:
                    raise ArgumentError(
                        f"unknown run {shown(name)}", where=here, expected="a run of the curves",
                        nearest=nearest_name(name, names),
                    )  # fmt: skip

    def taken_over(self, names: Sequence[str], skills: Sequence[str], frequency: Floats) -> Floats:
        """Return frequencies (runs, n) with what is known of one run known of those like it.

        Raises
        ------
        ArgumentError
            If two runs of a group have different ones.
        """
        found = frequency.copy()
        for at, group in enumerate(self.groups):
            rows = [r for r, name in enumerate(names) if name in group]
            for i, skill in enumerate(skills):
                known = [r for r in rows if not np.isnan(frequency[r, i])]
                if not known:
                    continue
                first = frequency[known[0], i]
                for r in known[1:]:
                    if not np.isclose(frequency[r, i], first, rtol=1e-6, atol=0.0):
                        raise ArgumentError(
                            f"the frequency of {shown(skill)} is {first:g} in "
                            f"{shown(names[known[0]])} and {frequency[r, i]:g} in "
                            f"{shown(names[r])}",
                            where=f"{self.where}[{at}]", expected="runs of one mixture",
                        )  # fmt: skip
                found[rows, i] = first
        return found


def together(values: Floats, mixture: Ints | None) -> Floats:
    """Return sums of `values` (runs, …) over the runs of one mixture, for each of them.

    >>> together(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 0])).tolist()
    [5.0, 2.0, 5.0]
    """
    if mixture is None:
        return values
    sums = np.zeros_like(values)
    np.add.at(sums, mixture, values)
    return sums[mixture]
