"""Everything about the skills of a run but the pool, and the directions in which it can change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import expit

from domino_sim.engines.circuit import Circuit
from domino_sim.engines.paths import Skills
from domino_sim.levels import Floats, level_from_work, logit, work_from_level

__all__ = ["Growth", "Move", "Path"]

Growth = Literal["mse", "ce", "logistic"]


@dataclass(frozen=True)
class Path:
    """Everything about the skills of a run but the pool.

    Attributes
    ----------
    circuit
        The gates.
    frequency : (n,) array
        p, ≥ 0.
    growth
        How a level grows with the work: ``mse``, ``ce``, or ``logistic``, s = σ(w), which needs
        hard gates and the law ``constant``.
    mastery
        θ, at which a hard gate opens.
    leak
        λ, how far a shut gate lets a skill learn.
    exponent
        α of soft gates; None where they are hard.
    start
        Logit of the level at the start, for ``logistic`` growth only.
    """

    circuit: Circuit
    frequency: Floats
    growth: Growth
    mastery: float = 0.99
    leak: float = 0.0
    exponent: float | None = None
    start: float = 0.0

    @property
    def soft(self) -> bool:
        """Whether some gate is soft."""
        return self.exponent is not None and not self.circuit.free

    @property
    def begin(self) -> float:
        """The level at the start."""
        if self.growth == "logistic":
            return float(expit(self.start))
        return 0.0 if self.growth == "mse" else 0.5

    def skills(self, *others: Path) -> Skills:
        """Return what the clock engine needs, for these paths side by side."""
        speed = np.stack([path.frequency for path in (self, *others)], axis=1)
        if self.growth == "logistic":
            # The clock's own losses only matter to laws and soft gates, which are not had here.
            start, target, loss = self.start, float(logit(self.mastery)), "mse"
        else:
            start = 0.0 if self.growth == "mse" else 1.0  # the work l + e^l at l = 0
            target, loss = float(work_from_level(self.mastery, self.growth)), self.growth
        work = np.full(speed.shape, start)
        return Skills(self.circuit, work, speed, target, self.leak, loss)  # type: ignore[arg-type]

    def level(self, work: Floats) -> Floats:
        """Return the level at `work`."""
        if self.growth == "logistic":
            return expit(work)
        return level_from_work(work, self.growth)


@dataclass(frozen=True)
class Move:
    """A direction in which a path changes: derivatives of its numbers by one parameter.

    `frequency` (n,) is d log p/dx; the others are numbers.
    """

    frequency: Floats
    mastery: float = 0.0
    leak: float = 0.0
    exponent: float = 0.0
    start: float = 0.0

    @property
    def of_all(self) -> bool:
        """Whether it changes numbers that all skills share."""
        return bool(self.mastery or self.leak or self.start)

    def along(self, path: Path, size: float) -> Path:
        """Return `path` moved by `size` of the parameter."""
        exponent = None if path.exponent is None else path.exponent + size * self.exponent
        return replace(
            path,
            frequency=path.frequency * np.exp(size * self.frequency),
            mastery=path.mastery + size * self.mastery,
            leak=path.leak + size * self.leak,
            start=path.start + size * self.start,
            exponent=exponent,
        )
