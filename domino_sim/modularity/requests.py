"""Which partitions are compared: what was asked for, made and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.gradient.modules import ROUNDING
from domino_sim.modularity.partition import (
    Partition,
    check_partition,
    partition_from,
    read_partition,
)
from domino_sim.modularity.proposals import (
    EACH,
    communities,
    components,
    each,
    ladder,
    random_split,
    wrong_splits,
)
from domino_sim.wording import shown

__all__ = ["CHOICES", "Request", "Requests", "module_count", "requested"]

#: Partitions by name.
CHOICES = ("ladder", "each", "components", "communities", "random", "wrong", "all")

Request = str | Path | Partition | Mapping[str, Any]


@dataclass(frozen=True)
class Requests:
    """What is to be compared.

    Attributes
    ----------
    partitions
        Checked, each once, with unique titles; without shares, unless they were given.
    wrong
        Candidates of which the slowest counts as adversarial.
    right
        The partition that counts as right, where one was given: the first of those, else that of
        the scenario.
    remarks
        What was asked for and is not there, and parameters that no module has.
    """

    partitions: list[Partition]
    wrong: list[Partition]
    right: Partition | None
    remarks: list[str]


def module_count(graph: nx.DiGraph, modules: int | None) -> int:
    """Return how many modules random and wrong splits have.

    As many as asked for; else as many as there are components, if that is a split; else about √n.

    Raises
    ------
    ArgumentError
        If it is not between 2 and the number of skills.
    """
    n = len(graph)
    if modules is not None:
        if not 2 <= modules <= n:
            raise ArgumentError(
                f"{modules} modules of {n} skills", where="modules", expected=f"from 2 to {n}"
            )
        return modules
    parts = nx.number_weakly_connected_components(graph)
    return parts if 2 <= parts < n else min(max(round(n**0.5), 2), n)


def requested(
    asked: Request | Sequence[Request],
    graph: nx.DiGraph,
    frequencies: Sequence[float],
    *,
    given: Mapping[str, Any],
    modules: int | None,
    seed: int,
) -> Requests:
    """Return the partitions that were asked for.

    Parameters
    ----------
    asked
        A name (`CHOICES`), the path of a TOML file with ``[modules]``, a `Partition`, a mapping of
        modules (`partition_from`), or several of these.
    graph
        The skill graph.
    given
        The ``[modules]`` of the scenario itself; compared too, if there are any.

    Raises
    ------
    ArgumentError, FileError
        If a partition cannot be used; the message names it.
    """
    names = list(graph)
    found: list[Partition] = []
    wrong: list[Partition] = []
    remarks: list[str] = []
    if given:
        found.append(check_partition(partition_from(given, "as in the scenario"), names))
    for request in _each_request(asked):
        if isinstance(request, str) and request in CHOICES:
            continue
        where = f"{request}: modules" if isinstance(request, str | Path) else ""
        found.append(check_partition(_own(request), names, where))
    own = [*found[bool(given) :], *found[: bool(given)]]
    remarks += [_idle(x) for x in found if x.shares and math.fsum(x.shares.values()) < 1 - ROUNDING]
    wanted = {request for request in _each_request(asked) if isinstance(request, str)}
    if len(names) < 2:
        return Requests([], [], None, ["one skill cannot be split"])
    everything = "all" in wanted

    def add(name: str, make: Callable[[], Iterable[Partition]]) -> None:
        if everything or name in wanted:
            found.extend(make())

    add("ladder", lambda: ladder(graph))
    add("each", lambda: [each(names)])
    add("components", lambda: [components(graph)])
    add("communities", lambda: [communities(graph)])
    if everything or wanted & {"random", "wrong"}:
        count = module_count(graph, modules)
        add("random", lambda: [random_split(names, count, np.random.default_rng(seed))])
        if everything or "wrong" in wanted:
            wrong = wrong_splits(graph, frequencies, count)
    right = next((partition for partition in own if partition.count > 1), None)
    return Requests(_once(found, names, remarks), wrong, right, remarks)


def _idle(partition: Partition) -> str:
    total = math.fsum(partition.shares.values())
    return f"{partition.title}: shares add up to {total:g}, the other parameters are idle"


def _each_request(asked: Request | Sequence[Request]) -> list[Request]:
    if isinstance(asked, str | Path | Partition | Mapping):
        return [asked]
    if isinstance(asked, Sequence):
        return list(asked)
    raise ArgumentError(
        f"is {shown(asked)}", where="partitions",
        expected=f"{', '.join(CHOICES)}, a file, modules by name, or a list of these",
    )  # fmt: skip


def _own(request: Request) -> Partition:
    """Return a partition that is given, not proposed."""
    if isinstance(request, Partition):
        return request
    if isinstance(request, Mapping):
        return partition_from(request, "given")
    if isinstance(request, str) and not request.endswith(".toml") and "/" not in request:
        raise ArgumentError(
            f"unknown partition {shown(request)}", where="partitions",
            expected=f"one of {', '.join(CHOICES)}, or a .toml file with [modules]",
            nearest=nearest_name(request, CHOICES),
        )  # fmt: skip
    if not isinstance(request, str | Path):
        raise ArgumentError(
            f"is {shown(request)}", where="partitions", expected="a name, a file or modules"
        )
    return read_partition(request)


def _once(found: Iterable[Partition], names: Sequence[str], remarks: list[str]) -> list[Partition]:
    """Return partitions of two or more modules, none of them twice, with titles of their own."""
    kept: list[Partition] = []
    seen: dict[frozenset[frozenset[str]], str] = {}
    titles: set[str] = set()
    for partition in found:
        what = partition.groups()
        if len(what) < 2:
            remarks.append(f"{partition.title}: one module with all skills, no split")
            continue
        title = partition.title
        if not partition.shares:
            if what in seen:
                if seen[what] != title:
                    remarks.append(f"{title}: the same as {seen[what]!r}")
                continue
            seen[what] = title
        if len(what) == len(names) and not partition.shares:
            title = EACH
        while title in titles:
            title += "′"
        titles.add(title)
        kept.append(replace(partition, title=title))
    return kept
