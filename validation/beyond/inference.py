"""The dependency graph from learning curves: what `infer` finds on graphs nobody had looked at.

Worlds are those of `benchmarks.inference` (random graphs, mixtures and noise; a solver of its own
makes the curves), at seeds of which none was used before; docs/inference-measured.md has more
graphs a cell, trained networks and rivals. F1 is of all identifiable edges of a cell together (one
that moves some noise-free curve by more than 0.05); an edge counts as found from a probability of
½. A cell that is below its aim DIFFERS where so few graphs are as likely as that with the F1 of
many more.

The last rows put the same scenario through the simulator under three pool laws of which `infer` is
not told: what it finds must not depend on the law.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from scipy.stats import poisson

import domino_sim
from benchmarks.inference.cells import CELLS
from benchmarks.inference.ours import probabilities
from benchmarks.inference.scoring import FOUND, Bin, Score, pool, reliability, score
from domino_sim.curves import join_curves, make_curves
from domino_sim.inference.evidence import SUREST
from domino_sim.plot.style import GREY
from validation.drawing import DASHED, DOT, panels
from validation.figure import Checked, Figure
from validation.references import number
from validation.row import Instead, Row
from validation.setting import Setting
from validation.value import Value, at_least, exactly

FIGURE = Figure(
    name="inference",
    title="The dependency graph from learning curves",
    claim="The graph behind the curves of a few runs with different mixtures can be inferred, "
    "without the pool law, N₀ or the learning-rate schedule, and with honest probabilities.",
    source="the 'ultimate goal' of arXiv 2501.12391; docs/inference-measured.md",
    minutes=7.0,
)

#: Graphs of each cell: quick, full.
GRAPHS = {
    "10x8": (2, 12), "10x8-laws": (1, 6), "10x8-schedule": (1, 6), "20x8": (0, 6),
    "20x8-noisy": (0, 3), "10x8-unknown": (0, 4), "10x1": (1, 6),
}  # fmt: skip

#: Mixtures that are unknown take a minute a graph under soft gates: only hard ones.
HARD = ("10x8-unknown",)

#: The seed of the first graph of every cell.
SEED = 101_000

#: Probability from which an edge is sure.
SURE = 0.9

#: Bounds of the bins of probabilities that are drawn.
BOUNDS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)

#: A tower of two pairs and a composite of both, in six mixtures; the law is what varies.
RUNS, NOISE = 6, 0.01


def check(setting: Setting) -> Checked:
    """Infer graphs cell by cell, and one scenario under three laws."""
    figure, axes = panels(1, 3)
    rows: list[Row] = []
    cells: dict[str, list[Score]] = {}
    times: dict[str, float] = {}
    for name, counts in GRAPHS.items():
        for seed in range(SEED, SEED + setting.choose(*counts)):
            part = setting.kept(f"{name}-{seed}", partial(_graph, name, seed))
            cells.setdefault(name, []).append(Score.from_dict(json.loads(str(part["score"]))))
            times.setdefault(name, []).append(float(part["seconds"]))
        if name in cells:
            rows += _cell_rows(name, cells[name])
    rows += _sure_rows([s for scores in cells.values() for s in scores])
    rows += _law_rows(setting)
    _f1_panel(axes[0, 0], cells)
    _reliability_panel(axes[0, 1], [s for scores in cells.values() for s in scores])
    _time_panel(axes[0, 2], {name: median(each) for name, each in times.items()})
    return Checked(tuple(rows), figure)


def _graph(name: str, seed: int) -> dict[str, Any]:
    cell = CELLS[name]
    variants = [v for v in cell.variants if name not in HARD or v[1] == "hard"]
    world = cell.world(variants[(seed - SEED) % len(variants)], seed)
    began = process_time()
    found = probabilities(world, mixtures=cell.mixtures)
    seconds = process_time() - began
    return {"score": json.dumps(score(world, found).to_dict()), "seconds": seconds}


def _cell_rows(name: str, scores: list[Score]) -> list[Row]:
    cell = CELLS[name]
    what = f"{cell}{', hard gates' * (name in HARD)}; {len(scores)} graph{'s' * (len(scores) > 1)}"
    if cell.target is None:
        false = exactly(sum(s.invented_from(SURE) for s in scores))
        return [Row(f"{what}: false edges given {SURE:g} or more", "aim", exactly(0), false)]
    measured, source = number("inference", name)
    return [
        Row(f"{what}: F1", "aim", at_least(cell.target), exactly(pool(scores).f1),
            instead=Instead(f"so few graphs may give it where F1 is that of {source}",
                            _expected(measured.number, scores)))
    ]  # fmt: skip


def _expected(f1: float, scores: list[Score]) -> Value:
    """Return the F1 that so many edges give by chance (97.5 %) where it is `f1` of many more.

    Wrong edges come several at once: a wrong gate misses one and invents another. They are counted
    as pairs, how many by Poisson's law; those of a search that is lost are many more: it shows.
    """
    edges = sum(len(s.found) + len(s.missed) for s in scores)
    # Of k pairs: F1 = 2 (E − k)/(2 (E − k) + 2 k) = 1 − k/E.
    pairs = float(poisson.ppf(0.975, edges * (1.0 - f1)))
    return Value(f1, (edges - pairs) / edges, 1.0)


def _sure_rows(scores: list[Score]) -> list[Row]:
    sure = [real for s in scores for p, real in s.pairs if p >= SURE]
    # Below ½ scores do not tell: real edges that show in no curve are left out of them, and are
    # part of what is given 0.05, say. Pairs count as independent: those of a lost search are not,
    # and it shows. What is held at the limit (here: with one run, or where the fit is bad) is given
    # no probability but a bound. Few are between: too few to tell a little, enough to tell much.
    free, held = (
        [replace(s, pairs=tuple(pair for pair in s.pairs if (pair[0] == SUREST) is at_limit))
         for s in scores]
        for at_limit in (False, True)
    )  # fmt: skip
    return [
        *(Row(f"all cells: real part of the {one.count} pairs given {FOUND:g} to {SURE:g}, not at "
              "the limit", "the mean of their probabilities", exactly(one.mean), _real(one))
          for one in _between(free)),
        *(Row(f"all cells: real part of the {one.count} pairs held at {SUREST:g} (one run, or a "
              "fit that is bad)", "the limit", at_least(SUREST), _real(one))
          for one in _between(held)),
        Row(f"all cells: real part of the {len(sure)} edges given {SURE:g} or more", "aim",
            at_least(0.95), exactly(float(np.mean(sure))))
    ]  # fmt: skip


def _between(scores: list[Score]) -> list[Bin]:
    """Return what is found and not sure, if there is anything."""
    return [one for one in reliability(scores, (0.0, FOUND, SURE, 1.0)) if one.low == FOUND]


def _real(one: Bin) -> Value:
    return Value(one.real / one.count, one.at_least, one.at_most)


def _law_rows(setting: Setting) -> list[Row]:
    rows = []
    for law in ("sum", "norm", "constant"):
        found = domino_sim.infer(_tower_curves(setting, law)).found()
        real = {(a, b) for a, b in domino_sim.load_graph("two-pairs").edges}
        right, given = len(real & set(found.edges)), found.number_of_edges()
        f1 = 2 * right / (given + len(real))
        rows.append(
            Row(f"two pairs that feed one skill, {RUNS} mixtures, simulated under `{law}`: F1",
                "the scenario's own graph", exactly(1.0), exactly(f1), guards=("gates",))
        )  # fmt: skip
    return rows


def _tower_curves(setting: Setting, law: str) -> xr.Dataset:
    """Return noisy curves of the tower in random mixtures, records at equal steps of each run."""
    rng = np.random.default_rng(21)
    names = list(domino_sim.load_graph("two-pairs"))
    parts = []
    for r in range(RUNS):
        drawn = np.exp(rng.normal(size=len(names)))
        p = dict(zip(names, (drawn / drawn.sum()).tolist(), strict=True))
        # Under `constant` a skill has its own speed only, not what is left of the others' shares.
        constant = {"law": law, "rate": 1e-3 * len(names)}
        settings = constant if law == "constant" else {"law": law, "rate": 1e-3, "wasted": 1e-3}
        tables: dict[str, Any] = {
            "graph": "two-pairs", "frequencies": p, "steps": 40_000, "pool": settings,
            "record": {"points": 2},
        }  # fmt: skip
        last = np.nanmax(setting.simulator.simulate(tables).mastered_at.values)
        tables |= {"steps": int(1.1 * last) + 1, "record": {"points": 300}}
        ds = setting.simulator.simulate(tables)
        level = ds.level.values + NOISE * rng.normal(size=ds.level.shape)
        parts.append(
            make_curves(runs=[f"run {r + 1}"], steps=ds.step.values, skills=names,
                        level=level[None], frequency=[p[name] for name in names])
        )  # fmt: skip
    return join_curves(*parts)


def _f1_panel(ax: Axes, cells: dict[str, list[Score]]) -> None:
    names = list(cells)[::-1]
    for y, name in enumerate(names):
        for one in cells[name]:
            ax.plot(one.f1, y, ".", color=GREY, alpha=0.6, ms=7)
        if CELLS[name].target is not None:
            ax.plot(CELLS[name].target, y, **DOT)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set_xlabel("F1 of each graph; rings: aim")


def _reliability_panel(ax: Axes, scores: list[Score]) -> None:
    for k, one in enumerate(reliability(scores, BOUNDS)):
        centre = one.real / one.count
        error = [[centre - one.at_least], [one.at_most - centre]]
        ax.errorbar(one.mean, centre, error, fmt="o", color=GREY, ms=4)
        # Beside the point, above for one and below for the next: the first two are close.
        ax.annotate(f"{one.count}", (one.mean, centre), (4, -9 if k % 2 == 0 else 4),
                    textcoords="offset points", fontsize=7)  # fmt: skip
    ax.plot([0, 1], [0, 1], color="black", lw=0.8, ls=DASHED)
    ax.set_ylim(-0.12, 1.08)
    ax.set_xlabel("probability given (beside: pairs of skills)")
    ax.set_ylabel("part that is real")


def _time_panel(ax: Axes, times: dict[str, float]) -> None:
    names = list(times)[::-1]
    ax.barh(names, [times[name] for name in names], color=GREY, height=0.6)
    ax.tick_params(axis="y", labelsize=8)
    ax.set_xlabel("seconds a graph, median, one core")
