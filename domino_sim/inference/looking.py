"""Under which noise the graph is looked for, where curves surely scatter unevenly.

Curves of networks do so, too, and a noise that is large half-way up lets gates nearly fit them. So
only gates that explain the curves at once are taken for it; else gates and models of networks are
weighed by even noise, and what is lost then is looked for once more.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol, TypeVar

from domino_sim.inference.evidence import BAD_FIT
from domino_sim.inference.networks.grown import Grown
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study

__all__ = ["Way", "looked"]

#: χ² a value up to which a graph that was come by directly explains the curves.
_EXPLAINS = 1.2


class Way(Enum):
    """How a graph is looked for.

    Under the noise that curves show: only gates, and none but those of forms that are not lost,
    where it is uneven (DIRECT); all there is (WHOLE). Or all there is under even noise (EVEN).
    """

    DIRECT, EVEN, WHOLE = range(3)


class Search(Protocol):
    """A search that has ended."""

    study: Study
    best: Structure
    grown: Grown | None
    lost: bool
    stopped: bool


S = TypeVar("S", bound=Search)


def looked(look: Callable[[Way], S]) -> S:
    """Return the search of the first way that explains the curves, else that of even noise."""
    first = look(Way.DIRECT)
    if not first.study.uneven or first.stopped or (not first.lost and _scale(first) < _EXPLAINS):
        return first
    even = look(Way.EVEN)
    if even.grown is not None or even.stopped or (not even.lost and _scale(even) < BAD_FIT):
        return even
    whole = look(Way.WHOLE)
    better = whole.grown is None and not whole.stopped and _scale(whole) < BAD_FIT
    return whole if better else even


def _scale(search: Search) -> float:
    """Return χ² a node."""
    return search.best.error / max(search.best.records.values, 1)
