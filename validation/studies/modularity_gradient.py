"""Gradient runs with and without modules: exponents over n, and balanced sampling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from domino_sim.gradient.run import Run
from domino_sim.gradient.training import train
from domino_sim.modularity.floor import time_with_floor
from domino_sim.modularity.partition import with_shares
from domino_sim.modularity.proposals import each
from domino_sim.modularity.simulated import total_time
from domino_sim.modularity.trained import first_passages, run_of
from domino_sim.modularity.ways import Way
from domino_sim.pool import MEAN_ABS_NORMAL
from domino_sim.scenario import Scenario
from domino_sim.sweeps.fits import PowerLaw, fit_power_law

N_DIM, LR, THETA = 2000, 1e-4, 0.9

#: Parameters of a module from which on its own task vectors do not stray much: of fewer the slowest
#: of many modules takes clearly longer than their mean, and exponents are of luck as well.
WIDE = 30

#: At α = 2: numbers of skills up to which all runs pass the level.
SURE = 32

#: How far exponents may be apart: at α ≤ 1; at α = 2, where the step-size floor is in.
CLOSE, FLOORED = 0.05, 0.1


def scenario_of(n: int, alpha: float) -> Scenario:
    """Return n independent skills under `norm`, as SignGD trains them."""
    return Scenario.from_dict(
        {
            "mastery": THETA, "graph": {"family": "independent", "n": n},
            "frequencies": {"law": "power", "exponent": alpha},
            "pool": {"law": "norm", "lr": LR, "n_dim": N_DIM},
        }
    )  # fmt: skip


def ways_of(n: int, alpha: float) -> tuple[Way, Way]:
    """Return one pool, and a module for each skill."""
    scenario = scenario_of(n, alpha)
    split = with_shares(each(scenario.names), dict.fromkeys(scenario.names, 1.0), "equal", N_DIM)
    return Way("one pool", scenario), Way("a module each", scenario, split)


def trained_times(way: Way, seeds: int, margin: float) -> np.ndarray:
    """Return the total time of each seed; infinite where it is not reached."""
    expected = max(total_time(way.mastery()), time_with_floor(way))
    run = run_of(way, seeds, int(margin * expected) + 50)
    at = first_passages(train(run), THETA)
    return np.where(np.isnan(at), np.inf, at).max(axis=1)


def exponent_rows(quick: bool) -> Iterator[Sequence[str]]:
    """Yield a row for each skew and way: simulated and trained exponents."""
    seeds = 2 if quick else 3
    for alpha in (0.0, 1.0, 2.0):
        most = 32 if quick else 64 if alpha == 2.0 else 256
        sizes = [4 * 2**k for k in range(int(np.log2(most / 4)) + 1)]
        found: dict[str, list[tuple[float, float]]] = {}
        for n in sizes:
            for way in ways_of(n, alpha):
                floored = alpha == 2.0 and way.partition is None
                simulated = time_with_floor(way) if floored else total_time(way.mastery())
                margin = 2.5 if floored else 1.6
                median = float(np.median(trained_times(way, seeds, margin)))
                found.setdefault(way.title, []).append((simulated, median))
        for title, every in found.items():
            for fitted in _ranges(sizes, title, alpha):
                yield _exponent_row(alpha, title, fitted, every)


def _ranges(sizes: list[int], title: str, alpha: float) -> list[list[int]]:
    """Return over which numbers of skills exponents are fitted: those that are sure, and all.

    Modules of few parameters stray (`WIDE`). At α = 2 and n = 64 runs come to rest so near to the
    level that some never pass it: the median is luck.
    """
    if title != "one pool":
        fewer = [n for n in sizes if N_DIM / n >= WIDE]
    else:
        fewer = [n for n in sizes if alpha < 2.0 or n <= SURE]
    return [fewer] if fewer == sizes else [fewer, sizes]


def _exponent_row(
    alpha: float, title: str, fitted: list[int], every: Sequence[tuple[float, float]]
) -> Sequence[str]:
    columns = zip(*every[: len(fitted)], strict=True)
    law, runs = (fit_power_law(fitted, column) for column in columns)
    limit = FLOORED if alpha == 2.0 else CLOSE
    ok = abs(law.exponent - runs.exponent) < limit
    floor = ", with floor" if title == "one pool" and alpha == 2.0 else ""
    steps = ", ".join(f"{median:.0f}" for _, median in every[: len(fitted)])
    return (
        f"{alpha:g}, {title}{floor}, n {fitted[0]}–{fitted[-1]}",
        f"{law.exponent:.3f}",
        f"{runs.exponent:.3f} (steps {steps})",
        f"{_ends(law)}; {_ends(runs)}",
        f"{'ok' if ok else 'apart'} (< {limit})",
    )


def _ends(law: PowerLaw) -> str:
    return f"{law.slopes[0]:.2f}–{law.slopes[1]:.2f}"


def balanced_rows(quick: bool) -> Iterator[Sequence[str]]:
    """Yield a row for each number of skills, whose frequencies are those of α = 1."""
    cases = [(4, 1000), (25, 1000)] if quick else [(4, 1000), (10, 1000), (25, 1000), (10, 400),
                                                   (50, 2000), (100, 4000)]  # fmt: skip
    for n, n_dim in cases:
        lr = 3e-4
        expected = THETA * np.sqrt(n) / (MEAN_ABS_NORMAL * lr * np.sqrt(n_dim))
        found = []
        for changes in ({"sampling": "balanced"}, {"frequencies": {"law": "uniform"}}):
            at = first_passages(train(_run(n, n_dim, lr, int(2 * expected), 5, changes)), THETA)
            found.append(float(np.median(np.where(np.isnan(at), np.inf, at).max(axis=1))))
        away = found[0] / expected - 1.0
        numbers = (f"{found[0]:.0f} ({away:+.1%})", f"{found[1]:.0f}")
        yield f"{n}, {n_dim}", f"{expected:.0f}", *numbers, "ok" if abs(away) < 0.05 else "apart"


def _run(n: int, n_dim: int, lr: float, steps: int, seeds: int, changes: dict[str, Any]) -> Run:
    return Run.from_dict(
        {
            "steps": steps, "mastery": THETA, "seeds": seeds, "record": {"every": 1},
            "graph": {"family": "independent", "n": n},
            "frequencies": {"law": "power", "exponent": 1.0},
            "model": {"kind": "geometry", "n_dim": n_dim},
            "optimizer": {"name": "signgd", "lr": lr}, **changes,
        }
    )  # fmt: skip
