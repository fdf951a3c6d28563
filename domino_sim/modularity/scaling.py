"""How the total time grows with the number of skills, each way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.levels import Floats
from domino_sim.modularity.floor import time_with_floor
from domino_sim.modularity.partition import with_shares
from domino_sim.modularity.proposals import EACH, each
from domino_sim.modularity.simulated import total_time
from domino_sim.modularity.variants import first_skills, on_mixture, part_of
from domino_sim.modularity.ways import ONE_POOL, Way, sampling_ways
from domino_sim.progress import Meter, NullMeter
from domino_sim.scenario import Scenario
from domino_sim.sweeps.fits import PowerLaw, fit_power_law

__all__ = ["FLOORED", "Scaling", "scaling_of", "sizes_of"]

FLOORED = "one pool, with the step-size floor"

#: The fewest skills of which times are fitted; fewer where there are few in all.
FIRST = 4

#: A power law needs so many numbers of skills.
FEWEST = 3


@dataclass(frozen=True)
class Scaling:
    """Total times over the number of skills.

    Attributes
    ----------
    sizes : (k,)
        Numbers of skills.
    times
        By way, (k,): total times; infinite where not all are mastered, or modules would be more
        than parameters.
    laws
        By way: the fitted power law, where there are enough times.
    """

    sizes: np.ndarray
    times: dict[str, Floats]
    laws: dict[str, PowerLaw]


def sizes_of(count: int) -> list[int]:
    """Return the numbers of skills: doubling, and all; none where there are too few.

    Examples
    --------
    >>> sizes_of(40), sizes_of(10), sizes_of(3)
    ([4, 8, 16, 32, 40], [2, 4, 8, 10], [])
    """
    size = FIRST if count >= FIRST * 2 ** (FEWEST - 1) else FIRST // 2
    found = []
    while size < count:
        found.append(size)
        size *= 2
    found.append(count)
    return found if len(found) >= FEWEST else []


def scaling_of(scenario: Scenario, rule: str, meter: Meter | None = None) -> Scaling | None:
    """Return how total times grow with the number of skills.

    None for too few skills, or if they are never mastered.

    Of k skills the first k are taken, prerequisites before dependents; their frequencies add up
    to what all of them do, as a network that learns only those is trained on nothing else.
    """
    names = first_skills(scenario.skill_graph())
    sizes = sizes_of(len(names))
    if not sizes:
        return None
    found: dict[str, Floats] = {}
    with (meter or NullMeter()).task("scaling", sum(sizes)) as report:
        for number, size in enumerate(sizes):
            for title, way in _ways(scenario, names[:size], rule).items():
                take = time_with_floor if title == FLOORED else _total
                found.setdefault(title, np.full(len(sizes), np.inf))[number] = take(way)
            report(sum(sizes[: number + 1]))
    if np.isnan(found[FLOORED]).any():
        del found[FLOORED]
    if not np.isfinite(found[ONE_POOL]).any():
        return None
    count = np.array(sizes)
    laws = {
        title: fit_power_law(count, values) for title, values in found.items()
        if np.isfinite(values).sum() >= FEWEST
    }  # fmt: skip
    return Scaling(count, found, laws)


def _total(way: Way) -> float:
    return total_time(way.mastery())


def _ways(scenario: Scenario, names: list[str], rule: str) -> dict[str, Way]:
    part = part_of(scenario, names)
    p = part.frequency_array()
    whole = float(scenario.frequency_array().sum())
    if p.any():
        part = on_mixture(part, p * (whole / p.sum()))
    ways = {way.title: way for way in sampling_ways(part)}
    if len(names) <= (part.pool.n_dim or len(names)):
        frequency = dict(zip(names, part.frequency_array().tolist(), strict=True))
        split = with_shares(each(names), frequency, rule, part.pool.n_dim)
        ways[EACH] = Way(EACH, part, split)
    return {**ways, FLOORED: ways[ONE_POOL]}
