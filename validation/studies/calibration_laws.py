"""Is the pool law found? How often, against how far the curves of two laws are apart.

Half of the worlds are as for intervals, half with a random graph; the noise is anything from 0.3 %
to 15 %, so that all degrees of difficulty occur. For each other law δ = √(Σ (f₁ − f₂)²)/σ, f₁ the
true curves without noise, f₂ the other law's best fit to them: how many standard errors apart the
two are, as if values were one measurement. The smallest δ of the other laws says how hard a world
is. *Right*: the true law is preferred; *cannot tell*: it is one of those that cannot be told apart;
*wrong*: it is not. Of two laws told apart by ΔAIC-like odds of 7 to 1, chance alone gives right
answers as often as *expected*: Φ(δ/2 − 2/δ).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.stats import norm as normal

from domino_sim.calibration import calibrate
from domino_sim.calibration.laws import DECISIVE
from domino_sim.graph.core import build_graph
from validation.studies.calibration_worlds import Cell, draw, observed

__all__ = ["LAW_CASES", "Pick", "law_report", "pick"]

#: Worlds of each law.
LAW_CASES = 600

TRUE_LAWS = ("sum", "norm", "constant", "domino", "logistic")

EDGES = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 16.0, np.inf)


class Pick(NamedTuple):
    """One world: its law, how far the nearest other law is, and the answer."""

    law: str
    distance: float
    nearest: str
    answer: str


def pick(cell: Cell, rng: np.random.Generator) -> Pick:
    """Draw a world, calibrate it with all laws and say how that went."""
    world = draw(cell, rng)
    gates = world.requires
    graph = build_graph({n: {"requires": gates[n]} if n in gates else {} for n in world.skills})
    sigma = float(np.exp(rng.uniform(np.log(0.003), np.log(0.15))))
    clean = calibrate(observed(cell, world, rng, noise=1e-7), graph=graph, held_out=False)
    apart = {
        law: np.sqrt(fit.error) / sigma for law, fit in clean.fits.items() if law != cell.law
    }
    nearest = min(apart, key=apart.__getitem__)
    found = calibrate(
        observed(cell, world, rng, noise=sigma), graph=graph, held_out=False
    ).comparison
    answer = "wrong"
    if cell.law in found.candidates:
        answer = "right" if found.preferred == cell.law else "cannot tell"
    return Pick(cell.law, float(apart[nearest]), nearest, answer)


def law_report(count: int, seed: int = 2) -> Iterator[str]:
    """Yield the tables: by distance, by law."""
    rng = np.random.default_rng(seed)
    picks = []
    for law in TRUE_LAWS:
        for k in range(count):
            picks.append(pick(Cell("", law, gated=k % 2 == 1), rng))
    yield "### Which law\n"
    yield "\n".join(_by_distance(picks))
    yield "\n".join(_by_law(picks))


def _by_distance(picks: list[Pick]) -> Iterator[str]:
    yield "| δ | worlds | right | expected | cannot tell | wrong |\n|---|---|---|---|---|---|"
    for low, high in (*pairwise(EDGES), (3.0, np.inf), (0.0, 3.0)):
        some = [one for one in picks if low <= one.distance < high]
        if not some:
            continue
        distance = np.maximum([one.distance for one in some], 1e-9)
        expected = float(normal.cdf(distance / 2.0 - DECISIVE / distance).mean())
        name = f"{low:g} to {high:g}" if np.isfinite(high) else f"above {low:g}"
        if (low, high) in ((3.0, np.inf), (0.0, 3.0)):
            name = f"**{name}**"
        yield f"| {name} | {len(some)} | {_share(some, 'right')} | {expected:.1%} | " + (
            f"{_share(some, 'cannot tell')} | {_share(some, 'wrong')} |"
        )
    yield ""


def _by_law(picks: list[Pick]) -> Iterator[str]:
    yield "| law | δ above 3: worlds | right | wrong | below: worlds | right | wrong | nearest |"
    yield "|---" * 8 + "|"
    for law in TRUE_LAWS:
        of = [one for one in picks if one.law == law]
        far = [one for one in of if one.distance >= 3.0]
        near = [one for one in of if one.distance < 3.0]
        names = sorted({one.nearest for one in of})
        told = ", ".join(f"{n} {sum(one.nearest == n for one in of)}" for n in names)
        yield (
            f"| {law} | {len(far)} | {_share(far, 'right')} | {_share(far, 'wrong')} "
            f"| {len(near)} | {_share(near, 'right')} | {_share(near, 'wrong')} | {told} |"
        )
    yield ""


def _share(picks: list[Pick], answer: str) -> str:
    if not picks:
        return "–"
    return f"{sum(one.answer == answer for one in picks) / len(picks):.1%}"
