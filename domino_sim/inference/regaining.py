"""Ways that were not taken, tried where every gate form has lost its way.

A skill that is put in too early, while nothing tells the clock, fits with a wrong gate, and bends
the clock for all that come later. It is some steps later that nothing fits any more. Which step was
wrong is not known; but a wrong one shows soon, so that others are quickly tried: other skills at
the last choice, then at the one before, each followed only while what is in leaves no more than
noise, and comes to graphs that no other way has come to.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from domino_sim.inference.construction import Construction
from domino_sim.inference.patience import Patience

__all__ = ["regain"]

#: Other ways that are tried at most, and skills that are put in on them, for each skill.
_WAYS, _STEPS = 20, 3

#: Ways that are tried at most with those that come to the graphs of others: each takes time, too.
_ALL_WAYS = 40

#: A way falls behind one that explained a skill less, once others have been tried so often on it.
_PATIENCE = 3


def regain(
    lost: list[Construction], until: float, update: Callable[[float], None],
    patience: Patience | None = None, *, forks: bool = True,
) -> Construction | None:  # fmt: skip
    """Return a construction of all skills that leaves no more than noise, or None.

    The way that explained the most skills is gone back first. `update` takes how many skills are
    in on the way that is tried; `patience` is how many more may be put in on other ways, which
    several searches share.
    """
    patience = patience or Patience()
    ways = [one for one in lost if one.alive]
    asked, tried, steps = [0] * len(ways), 0, 0
    all_ways = len(ways) + _ALL_WAYS
    seen = {graphs for way in ways for graphs in way.passed}
    most: float = _STEPS * ways[0].alive[0].courses.skills if ways else 0
    most = min(most, patience.left)
    while tried < _WAYS and len(ways) < all_ways and steps < most and time.monotonic() < until:
        left = [at for at, way in enumerate(ways) if forks and not way.exhausted]
        unled = [at for at, way in enumerate(ways) if way.unled and way.alive]
        if not (left or unled):
            break
        at = max(unled or left, key=lambda at: ways[at].explained - asked[at] / _PATIENCE)
        asked[at] += not unled
        for fork in ways[at].leads() if unled else ways[at].forks():
            new = fork.graphs not in seen
            while new and not (fork.done or fork.lost) and time.monotonic() < until:
                seen.add(fork.graphs)
                fork.step()
                steps += 1
                patience.left -= 1
                update(len(fork.alive[0].gates) if fork.alive else 0)
                new = fork.graphs not in seen
            tried += new
            seen.add(fork.graphs)
            if fork.done and fork.alive and not fork.lost:
                return fork
            ways.append(fork)
            asked.append(0)
    return None
