"""A run in progress, as the processes see it that users write."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from domino_sim.engines.pools import SharedPool
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.levels import level_from_work

if TYPE_CHECKING:
    from domino_sim.engines.event_run import EventRun

#: A process that joins a run: a function of the run that yields SimPy events.
Process = Callable[["Training"], Generator[simpy.Event, Any, None]]


class Training:
    """A run in progress: what processes may ask of it, wait for and change.

    Attributes
    ----------
    env : simpy.Environment
        ``env.now`` is the training step; ``env.timeout(k)`` waits k steps.
    names : tuple of str
        The skills.
    rng : numpy.random.Generator
        Random numbers from the scenario's seed, for processes that need them.
    """

    def __init__(self, run: EventRun) -> None:
        self.env = run.env
        self.names = run.system.names
        self.rng = np.random.default_rng(int(run.system.attrs["seed"]))
        self._run = run
        self._index = {name: i for i, name in enumerate(self.names)}

    def level(self, name: str) -> float:
        """Level of skill `name` now."""
        skill = self._number(name)
        pool = self._run.pool(skill)
        if isinstance(pool, SharedPool):
            pool.sync()
            return float(level_from_work(pool.work(skill), self._run.system.loss))
        return pool.level(skill)

    def frequency(self, name: str) -> float:
        """Frequency of skill `name` now."""
        return float(self._run.conditions.frequency[self._number(name)])

    def is_open(self, name: str) -> bool:
        """Whether the gate of `name` is open (soft: all it needs is mastered)."""
        return self._run.opened[self._number(name)]

    def is_mastered(self, name: str) -> bool:
        """Whether `name` has been mastered."""
        return self._run.is_mastered(self._number(name))

    def learnable(self) -> list[str]:
        """Names of the skills whose gates are open and which are neither mastered nor frozen."""
        barred = self._run.conditions.frozen | self._run.conditions.absent
        return [
            name
            for i, name in enumerate(self.names)
            if self._run.opened[i] and not barred[i] and not self._run.is_mastered(i)
        ]

    def mastered(self, name: str) -> simpy.Event:
        """Event of the mastery of `name`; it may have happened already.

        Like all events processes are given, it comes after the gates that open at that instant.
        """
        skill = self._number(name)
        return self._run.told(self._run.told_mastered, skill, done=self._run.is_mastered(skill))

    def opened(self, name: str) -> simpy.Event:
        """Event of the opening of the gate of `name`; it may have happened already."""
        skill = self._number(name)
        return self._run.told(self._run.told_opened, skill, done=self._run.opened[skill])

    def next_mastery(self) -> simpy.Event:
        """Event of the next mastery of any skill; its value is the skill's name.

        Of several skills mastered at one instant it names the first; `is_mastered` tells of all.
        """
        if self._run.next_mastery is None:
            self._run.next_mastery = self.env.event()
        return self._run.next_mastery

    def passes(self, name: str, level: float) -> simpy.Event:
        """Event of `name` passing `level` (0 to 1)."""
        skill = self._number(name)
        if not (is_number(level) and 0.0 <= level <= 1.0):
            raise ArgumentError(
                f"The 'level' parameter of passes is {level!r}", expected="a number from 0 to 1"
            )
        return self._run.reaches(skill, level, lambda event: self._run.tell(event, name))

    def set_frequency(self, name: str, frequency: float) -> None:
        """From now on train `name` with `frequency` (≥ 0, finite)."""
        skill = self._number(name)
        if not (is_number(frequency) and 0.0 <= frequency < math.inf):
            raise ArgumentError(
                f"The 'frequency' parameter of set_frequency is {frequency!r}",
                expected="a finite number ≥ 0",
            )
        self._run.conditions.frequency[skill] = float(frequency)
        self._run.retrain(skill)

    def freeze(self, name: str) -> None:
        """From now on `name` has no demand; its level is kept."""
        skill = self._number(name)
        self._run.conditions.frozen[skill] = True
        self._run.retrain(skill)

    def unfreeze(self, name: str) -> None:
        """From now on `name` may learn again."""
        skill = self._number(name)
        self._run.conditions.frozen[skill] = False
        self._run.retrain(skill)

    def _number(self, name: str) -> int:
        try:
            return self._index[name]
        except (KeyError, TypeError):
            raise ArgumentError(
                f"there is no skill {name!r}", nearest=nearest_name(name, self.names)
            ) from None


def is_number(value: object) -> bool:
    """Whether `value` is a real number, Python's or NumPy's; a bool is not."""
    return isinstance(value, Real) and not isinstance(value, bool)
