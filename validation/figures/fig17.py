"""Fig. 17: how dependencies shape the order in which skills are learned.

The published curves are explicit Euler steps of the Resource model; `euler` must give them again,
and the continuous model must be near. Both run here: the figure shows the continuous one, with
published points as rings. The third panel was published as a picture only: its order is compared.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import xarray as xr
from scipy.integrate import solve_ivp

from domino_sim import load_scenario
from domino_sim.levels import Floats
from domino_sim.scenario import Scenario
from validation.drawing import DOT, levels, panels
from validation.figure import Checked, Figure
from validation.passages import passage, passages
from validation.references import arrays, number
from validation.row import Instead, Row
from validation.setting import Setting
from validation.value import at_most, exactly

FIGURE = Figure(
    name="fig17",
    title="Task dependence in the Resource model",
    claim="A skill begins when the skills it depends on are learned: a chain, two pairs that feed "
    "one skill, and the same where one of two is enough.",
    source="arXiv 2501.12391, Fig. 17; Fig17_task_dependence.ipynb",
    minutes=0.1,
)

#: The bundled scenario of each panel, its title, and its reference file.
PANELS = (
    ("fig17-1", "a chain of three", "fig17_case1"),
    ("two-pairs", "two pairs, both needed", "fig17_case2"),
    ("fig17-3", "two pairs, one is enough", None),
)

#: Rounding that gates with an exponent of 1e-3 amplify (docs/theory.md); the files are float32.
ROUNDING = 1e-6

#: How near the continuous model is expected, as a part of when a level is passed.
NEAR = 0.005


#: Skills in the order in which the third published panel has them pass ½.
ORDER = ("T3", "T4", "T1", "T6", "T2", "T7", "T5")


def check(setting: Setting) -> Checked:
    """Simulate the three panels with two engines."""
    figure, axes = panels(1, 3, sharey=True, size=(11.4, 2.7))
    rows: list[Row] = []
    for ax, (name, title, file) in zip(axes[0], PANELS, strict=True):
        scenario = load_scenario(name).with_overrides({"steps": 20_000, "record": {"every": 1}})
        if file == "fig17_case1":
            scenario = scenario.with_overrides({"steps": 5000})
        ds = setting.simulator.simulate(scenario, "clock")
        levels(ax, ds.step, ds.level, title=title)
        if file:
            reference = arrays(file)
            step, level = reference["step"] + 1, reference["level"]
            ax.plot(step[::20], level[::20], **DOT, markersize=4)
            stepped = setting.simulator.simulate(scenario, "euler")
            rows.append(_euler_row(title, stepped.level.sel(step=step).values, level))
            rows += _full_rows(title, stepped.level.values[1:], file.removeprefix("fig17_"))
            rows.append(_continuous_row(title, ds, scenario, step, level[:, -1]))
        else:
            rows.append(_order(ds))
        ax.set_xlim(0, min(10_000, scenario.steps))
    lines = axes[0, 2].get_lines()
    for line, name in zip(lines, ds.skill.values.tolist(), strict=True):
        line.set_label(f"{name}, continuous")
    lines += axes[0, 2].plot([], [], **DOT, markersize=4, label="published (Euler)")
    figure.legend(handles=lines, frameon=False, fontsize=8, loc="outside right center")
    return Checked(tuple(rows), figure)


def _euler_row(title: str, ours: Floats, published: Floats) -> Row:
    return Row(
        f"{title}: largest difference of `euler` from the published levels",
        "reference run, explicit Euler, step 1",
        at_most(ROUNDING),
        exactly(np.abs(ours - published).max()),
        guards=("rate", "wasted", "gates", "law"),
    )


def _full_rows(title: str, ours: Floats, case: str) -> list[Row]:
    """Return the steps at which levels are passed, at full resolution, and the levels at the end.

    Entry i of `ours` is after step i + 1. In the end all of the second panel's levels are 1, which
    they are with many an error.
    """
    published = arrays("fig17_runs")
    at = passages(ours, np.arange(len(ours)), published["threshold"])
    at[np.isinf(at)] = -1
    source, guards = "reference run, explicit Euler, step 1", ("rate", "wasted", "gates", "law")
    off = np.abs(ours[-1] - published[f"final_{case}"]).max()
    return [
        Row(f"{title}: how many of the {at.size} steps at which `euler` passes 0.1, 0.5, 0.9, 0.95 "
            "differ from the published ones", source, exactly(0),
            exactly((at != published[f"at_{case}"]).sum()), guards=guards),
        Row(f"{title}: largest difference of `euler` from the published levels at the end, step "
            f"{len(ours)}", source, at_most(ROUNDING), exactly(off),
            guards=guards if case == "case1" else ()),
    ]  # fmt: skip


def _continuous_row(
    title: str, ds: xr.Dataset, scenario: Scenario, step: Floats, published: Floats
) -> Row:
    last = str(ds.skill.values[-1])
    expected = passage(step, _last_level(scenario, step))
    return Row(
        f"{title}: step at which {last} passes ½, in the continuous model",
        "reference run, explicit Euler, step 1",
        exactly(passage(step, published)),
        exactly(passage(ds.step.values, ds.level.values[:, -1])),
        within=NEAR,
        instead=Instead(
            "Euler's steps underflow: gates with this exponent open where u is below the smallest "
            "number; integrated in log u, by SciPy",
            exactly(expected),
        ),
        guards=("rate", "wasted", "gates", "law"),
    )


def _last_level(scenario: Scenario, step: Floats) -> Floats:
    """Return the last skill's level of a scenario with AND gates, integrated in log u.

    It shares nothing with the engines: what is expected must not change where they are wrong.
    """
    tables = scenario.to_dict()
    graph, frequency = scenario.skill_graph(), scenario.frequency_array()
    names = list(graph)
    needs = [[names.index(parent) for parent in graph.predecessors(name)] for name in names]
    rate, wasted = tables["pool"]["rate"], tables["pool"]["wasted"]
    exponent = tables["gate"]["exponent"]

    def slope(_: float, log_u: Floats) -> Floats:
        opened = -np.expm1(exponent * log_u)
        demand = frequency * np.array([opened[need].prod() for need in needs])
        return -rate * demand / ((demand * np.exp(log_u)).sum() + wasted)

    start = np.zeros(len(names))
    found = solve_ivp(slope, (0.0, step[-1]), start, "LSODA", t_eval=step, rtol=1e-9, atol=1e-9)
    return -np.expm1(found.y[-1])


def _order(ds: xr.Dataset) -> Row:
    """Return how many neighbours in the published order of half-learned skills are in order."""
    half = {str(n): passage(ds.step.values, ds.level.sel(skill=n).values) for n in ds.skill.values}
    reference, source = number("fig17", "order")
    kept = sum(half[a] < half[b] for a, b in pairwise(ORDER))
    return Row(
        f"two pairs, one is enough: neighbours of the published order {', '.join(ORDER)} that pass "
        "½ in that order", source, reference, exactly(kept), guards=("gates",),
    )  # fmt: skip
