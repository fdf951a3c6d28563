"""The ways to train the same skills: one pool on three mixtures, and partitions into modules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.levels import Floats
from domino_sim.modularity.balanced import Balancer, balanced_run
from domino_sim.modularity.partition import Partition
from domino_sim.modularity.simulated import levels_at, mastery_times, total_time
from domino_sim.modularity.variants import in_modules, on_mixture, uniform
from domino_sim.scenario import Scenario

__all__ = ["BALANCED", "ONE_POOL", "UNIFORM", "Way", "sampling_ways"]

ONE_POOL, UNIFORM, BALANCED = "one pool", "uniform sampling", "balanced sampling"

#: Looks at the levels by a trainer who balances demands, in the time that one pool takes.
LOOKS = 200


@dataclass(frozen=True)
class Way:
    """One way to train the skills of a scenario.

    Attributes
    ----------
    title
        What to call it.
    scenario
        The skills in one pool, on the mixture as it is given.
    partition
        The modules, with shares; None: one pool.
    sampling
        ``"proportional"`` (the mixture as it is), ``"uniform"`` or ``"balanced"``.
    """

    title: str
    scenario: Scenario
    partition: Partition | None = None
    sampling: str = "proportional"

    def run(self) -> Scenario:
        """Return the scenario to be simulated; of balanced sampling what it starts from."""
        if self.partition is not None:
            return in_modules(self.scenario, self.partition)
        if self.sampling == "proportional":
            return self.scenario
        return on_mixture(self.scenario, uniform(self.scenario.frequency_array()))

    @property
    def _exact(self) -> bool:
        """Whether balanced sampling has a closed form."""
        return (
            self.sampling == "balanced" and self.scenario.gate.kind == "hard" and not self._serial
        )

    @property
    def _serial(self) -> bool:
        return self.scenario.pool.law == "domino"

    def mastery(self) -> Floats:
        """Return when each skill is mastered (n_skills,); NaN is never."""
        if self._exact:
            return balanced_run(self.scenario).mastered_at
        return mastery_times(self.run(), self._processes())

    def levels(self, steps: np.ndarray) -> Floats:
        """Return levels (len(steps), n_skills)."""
        if self._exact:
            return balanced_run(self.scenario).levels(steps.astype(float))
        return levels_at(self.run(), steps, self._processes())

    def _processes(self) -> list[Balancer]:
        if self.sampling != "balanced" or self._serial:
            return []
        known = total_time(mastery_times(self.scenario))
        every = known / LOOKS if np.isfinite(known) else self.scenario.steps / LOOKS
        return [Balancer(self.scenario, every)]


def sampling_ways(scenario: Scenario) -> list[Way]:
    """Return one pool on the mixture as it is, evenly sampled, and with balanced demands."""
    return [
        Way(ONE_POOL, scenario),
        Way(UNIFORM, scenario, sampling="uniform"),
        Way(BALANCED, scenario, sampling="balanced"),
    ]
