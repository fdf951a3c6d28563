"""The step-size floor of SignGD: what mastered frequent skills waste by jumping to and fro.

A finite step cannot hold a mastered skill still: it jumps by η/2, and the pool of a module never
divides less than η p/2, p its highest frequency (``docs/theory.md``, "Mean field of gradient
runs"). Under ``norm`` that is a waste N₀ of its own, beside the one of the scenario. It is a
property of training, not of the pool law, so the simulated times do not have it; these do.
"""

from __future__ import annotations

import math

import numpy as np

from domino_sim.levels import Floats
from domino_sim.modularity.simulated import mastery_times, total_time
from domino_sim.modularity.variants import crosses, part_of
from domino_sim.modularity.ways import Way
from domino_sim.pool import PoolSettings

__all__ = ["floor_of", "time_with_floor"]


def floor_of(way: Way) -> float:
    """Return η p_max/2 of one pool; 0 where there is none: not under ``norm``, or balanced."""
    scenario = way.run()
    if scenario.pool.law != "norm" or way.sampling == "balanced":
        return 0.0
    rate, _ = PoolSettings(**scenario.pool.model_dump()).derive()
    return 0.5 * rate * float(scenario.frequency_array().max())


def time_with_floor(way: Way) -> float:
    """Return when all skills are mastered with the floor of every pool; NaN where not known.

    It is not where no floor is, or a dependency leads from one module to another.
    """
    scenario = way.run()
    graph = scenario.skill_graph()
    if scenario.pool.law != "norm" or scenario.loss != "mse":
        return math.nan
    if way.sampling == "balanced":
        return total_time(way.mastery())
    if way.partition is not None and crosses(graph, way.partition):
        return math.nan
    frequency = dict(zip(scenario.names, scenario.frequency_array().tolist(), strict=True))
    settings = PoolSettings(**scenario.pool.model_dump())
    titles, shares, module = scenario.module_of()
    longest = 0.0
    for m in range(len(titles)):
        names = [scenario.names[i] for i in np.flatnonzero(module == m)]
        rate, wasted = settings.derive(float(shares[m]))
        floor = 0.5 * rate * max(frequency[name] for name in names)
        # A skill alone has nobody to disturb.
        waste = math.hypot(wasted, floor) if len(names) > 1 else wasted
        pool = {"law": "norm", "rate": rate, "wasted": waste}
        times: Floats = mastery_times(part_of(scenario, names, pool=pool))
        longest = max(longest, total_time(times))
    return longest
