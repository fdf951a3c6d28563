"""The engines, one a room: ``events`` (SimPy), ``clock`` (closed forms), ``euler`` (the paper's).

An engine is a small frozen object with its options; `domino_sim.simulate` takes one, or its name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domino_sim.engines.clock import Clock
    from domino_sim.engines.euler import Euler
    from domino_sim.engines.events import Events

__all__ = ["ENGINES", "Clock", "Euler", "Events"]

#: Engine names and where their class is.
ENGINES = {"events": "Events", "clock": "Clock", "euler": "Euler"}


def __getattr__(name: str) -> Any:
    for room, engine in ENGINES.items():
        if name == engine:
            return getattr(import_module(f"domino_sim.engines.{room}"), engine)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
