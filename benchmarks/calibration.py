"""`calibrate` against the published way to find N₀: a grid of Euler runs.

Baseline: 601 values of N₀, a plain NumPy loop of 1000 steps each (`benchmarks.euler_loop.euler`),
η held. Ours: η and N₀ fitted together, and the whole call of `calibrate`, which adds profile
intervals, labels, how serial the run is, and notes. 10 skills, p ∝ i^−2, 1 % noise, law ``sum``,
every step recorded. Targets: the fit 300 times faster than the grid; 100 skills in 20 runs in 5 s.
*All five laws*: fitted and compared, with and without what is held out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.euler_loop import euler
from benchmarks.measure import Row, Target, interleaved, speedup
from domino_sim.calibration import calibrate
from domino_sim.calibration.fits import fit_law
from domino_sim.curves import make_curves

#: The grid of Fig. 7, bottom.
WASTES = 10.0 ** np.linspace(-4.0, 2.0, 601)

STEPS, RATE, WASTED = 1000, 0.02, 0.03


def measure(quick: bool) -> Iterator[Row]:
    """Yield the rows."""
    yield from _one_fit(quick)
    yield from _many(quick)
    yield from _auto(quick)


def _one_fit(quick: bool) -> Iterator[Row]:
    curves, frequency, level = _curves(10, 1, STEPS, every=1)
    wastes = WASTES[::60] if quick else WASTES

    def grid() -> float:
        errors = [
            np.square(euler(frequency, RATE, wasted, STEPS) - level).mean() for wasted in wastes
        ]
        return float(wastes[int(np.argmin(errors))])

    known = calibrate(curves, law="sum", held_out=False)
    jobs = {
        "grid": grid,
        "fit": lambda: fit_law(known.observations, known.path, "sum", known.free),
        "whole": lambda: calibrate(curves, law="sum", held_out=False),
    }
    seconds = interleaved(jobs, 1 if quick else 5)
    found = known.estimate("wasted")
    name = "10 skills, 1000 records: "
    yield Row(
        f"{name}grid of {len(wastes)} Euler loops (baseline)", seconds["grid"], "s",
        note=f"N₀ {grid():.3g}; true {WASTED}",
    )  # fmt: skip
    target = Target("≥", 300, "×")
    ratio = speedup(seconds["grid"], seconds["fit"]) * len(WASTES) / len(wastes)
    yield Row(f"{name}fit of η and N₀", seconds["fit"], "s", ratio, target)
    ratio = speedup(seconds["grid"], seconds["whole"]) * len(WASTES) / len(wastes)
    note = f"N₀ {found.value:.3g}, {found.low:.3g} to {found.high:.3g}"
    yield Row(f"{name}calibrate", seconds["whole"], "s", ratio, note=note)


def _many(quick: bool) -> Iterator[Row]:
    n, runs = (20, 3) if quick else (100, 20)
    for law in ("sum", "norm"):
        curves, _, _ = _curves(n, runs, STEPS, every=10, law=law)
        for shared in (False, True):
            options: dict[str, Any] = {"law": law, "share": {"pool"} if shared else set()}
            seconds = interleaved(
                {"fit": lambda o=options, c=curves: calibrate(c, held_out=False, **o)},  # type: ignore[misc]
                1 if quick else 3,
            )
            yield Row(
                f"{n} skills, {runs} runs, {law}: {'one pool' if shared else 'a pool each'}",
                seconds["fit"], "s", None, Target("≤", 5, "s"), "100 records a run",
            )  # fmt: skip


def _auto(quick: bool) -> Iterator[Row]:
    n, runs = (10, 2) if quick else (10, 5)
    curves, _, _ = _curves(n, runs, STEPS, every=10, law="norm")
    for held_out in (False, True):
        seconds = interleaved(
            {"fit": lambda h=held_out: calibrate(curves, share={"pool"}, held_out=h)},  # type: ignore[misc]
            1 if quick else 3,
        )
        told = ", with what is held out" if held_out else ""
        yield Row(
            f"{n} skills, {runs} runs: all five laws{told}", seconds["fit"], "s",
            note="100 records a run, one pool",
        )  # fmt: skip


def _curves(
    n: int, runs: int, steps: int, *, every: int, law: str = "sum"
) -> tuple[xr.Dataset, np.ndarray, np.ndarray]:
    """Curves with 1 % noise, the first mixture, and the levels of the first run."""
    rng = np.random.default_rng(0)
    frequency = np.arange(1.0, n + 1) ** (-2.0 if n == 10 else -1.0)
    mixtures = [frequency / frequency.sum()]
    mixtures += [rng.permutation(mixtures[0]) for _ in range(1, runs)]
    rate = RATE * n / 10.0 * (1.0 if law == "sum" else 0.4)
    level = np.array([euler(p, rate, WASTED, steps, law=law) for p in mixtures])[:, ::every]
    level += 0.01 * rng.normal(size=level.shape)
    curves = make_curves(
        runs=[f"run {r + 1}" for r in range(runs)],
        steps=np.arange(0, steps + 1, every),
        skills=[f"s{i + 1}" for i in range(n)],
        level=level,
        frequency=np.array(mixtures),
    )
    return curves, mixtures[0], level[0]
