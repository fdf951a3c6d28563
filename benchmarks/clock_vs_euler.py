"""The engines against a plain NumPy Euler loop of the same model: 10 skills, 1000 steps.

Baseline: `benchmarks.euler_loop.euler`, which returns the levels at every step and nothing else,
timed in the same rounds. Ratio: how many times faster, a scenario. Targets: ``clock`` at least
10 × arrays in, arrays out (one set) and 4 × through `simulate`; a scenario of a batch of 1000
parameter sets 100 × at 100 recorded points and 25 × at 1000; ``events`` no slower. Frequencies
i^−1; the rate is such that all ten skills are mastered within the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.euler_loop import euler, euler_batch
from benchmarks.measure import Row, Target, interleaved, speedup

SKILLS, STEPS, RUNS = 10, 1000, 1000


@dataclass(frozen=True, slots=True)
class Model:
    """One variant: pool law, gates (None, "hard" or "soft") and the rate that masters all."""

    title: str
    law: str
    gates: str | None
    rate: float
    wasted: float = 1e-3
    exponent: float = 0.1

    def scenario(self) -> dict[str, Any]:
        """Return the tables of the scenario file."""
        soft = {"kind": "soft", "exponent": self.exponent}
        family = "layered" if self.gates else "independent"
        return {
            "steps": STEPS,
            "record": {"points": STEPS},
            "graph": {"family": family, "n": SKILLS},
            "frequencies": {"law": "power", "exponent": 1.0},
            "pool": {"law": self.law, "rate": self.rate, "wasted": self.wasted},
            "gate": soft if self.gates == "soft" else {"kind": "hard"},
        }


MODELS = (
    Model("independent, sum", "sum", None, rate=0.0125),
    Model("hard gates, sum", "sum", "hard", rate=0.0125),
    Model("soft gates, sum", "sum", "soft", rate=0.0125),
    Model("independent, norm", "norm", None, rate=0.01),
    Model("hard gates, norm", "norm", "hard", rate=0.0125),
    Model("soft gates, norm", "norm", "soft", rate=0.0125),
)


def measure(quick: bool) -> Iterator[Row]:
    """Yield the rows of every variant."""
    for model in MODELS[1:2] if quick else MODELS:
        yield from _engines(model, rounds=2 if quick else 15)
        yield from _batches(model, runs=50 if quick else RUNS, rounds=2 if quick else 5)


def _engines(model: Model, rounds: int) -> Iterator[Row]:
    """One scenario through each way in."""
    from domino_sim import simulate
    from domino_sim.engines import Clock, Events
    from domino_sim.engines.clock import solve_batch
    from domino_sim.engines.system import build_system
    from domino_sim.scenario import Scenario

    scenario = Scenario.from_dict(model.scenario())
    system = build_system(scenario)
    p, steps = scenario.frequency_array(), np.arange(STEPS + 1.0)
    baseline = _baseline(model, scenario)
    eta, n0 = np.array([model.rate]), np.array([model.wasted])

    def arrays():  # type: ignore[no-untyped-def]
        return solve_batch(system, frequency=p[None], rate=eta, wasted=n0, record=steps)

    seconds = interleaved(
        {
            "euler": baseline,
            "arrays": arrays,
            "clock": lambda: simulate(scenario, "clock"),
            "clock first": lambda: Clock().run(build_system(scenario)),
            "events": lambda: simulate(scenario, "events"),
            "events first": lambda: Events().run(build_system(scenario)),
        },
        rounds,
    )
    found = arrays()
    apart = np.abs(found.level[0] - baseline()).max()
    yield Row(
        f"{model.title}: Euler loop (baseline)", seconds["euler"], "s",
        note=f"{np.isfinite(found.mastered_at).sum()} of {SKILLS} mastered; "
        f"levels within {apart:.1g} of clock's",
    )
    for key, name, target in (
        ("arrays", "clock, arrays in and out", Target("≥", 10, "×")),
        ("clock", "clock through simulate", Target("≥", 4, "×")),
        ("clock first", "clock, scenario's arrays made anew", None),
        ("events", "events through simulate", Target("≥", 1, "×")),
        ("events first", "events, scenario's arrays made anew", None),
    ):
        yield Row(
            f"{model.title}: {name}", seconds[key], "s",
            speedup(seconds["euler"], seconds[key]), target,
            note=f"{STEPS + (key == 'arrays')} points",
        )


def _batches(model: Model, runs: int, rounds: int) -> Iterator[Row]:
    """Many parameter sets at once; seconds are those of one scenario."""
    from domino_sim.engines.clock import solve_batch
    from domino_sim.engines.system import build_system
    from domino_sim.scenario import Scenario

    scenario = Scenario.from_dict(model.scenario())
    system = build_system(scenario)
    rng = np.random.default_rng(0)
    p = scenario.frequency_array() * np.exp(0.3 * rng.standard_normal((runs, SKILLS)))
    eta = model.rate * np.exp(0.1 * rng.standard_normal(runs))
    n0 = model.wasted * np.exp(0.3 * rng.standard_normal(runs))

    def batch(points: int):  # type: ignore[no-untyped-def]
        record = np.linspace(0.0, STEPS, points)
        return lambda: solve_batch(system, frequency=p, rate=eta, wasted=n0, record=record)

    jobs = {"euler": _baseline(model, scenario), "100": batch(100), "1000": batch(1000)}
    if model.gates is None and model.law == "sum":
        jobs["euler 100"] = lambda: euler_batch(p, eta, n0, STEPS, STEPS // 100)
    seconds = interleaved(jobs, rounds)
    for points, bound in (("100", 100.0), ("1000", 25.0)):
        each = tuple(s / runs for s in seconds[points])
        yield Row(
            f"{model.title}: clock, batch, {points} points, a scenario", each, "s",
            speedup(seconds["euler"], each), Target("≥", bound, "×"),
            note=f"{runs} parameter sets",
        )
    if "euler 100" in seconds:
        each = tuple(s / runs for s in seconds["euler 100"])
        yield Row(
            f"{model.title}: Euler loop over the whole batch, 100 points, a scenario", each, "s",
            speedup(seconds["euler"], each),
            note=f"another baseline; clock's batch is "
            f"{speedup(seconds['euler 100'], seconds['100']):.3g} × as fast",
        )


def _baseline(model: Model, scenario):  # type: ignore[no-untyped-def]
    p = scenario.frequency_array()
    parents = _parents(scenario) if model.gates else None
    exponent = model.exponent if model.gates == "soft" else None
    return lambda: euler(
        p, model.rate, model.wasted, STEPS, law=model.law, parents=parents, exponent=exponent
    )


def _parents(scenario) -> NDArray[np.int64]:  # type: ignore[no-untyped-def]
    """Prerequisites by number, one row a skill, filled up with n."""
    graph, names = scenario.skill_graph(), scenario.names
    index = {name: i for i, name in enumerate(names)}
    most = max(len(graph.pred[name]) for name in names)
    parents = np.full((len(names), most), len(names))
    for i, name in enumerate(names):
        found = [index[parent] for parent in graph.pred[name]]
        parents[i, : len(found)] = found
    return parents
