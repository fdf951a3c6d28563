"""domino-sim: how neural networks learn skills, as agents that compete for a shared resource.

>>> import domino_sim
>>> ds = domino_sim.simulate(domino_sim.load_scenario("two-pairs"))
>>> str(ds.mastered_at.idxmax().item())
'T7'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domino_sim.graph import load_graph
    from domino_sim.scenario import Scenario, load_scenario
    from domino_sim.simulation import simulate

__version__ = "0.1.0"

__all__ = ["Scenario", "__version__", "load_graph", "load_scenario", "simulate"]

# Loaded on first use (PEP 562): importing the package must not import pydantic or xarray.
_HOMES = {
    "Scenario": "domino_sim.scenario",
    "load_graph": "domino_sim.graph",
    "load_scenario": "domino_sim.scenario",
    "simulate": "domino_sim.simulation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
