"""Under which noise the graph is looked for, where curves surely have another than even noise.

Those of networks do, too, and a noise that is large half-way up lets gates nearly fit them. So only
gates that explain the curves at once are taken for it; else gates and models of networks are
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
_DIRECTLY = 1.2


class Way(Enum):
    """How a graph is looked for.

    Under the noise that curves show: only gates, and none but those of forms that are not lost,
    where it is not even (DIRECT); all there is (WHOLE). Or all there is under even noise (EVEN).
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
    if not first.study.uneven or first.stopped or (not first.lost and _explains(first, _DIRECTLY)):
        return first
    even = look(Way.EVEN)
    if even.grown is not None or even.stopped or (not even.lost and _explains(even, BAD_FIT)):
        return even
    whole = look(Way.WHOLE)
    return whole if _explains(whole, BAD_FIT) else even


def _explains(search: Search, most: float) -> bool:
    """Whether gates, or a serial pool, leave no more than so much χ² a value."""
    if search.grown is not None:
        return search.grown.kind == "serial" and search.grown.misfit < most
    return search.best.error < most * search.best.records.values
