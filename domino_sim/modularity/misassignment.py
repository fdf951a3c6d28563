"""What it costs to be wrong: skills that sit in a module that was made for others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from domino_sim.levels import Floats
from domino_sim.mixtures import frequencies as frequencies_by_law
from domino_sim.modularity.partition import Partition
from domino_sim.modularity.simulated import mastery_times, total_time
from domino_sim.modularity.variants import first_skills, in_modules, on_mixture, part_of
from domino_sim.progress import Meter, NullMeter
from domino_sim.scenario import Scenario

__all__ = ["FRACTIONS", "KINDS", "SKEWS", "Cost", "cost_of_errors", "misassigned"]

#: Skills that are misplaced go anywhere, or all into one module.
KINDS = ("scattered", "crowded")

#: Fractions of misassigned skills; skews α of frequencies i^−α.
FRACTIONS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
SKEWS = (0.0, 0.5, 1.0, 1.5, 2.0)

#: Random choices of skills that a median is of; the most skills of the diagram.
DRAWS, MOST_SKILLS = 3, 64


@dataclass(frozen=True)
class Cost:
    """Total times with misassigned skills.

    Attributes
    ----------
    right
        The title of the partition that counts as right.
    fractions : (k,)
        Fractions of misassigned skills.
    times : (2, k)
        By kind of error: total times on the mixture as it is, medians of `DRAWS`.
    skews : (m,)
        Exponents of frequencies ∝ i^−α.
    ratio : (2, m, k)
        Total time over that of one pool on the same mixture: above 1 the split loses to no split.
    skills
        Of how many skills `ratio` is.
    """

    right: str
    fractions: Floats
    times: Floats
    skews: Floats
    ratio: Floats
    skills: int


def misassigned(
    partition: Partition, fraction: float, kind: str, rng: np.random.Generator
) -> Partition:
    """Return the partition with a fraction of the skills in the wrong module.

    Shares stay as they were made for the right one; a module that loses all its skills is idle.

    Parameters
    ----------
    partition
        Two modules or more.
    fraction
        Of all skills, 0 to 1; rounded to whole skills.
    kind
        ``"scattered"``: each goes to another module at random; ``"crowded"``: all go into the first
        module with the smallest share.
    rng
        Which skills, and where to.

    Examples
    --------
    >>> right = Partition("right", {"1": ["A"], "2": ["B"], "3": ["C"]})
    >>> wrong = misassigned(right, 0.67, "crowded", np.random.default_rng(0))
    >>> {title: sorted(skills) for title, skills in wrong.modules.items()}
    {'1': ['A', 'B', 'C'], '2': [], '3': []}
    """
    home = partition.module_of()
    names, titles = list(home), list(partition.modules)
    # All is drawn before it is counted: a larger fraction has the errors of a smaller one.
    order = [names[i] for i in rng.permutation(len(names))]
    steps = rng.integers(1, len(titles), len(names)).tolist()
    count = round(fraction * len(names))
    if kind == "crowded":
        crowd = min(titles, key=lambda title: partition.shares.get(title, 1.0))
        outside = [name for name in order if home[name] != crowd]
        home.update(dict.fromkeys(outside[:count], crowd))
    else:
        place = {title: k for k, title in enumerate(titles)}
        for name, step in zip(order[:count], steps, strict=False):
            home[name] = titles[(place[home[name]] + step) % len(titles)]
    modules = {title: [n for n, where in home.items() if where == title] for title in titles}
    return replace(partition, title=f"{partition.title}, {kind} {fraction:g}", modules=modules)


def cost_of_errors(
    scenario: Scenario,
    right: Partition,
    shared: Callable[[Partition, Scenario], Partition],
    *,
    fractions: Sequence[float] = FRACTIONS,
    skews: Sequence[float] = SKEWS,
    seed: int = 0,
    meter: Meter | None = None,
) -> Cost:
    """Return total times over the fraction of misassigned skills, and over skew of frequencies.

    Parameters
    ----------
    scenario
        One pool.
    right
        The partition that is right, with two modules or more.
    shared
        Gives a partition of the skills of a scenario its shares.
    """
    few = _few(scenario, right)
    fractions = _distinct(fractions, len(few[0].names))
    work = len(KINDS) * len(fractions) * (1 + len(skews))
    with (meter or NullMeter()).task("misassigned skills", work) as report:
        done = 0

        def row(base: Scenario, split: Partition, one: float) -> Floats:
            nonlocal done
            found = np.empty((len(KINDS), len(fractions)))
            for k, kind in enumerate(KINDS):
                for f, fraction in enumerate(fractions):
                    found[k, f] = _median(base, split, fraction, kind, seed) / one
                    done += 1
                    report(done)
            return found

        times = row(scenario, shared(right, scenario), 1.0)
        ratio = np.empty((len(KINDS), len(skews), len(fractions)))
        for s, skew in enumerate(skews):
            spec = {"law": "power", "exponent": skew}
            base = on_mixture(few[0], frequencies_by_law(spec, few[0].names))
            one = total_time(mastery_times(base))
            ratio[:, s] = row(base, shared(few[1], base), one)
    return Cost(right.title, np.array(fractions), times, np.array(skews), ratio, len(few[0].names))


def _distinct(fractions: Sequence[float], count: int) -> list[float]:
    """Return the fractions that are different whole numbers of `count` skills, as these."""
    return [k / count for k in sorted({round(fraction * count) for fraction in fractions})]


def _few(scenario: Scenario, right: Partition) -> tuple[Scenario, Partition]:
    """Return the first `MOST_SKILLS` skills of a scenario, and the partition of them."""
    names = first_skills(scenario.skill_graph())
    if len(names) <= MOST_SKILLS:
        return scenario, right
    kept = set(names[:MOST_SKILLS])
    modules = {
        title: inside for title, skills in right.modules.items()
        if (inside := [name for name in skills if name in kept])
    }  # fmt: skip
    shares = {title: right.shares[title] for title in modules if right.shares}
    whole = sum(shares.values())
    shares = {title: share / whole for title, share in shares.items()}
    return part_of(scenario, names[:MOST_SKILLS]), replace(right, modules=modules, shares=shares)


def _median(scenario: Scenario, right: Partition, fraction: float, kind: str, seed: int) -> float:
    draws = DRAWS if fraction > 0.0 else 1
    times = []
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        wrong = misassigned(right, fraction, kind, rng)
        times.append(total_time(mastery_times(in_modules(scenario, wrong))))
    return float(np.median(times))
