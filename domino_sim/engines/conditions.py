"""What interventions have changed so far: one small object all engines share."""

from __future__ import annotations

import numpy as np

from domino_sim.engines.system import Intervention, System
from domino_sim.levels import Floats


class Conditions:
    """Frequencies, frozen and absent skills, and pool settings as they stand now.

    Attributes
    ----------
    frequency : (n,) array
        Current frequencies.
    frozen, absent : (n,) arrays of bool
        Skills that may not learn: frozen by an intervention, or not added yet.
    rate, wasted : (modules,) arrays
        η and N₀ of every pool.
    """

    def __init__(self, system: System) -> None:
        self.frequency = system.frequency.copy()
        self.frozen = np.zeros(len(system.names), dtype=bool)
        self.absent = system.absent.copy()
        self._system = system
        self._settings = system.pool
        self.rate, self.wasted = system.pools(self._settings)

    def apply(self, intervention: Intervention) -> None:
        """Carry out `intervention`."""
        for skill, value in intervention.frequency:
            self.frequency[skill] = value
        self.frozen[list(intervention.freeze)] = True
        self.frozen[list(intervention.unfreeze)] = False
        self.absent[list(intervention.add)] = False
        if intervention.settings:
            self._settings = self._settings.change(intervention.settings)
            self.rate, self.wasted = self._system.pools(self._settings)

    def speed(self) -> Floats:
        """Frequencies of the skills that may learn, 0 for the others; (n,)."""
        return np.where(self.frozen | self.absent, 0.0, self.frequency)

    def reasons(self, opened_at: Floats, mastered_at: Floats) -> np.ndarray:
        """Why each skill has not been mastered, "" where it has; (n,) of str."""
        return np.select(
            [
                ~np.isnan(mastered_at),
                self.frozen,
                self.frequency <= 0.0,
                self.absent | np.isnan(opened_at),
            ],
            ["", "frozen", "zero_frequency", "never_opened"],
            "out_of_steps",
        )


class Pending:
    """Interventions that have not happened yet; each happens once."""

    def __init__(self, system: System) -> None:
        self._left = list(system.interventions)

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(tuple(self._left))

    def __len__(self) -> int:
        return len(self._left)

    def take(self, intervention: Intervention) -> None:
        """Strike `intervention` from the list."""
        self._left = [item for item in self._left if item is not intervention]
