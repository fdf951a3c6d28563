"""Fig. 9: ten skills learned one after another, and ten learned side by side.

The published curves are closed forms, not simulations. The serial one is the pool law `domino` with
t₀ = 100 steps: skill i climbs along a line from step 100 (i − 1) to 100 i. The parallel one is the
law `constant`: 1 − exp(−t/(30 i)).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim import load_scenario
from domino_sim.plot.style import GREY
from validation.drawing import DOT, levels, panels
from validation.figure import Checked, Figure
from validation.references import number
from validation.row import Row
from validation.setting import Setting
from validation.value import at_most, exactly

FIGURE = Figure(
    name="fig09",
    title="Skills in series and in parallel",
    claim="With competition the skills are learned one after another, each along a line; without, "
    "all at once, each along an exponential of its own.",
    source="arXiv 2501.12391, Fig. 9; Fig9_domino.ipynb",
    minutes=0.05,
)

Floats = NDArray[np.float64]

#: Rounding, in levels and, of opening and mastery, in steps.
ROUNDING, ROUNDING_STEPS = 1e-9, 1e-6

#: Steps between the rings; the step at which the last skill is read off the picture.
EVERY, AT = 40, 200


def serial(step: Floats) -> Floats:
    """Return the published serial levels (step, skill)."""
    return np.clip(step[:, None] / 100.0 - np.arange(10), 0.0, 1.0)


def parallel(step: Floats) -> Floats:
    """Return the published parallel levels (step, skill)."""
    return 1.0 - np.exp(-step[:, None] / (30.0 * np.arange(1, 11)))


def check(setting: Setting) -> Checked:
    """Simulate both panels with all engines."""
    figure, axes = panels(1, 2, sharey=True, size=(8.6, 3.0))
    rows: list[Row] = []
    for ax, name, curve in zip(axes[0], ("serial", "parallel"), (serial, parallel), strict=True):
        scenario = load_scenario(f"fig9-{name}").with_overrides({"record": {"every": 1}})
        engines = ("clock", "events") if name == "serial" else ("clock", "events", "euler")
        found = {engine: setting.simulator.simulate(scenario, engine) for engine in engines}
        rows += _levels(name, curve, found)
        rows.append(_last(name, found["events"]))
        ds = found["events"]
        levels(ax, ds.step, ds.level, title=f"{name} model")
        step = ds.step.values.astype(float)
        ax.plot(step[::EVERY], curve(step)[::EVERY], **DOT, markersize=3.5)
    one_by_one = setting.simulator.simulate(load_scenario("fig9-serial"))
    rows += [_mastery(one_by_one), _alone(one_by_one)]
    axes[0, 1].set_ylabel("")
    axes[0, 1].plot([], [], color=GREY, label="simulated")
    axes[0, 1].plot([], [], **DOT, markersize=3.5, label="published")
    axes[0, 1].legend(frameon=False, fontsize=8, loc="lower right")
    return Checked(tuple(rows), figure)


def _levels(
    name: str, curve: Callable[[Floats], Floats], found: dict[str, xr.Dataset]
) -> list[Row]:
    rows = []
    for engine, ds in found.items():
        stepped = engine == "euler"
        away = np.abs(ds.level.values - curve(ds.step.values.astype(float))).max()
        rows.append(
            Row(f"{name}: largest difference of `{engine}` from the published levels",
                "closed form of the published notebook",
                # Euler's first skill: (1 − η)^t against e^(−ηt), at most η/(2 e) apart at t = 1/η.
                at_most(1.02 / 30.0 / (2.0 * np.e) if stepped else ROUNDING), exactly(away),
                guards=("rate", "law")))  # fmt: skip
    return rows


def _mastery(ds: xr.Dataset) -> Row:
    away = np.abs(ds.mastered_at.values - 100.0 * np.arange(1, 11)).max()
    return Row(
        "serial: largest difference of the ten instants of mastery from 100 i, in steps",
        "closed form: t₀ = 100", at_most(ROUNDING_STEPS), exactly(away), guards=("rate", "law"),
    )  # fmt: skip


def _alone(ds: xr.Dataset) -> Row:
    """Return how many skills are between 0 and 1 at once."""
    between = ((ds.level.values > ROUNDING) & (ds.level.values < 1.0 - ROUNDING)).sum(axis=1)
    return Row(
        "serial: most skills that are neither at 0 nor at 1 at once",
        "Fig. 9, left: one curve at a time", exactly(1.0), exactly(between.max()), guards=("law",),
    )  # fmt: skip


def _last(name: str, ds: xr.Dataset) -> Row:
    reference, source = number("fig09", f"{name}_last")
    return Row(
        f"{name}: level of the tenth skill at step {AT}", source, reference,
        exactly(ds.level.sel(step=AT).values[-1]),
        guards=("law",) if name == "serial" else ("rate", "law"),
    )  # fmt: skip
