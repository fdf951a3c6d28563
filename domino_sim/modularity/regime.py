"""Which regime a training is in: what the time to learn everything grows with, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

import networkx as nx
import numpy as np

from domino_sim.graph import gate_of
from domino_sim.levels import logit, work_from_level
from domino_sim.modularity.floor import floor_of, time_with_floor
from domino_sim.modularity.simulated import mastery_times, total_time
from domino_sim.modularity.ways import Way
from domino_sim.pool import PoolSettings
from domino_sim.scenario import Scenario
from domino_sim.wording import shown

__all__ = ["Regime", "regime_of"]

#: Waste rules where the time without it is less than this part of the time with it.
WASTE = 0.5

#: The floor is told where it makes training longer by this factor.
FLOOR = 1.1

#: Skills that are named; of more, so many.
MOST_NAMES = 4

#: Dependencies rule where the longest chain alone takes this part of the time.
CHAIN = 0.5


@dataclass(frozen=True)
class Regime:
    """What the time of one pool grows with.

    Attributes
    ----------
    name
        ``no competition``, ``unfinished``, ``dependencies``, ``waste``, ``n``, ``√n`` or ``√n,
        bent by the step size``.
    text
        What that means, in a few sentences with the numbers of this training.
    rule
        By which rule it was told.
    coefficient
        c = T η/(θ √n) of one pool.
    floor
        η p_max/2; 0 where there is none.
    """

    name: str
    text: str
    rule: str
    coefficient: float
    floor: float


def regime_of(one: Way, total: float) -> Regime:
    """Tell the regime of one pool, which takes `total` steps."""
    scenario = one.scenario
    settings = PoolSettings(**scenario.pool.model_dump())
    rate, wasted = settings.derive()
    trained = int((scenario.frequency_array() > 0.0).sum())
    rise, theta = _rise(scenario)
    times = "" if rise == "1" else f"{rise} "
    c = total * rate / (theta * math.sqrt(trained)) if math.isfinite(total) else math.nan
    floor = floor_of(one)

    def regime(name: str, text: str, rule: str) -> Regime:
        return Regime(name, text, rule, c, floor)

    if settings.law == "constant":
        return regime(
            "no competition",
            "skills do not compete (constant: SGD), and modules change nothing. The rarest skill "
            f"takes log(1/(1 − θ))/(p η) = {_alone(scenario):,.4g} steps whatever the others do; "
            "only its frequency and the learning rate help.",
            "the law is constant",
        )
    if not math.isfinite(total):
        return regime("unfinished", _unfinished(scenario), "some skill is never mastered")
    chain = _longest_chain(scenario)
    after = ""
    if scenario.skill_graph().number_of_edges():
        after = (
            " That is without dependencies; with them a skill may wait for one in another module."
        )
    alone = chain * theta / rate
    if chain > 1 and alone > CHAIN * total:
        return regime(
            "dependencies",
            f"the longest chain of dependencies has {chain} of {trained} skills and takes "
            f"{alone:,.4g} of {total:,.4g} steps even with the whole network. No split learns it "
            "side by side, and in a module it has only √share of the speed.",
            f"its chain of {chain} · {rise}/η is more than {CHAIN:g} of the time",
        )
    if wasted > 0.0 and settings.law != "domino":
        free = total_time(mastery_times(_without_waste(scenario)))
        if free < WASTE * total:
            return regime(
                "waste",
                f"most of the time is waste: {free:,.4g} of {total:,.4g} steps without N₀ = "
                f"{wasted:.3g}. Modules share the waste as they share the parameters, so they gain "
                f"little; the rarest skill needs N₀ log(1/(1 − θ))/(p η) = "
                f"{wasted * _alone(scenario):,.4g} steps in any module. Even sampling helps.",
                f"the time without N₀ is below {WASTE:g} of that with it",
            )
    if settings.law != "norm":
        what = "one skill at a time" if settings.law == "domino" else "the paper's Eq. 1"
        return regime(
            "n",
            f"one pool takes about {times}n/η ({what}), and a module each {times}√n/η = "
            f"{math.sqrt(trained) * theta / rate:,.4g}: modules gain up to √n = "
            f"{math.sqrt(trained):.3g}. No mixture helps: the pool is never idle.{after}",
            f"the law is {settings.law}",
        )
    bent = time_with_floor(one)
    gain = (
        f"one pool takes c {times}√n/η with c = {c:.3g}, a module each {times}√n/η: modules gain "
        "at most that constant factor, and so does even or balanced sampling, without modules."
        f"{after}"
    )
    if bent > FLOOR * total:
        return regime(
            "√n, bent by the step size",
            f"{gain} But SignGD wastes η p_max/2 = {floor:.3g} once the most frequent skill is "
            f"mastered and cannot stand still: {bent:,.4g} steps, {bent / total:.3g} times as "
            "long, and the more skills, the nearer to n or beyond. A lower learning rate at the "
            "end, even sampling or modules take that away.",
            f"the law is norm, and the step-size floor makes it {FLOOR:g} times as long or more",
        )
    return regime("√n", gain, "the law is norm, without much waste and with small steps")


def _without_waste(scenario: Scenario) -> Scenario:
    rate, _ = PoolSettings(**scenario.pool.model_dump()).derive()
    pool = {"law": scenario.pool.law, "rate": rate, "wasted": 0.0}
    return scenario.model_copy(update={"pool": pool})


def _alone(scenario: Scenario) -> float:
    """Return W/(p η) of the rarest trained skill."""
    p = scenario.frequency_array()
    rarest = int(np.argmin(np.where(p > 0.0, p, np.inf)))
    rate, _ = PoolSettings(**scenario.pool.model_dump()).derive()
    start = work_from_level(scenario.level_array()[rarest], scenario.loss)
    work = float(work_from_level(scenario.mastery, scenario.loss) - start)
    return max(work, 0.0) / (float(p[rarest]) * rate)


def _rise(scenario: Scenario) -> tuple[str, float]:
    """Return what a skill gains until mastery, as symbol and number: η times its time alone."""
    if scenario.pool.law == "domino":
        return "1", 1.0
    if scenario.loss == "ce":
        return "logit θ", float(logit(scenario.mastery))
    return "θ", scenario.mastery


def _unfinished(scenario: Scenario) -> str:
    """Say which skills are never mastered, and why."""
    at = mastery_times(scenario)
    never = [i for i in range(len(scenario.names)) if math.isnan(at[i])]
    untrained = [i for i in never if scenario.frequency_array()[i] == 0.0]

    def some(numbers: list[int]) -> str:
        names = ", ".join(shown(scenario.names[i]) for i in numbers[:MOST_NAMES])
        more = len(numbers) - MOST_NAMES
        return f"{names} and {more} more" if more > 0 else names

    text = f"never mastered: {some(never)}; so there is no total time, and no gain to tell."
    if untrained:
        text += f" Of frequency 0: {some(untrained)}."
    return text


def _longest_chain(scenario: Scenario) -> int:
    """Return the most skills that must be learned one after the other.

    One where gates are soft or leak: then a skill begins before what it needs is mastered, and
    alone in a module, without waste, it goes at full speed however little its gate is open.
    """
    if scenario.gate.kind == "soft" or scenario.gate.leak:
        return 1
    graph = scenario.skill_graph()
    depth: dict[str, float] = {}
    for name in nx.topological_sort(graph):
        gate = gate_of(graph, name)
        depth[name] = 1.0 + (0.0 if gate is None else gate.opening(depth))
    return int(max(depth.values()))
