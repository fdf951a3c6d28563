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
    from domino_sim.calibration import calibrate
    from domino_sim.forecasting import forecast
    from domino_sim.frequencies import infer_frequencies
    from domino_sim.gradient.probe import SkillProbe
    from domino_sim.gradient.run import load_run
    from domino_sim.gradient.training import train
    from domino_sim.graph import load_graph
    from domino_sim.inference import infer
    from domino_sim.inference.planning import design_mixtures
    from domino_sim.meanfield import predict_gradient
    from domino_sim.modularity import compare_modularity
    from domino_sim.readers import read_curves
    from domino_sim.record import Recorder
    from domino_sim.scenario import Scenario, load_scenario
    from domino_sim.simulation import simulate
    from domino_sim.sweeps.sweeping import sweep

__version__ = "0.1.0"

__all__ = [
    "Recorder",
    "Scenario",
    "SkillProbe",
    "__version__",
    "calibrate",
    "compare_modularity",
    "design_mixtures",
    "forecast",
    "infer",
    "infer_frequencies",
    "load_graph",
    "load_run",
    "load_scenario",
    "predict_gradient",
    "read_curves",
    "simulate",
    "sweep",
    "train",
]

# Loaded on first use (PEP 562): importing the package must not import pydantic or xarray.
_HOMES = {
    "Recorder": "domino_sim.record",
    "Scenario": "domino_sim.scenario",
    "SkillProbe": "domino_sim.gradient.probe",
    "calibrate": "domino_sim.calibration",
    "compare_modularity": "domino_sim.modularity",
    "design_mixtures": "domino_sim.inference.planning",
    "forecast": "domino_sim.forecasting",
    "infer": "domino_sim.inference",
    "infer_frequencies": "domino_sim.frequencies",
    "load_graph": "domino_sim.graph",
    "load_run": "domino_sim.gradient.run",
    "load_scenario": "domino_sim.scenario",
    "predict_gradient": "domino_sim.meanfield",
    "read_curves": "domino_sim.readers",
    "simulate": "domino_sim.simulation",
    "sweep": "domino_sim.sweeps.sweeping",
    "train": "domino_sim.gradient.training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
