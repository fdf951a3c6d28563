"""One verb: `simulate` a scenario with an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from domino_sim import engines
from domino_sim.engines.system import System, build_system
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.scenario import Scenario

if TYPE_CHECKING:
    import xarray as xr


class Engine(Protocol):
    """What `simulate` needs of an engine."""

    @property
    def name(self) -> str:
        """Name, as in ``engine="clock"``."""

    def run(self, system: System) -> xr.Dataset:
        """Return the result of `system`."""


def simulate(scenario: Scenario, engine: str | Engine = "events") -> xr.Dataset:
    """Run a scenario and return its labelled learning curves.

    Parameters
    ----------
    scenario
        What to simulate (`load_scenario`, or `Scenario.from_dict`).
    engine
        ``"events"`` (discrete events, SimPy; the default), ``"clock"`` (closed forms; fastest) or
        ``"euler"`` (the paper's stepping); or an engine object with options of its own:
        `engines.Events`, `engines.Clock`, `engines.Euler`.

    Returns
    -------
    xarray.Dataset
        Dims ``step``, ``skill``, ``module``; variables ``level``, ``gate``, ``share``
        (step, skill), ``wasted`` (step, module), and per skill ``opened_at``, ``mastered_at``
        (in steps, real-valued; NaN = never), ``reason`` and ``frequency``.

    Raises
    ------
    ArgumentError
        If there is no such engine, or `scenario` is not a Scenario.
    EngineError
        If this engine cannot run this scenario; the message names one that can.
    ScenarioError
        If its record does not fit the memory; the message says how large it is.
    RunError
        If the run cannot be carried through.

    Examples
    --------
    >>> import domino_sim
    >>> scenario = domino_sim.load_scenario("two-pairs")
    >>> ds = domino_sim.simulate(scenario, engine="clock")
    >>> round(float(ds.mastered_at.sel(skill="T7")))
    8657
    """
    if not isinstance(scenario, Scenario):
        raise ArgumentError(
            f"The 'scenario' parameter of simulate is a {type(scenario).__name__}",
            expected="a Scenario, as load_scenario(name_or_path) gives",
        )
    return _engine(engine).run(_system(scenario))


def _engine(engine: str | Engine) -> Engine:
    if isinstance(engine, str):
        if engine not in engines.ENGINES:
            raise ArgumentError(
                f"The 'engine' parameter of simulate is {engine!r}",
                expected="one of " + ", ".join(map(repr, engines.ENGINES)),
                nearest=nearest_name(engine, engines.ENGINES),
            )
        return getattr(engines, engines.ENGINES[engine])()
    if isinstance(engine, type) or not callable(getattr(engine, "run", None)):
        raise ArgumentError(
            f"The 'engine' parameter of simulate is a {type(engine).__name__}",
            expected="an engine's name, or one of engines.Events, engines.Clock, engines.Euler",
        )
    return engine


def _system(scenario: Scenario) -> System:
    """Return the scenario as arrays; built once, as a scenario does not change."""
    system = scenario.__dict__.get("_built_system")
    if system is None:
        system = build_system(scenario)
        scenario.__dict__["_built_system"] = system
    return system
