"""What an engine keeps while it runs, and the labelled result it makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from domino_sim.engines.conditions import Conditions
from domino_sim.engines.phase import Sample
from domino_sim.engines.system import System
from domino_sim.levels import Floats

if TYPE_CHECKING:
    import xarray as xr


class Sampled(Protocol):
    """A stretch of one pool that can be sampled."""

    opened: Floats
    mastered: Floats

    def sample(self, t: Floats) -> Sample:
        """State at times `t` (k,)."""


class Recording:
    """Levels, gates and shares at the recorded steps, and the instants of each skill.

    Attributes
    ----------
    level, gate, share : (points, n) arrays
    wasted : (points, modules) array
    opened_at, mastered_at : (n,) arrays
        In steps, NaN until it happens.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        n, points = len(system.names), len(system.record)
        self.level = np.empty((points, n))
        self.gate = np.empty((points, n))
        self.share = np.empty((points, n))
        self.wasted = np.empty((points, len(system.modules)))
        self.opened_at = np.full(n, np.nan)
        self.mastered_at = np.full(n, np.nan)

    def keep(
        self,
        phase: Sampled,
        module: int,
        begun: float,
        span: float,
        *,
        last: bool,
        absent: np.ndarray,
    ) -> None:
        """Keep what `phase` of `module`, begun at step `begun`, says of `span` steps."""
        system = self._system
        steps = system.record
        stop = np.searchsorted(steps, begun + span, side="right" if last else "left")
        points = slice(int(np.searchsorted(steps, begun, side="left")), int(stop))
        whole = len(system.modules) == 1
        here = slice(None) if whole else np.flatnonzero(system.module == module)
        if points.stop > points.start:
            found = phase.sample(np.maximum(steps[points] - begun, 0.0))
            for kept, values in (
                (self.level, found.level),
                (self.gate, found.gate),
                (self.share, found.share),
            ):
                kept[points, here] = values[here].T
            self.wasted[points, module] = found.wasted
            if absent.any():
                gone = absent if whole else absent & (system.module == module)
                self.level[points, gone] = system.level[gone]
                self.gate[points, gone] = 0.0
        for instants, times in (
            (self.opened_at, phase.opened),
            (self.mastered_at, phase.mastered),
        ):
            now = np.isnan(instants) & (times <= span) & ~absent
            if not whole:
                now &= system.module == module
            instants[now] = begun + times[now]

    def result(self, conditions: Conditions, engine: str) -> xr.Dataset:
        """Return the labelled result."""
        blank = blank_result(self._system)
        found = blank.copy(
            data={
                "level": self.level,
                "gate": self.gate,
                "share": self.share,
                "wasted": self.wasted,
                "opened_at": self.opened_at,
                "mastered_at": self.mastered_at,
                "reason": conditions.reasons(self.opened_at, self.mastered_at),
                "frequency": conditions.frequency,
            }
        )
        found.attrs["engine"] = engine
        return found


def blank_result(system: System) -> xr.Dataset:
    """The result of `system` but for its numbers, which take no memory; built once.

    Most of a small run's time would otherwise go into indexes and names that never change.
    """
    blank = system.__dict__.get("_blank_result")
    if blank is None:
        from domino_sim.result import make_result

        n, points = len(system.names), len(system.record)
        each, one = np.broadcast_to(0.0, (points, n)), np.broadcast_to(0.0, (n,))
        blank = make_result(
            steps=system.record,
            names=system.names,
            level=each,
            gate=each,
            share=each,
            wasted=np.broadcast_to(0.0, (points, len(system.modules))),
            opened_at=one,
            mastered_at=one,
            reason=np.full(n, ""),
            frequency=one,
            modules=system.modules,
            pool_of=system.module,
            attrs=system.attrs,
        )
        system.__dict__["_blank_result"] = blank
    return blank
