"""How long n independent skills take, and what sampling alone saves.

Left: the time until all are at θ = 0.99 without waste, in units of θ/η, for p ∝ i^−α: `domino` n/θ,
`sum` from n (equal frequencies) to n/θ (separated ones), `norm` c(α, n) √n with c = 1 at α = 0.
Middle: SignGD runs (n_dim 2000, lr 1e-4, level 0.9) at α = 1 beside `norm`. Right: runs (n_dim
1000, lr 3e-4, level 0.9) whose mixture follows the levels so that all demands stay equal; under
`norm` no mixture is faster than √n θ/η. Task vectors are random, so many skills in few dimensions
overlap and take longer.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from domino_sim import train
from domino_sim.levels import Floats
from domino_sim.modularity.trained import first_passages
from domino_sim.plot.style import PALETTE
from validation.drawing import DASHED, DOT, panels, plain_ticks
from validation.figure import Checked, Figure
from validation.references import number
from validation.row import Row
from validation.setting import Arrays, Setting
from validation.value import exactly, mean_of, median_of

FIGURE = Figure(
    name="balanced",
    title="Time to learn n skills, and balanced sampling",
    claim="n skills in one pool take a time ∝ n under `sum` and `domino`, ∝ √n under `norm`; "
    "sampling that keeps demands equal reaches √n θ/η, whatever the frequencies.",
    source="docs/theory.md; docs/modularity.md, Sampling in place of modules",
    minutes=2.0,
)

THETA, RATE = 0.99, 0.01
ALPHAS = (0.0, 1.0, 2.0)
COUNTS = (4, 16, 64, 256)

#: SignGD runs of p ∝ 1/i: settings of docs/theory.md.
RUN_DIM, RUN_LR, RUN_LEVEL = 2000, 1e-4, 0.9

#: Balanced runs: settings of the design's numbers.
EVEN_DIM, EVEN_LR, EVEN_COUNTS = 1000, 3e-4, (4, 10, 30, 100)

#: How near a run's time is to the closed form while task vectors hardly overlap (n ≤ n_dim/30).
NEAR, FEW = 0.03, EVEN_DIM // 30


def check(setting: Setting) -> Checked:
    """Simulate, train on fixed mixtures, train on balanced ones."""
    figure, axes = panels(1, 3)
    rows = [
        *_simulated(axes[0, 0], setting),
        *_fixed(axes[0, 1], setting),
        *_balanced(axes[0, 2], setting),
    ]
    return Checked(tuple(rows), figure)


def _total(setting: Setting, n: int, alpha: float, pool: dict[str, Any], theta: float) -> float:
    """Return the step at which the last of n skills is mastered."""
    ds = setting.simulator.simulate(
        {
            "steps": 400 * n, "mastery": theta, "record": {"points": 2}, "pool": pool,
            "graph": {"family": "independent", "n": n},
            "frequencies": {"law": "power", "exponent": alpha},
        },
        "events",
    )  # fmt: skip
    return float(ds.mastered_at.values.max())


def _simulated(ax: Axes, setting: Setting) -> list[Row]:
    rows = []
    for law, colour in zip(("domino", "sum", "norm"), PALETTE, strict=False):
        for alpha, style in zip(ALPHAS, ("-", "--", ":"), strict=True):
            pool = {"law": law, "rate": RATE}
            totals = np.array([_total(setting, n, alpha, pool, THETA) for n in COUNTS])
            unit = totals * RATE / THETA
            # The three of `domino` are one line, and `sum` lies on it.
            label = f"{law}, α = {alpha:g}" if law != "domino" else "domino" if not alpha else None
            width = 4.0 if law == "domino" else 1.5
            ax.loglog(COUNTS, unit, color=colour, ls=style, lw=width, label=label)
            rows.append(_time_row(law, alpha, float(unit[-1])))
    ax.set(xlabel="number of skills n", ylabel="steps until all are learned, in θ/η", ylim=(1, 900))
    _tidy(ax, COUNTS, "simulated", ncols=2, fontsize=7)
    return rows


def _time_row(law: str, alpha: float, unit: float) -> Row:
    n = COUNTS[-1]
    if law == "norm":
        reference, source = number("balanced", f"c_{alpha:g}")
        claim = f"`norm`, α = {alpha:g}: c = T η/(θ √n) at n = {n}"
        return Row(claim, source, reference, exactly(unit / np.sqrt(n)), within=0.005,
                   guards=("rate", "law"))  # fmt: skip
    # Under `sum` all but the rarest skills are far above θ when that is reached, unless all are
    # equally frequent: they have taken 1, not θ.
    equal = law == "sum" and alpha == 0.0
    reference = exactly(n if equal else n / THETA)
    claim = f"`{law}`, α = {alpha:g}: T η/θ at n = {n}"
    within = 0.005 if law == "sum" and not equal else 1e-6
    return Row(claim, "closed form: n, separated n/θ", reference, exactly(unit), within=within,
               guards=("rate", "law"))  # fmt: skip


def _train(n: int, n_dim: int, lr: float, steps: int, seeds: int, more: dict[str, Any]) -> Arrays:
    """Return when the last skill of each seed passes 0.9; infinite for never."""
    curves = train(
        {
            "steps": steps, "mastery": RUN_LEVEL, "seeds": seeds, "record": {"every": 1},
            "graph": {"family": "independent", "n": n},
            "frequencies": {"law": "power", "exponent": 1.0},
            "model": {"kind": "geometry", "n_dim": n_dim},
            "optimizer": {"name": "signgd", "lr": lr}, **more,
        }
    )  # fmt: skip
    at = first_passages(curves, RUN_LEVEL)
    return {"at": np.where(np.isnan(at), np.inf, at).max(axis=1)}


def _fixed(ax: Axes, setting: Setting) -> list[Row]:
    counts = setting.choose(COUNTS[:3], COUNTS)
    seeds = setting.choose(3, 6)
    rows, found, expected = [], [], []
    for n in counts:
        pool = {"law": "norm", "lr": RUN_LR, "n_dim": RUN_DIM}
        expected.append(_total(setting, n, 1.0, pool, RUN_LEVEL))
        # Not of the simulator, which may be a wrong one: kept runs do not depend on it.
        published, source = number("balanced", f"steps_{n}")
        steps = int(1.4 * published.number)
        part = setting.kept(f"fixed-{n}", partial(_train, n, RUN_DIM, RUN_LR, steps, seeds, {}))
        found.append(float(np.median(part["at"])))
        ours = median_of(part["at"])
        rows += [
            Row(f"SignGD, p ∝ 1/i, n = {n}: step at which the last skill passes 0.9", source,
                published, ours, within=0.02),
            Row(f"`norm`, p ∝ 1/i, n = {n}: the same step, simulated, against our runs",
                "our gradient runs", ours, exactly(expected[-1]), within=0.05,
                guards=("rate", "law")),
        ]  # fmt: skip
    _scaled(ax, counts, found, expected, "p ∝ 1/i")
    return rows


def _balanced(ax: Axes, setting: Setting) -> list[Row]:
    seeds = setting.choose(3, 10)
    rate, _ = setting.simulator.pool(law="norm", lr=EVEN_LR, n_dim=EVEN_DIM)
    own = 0.9 / (np.sqrt(2.0 / np.pi) * EVEN_LR * np.sqrt(EVEN_DIM))
    rows, found = [], []
    expected = RUN_LEVEL * np.sqrt(EVEN_COUNTS) / rate
    for n, closed in zip(EVEN_COUNTS, expected, strict=True):
        more = {"sampling": "balanced"}
        part = setting.kept(
            f"balanced-{n}",
            partial(_train, n, EVEN_DIM, EVEN_LR, int(1.5 * own * np.sqrt(n)), seeds, more),
        )
        found.append(float(np.median(part["at"])))
        published, source = number("balanced", f"even_{n}")
        ours = mean_of(part["at"])
        rows.append(
            Row(f"balanced sampling, n = {n}: step at which the last skill passes 0.9", source,
                published, ours, within=0.02)
        )  # fmt: skip
        if n <= FEW:
            rows.append(
                Row(f"balanced sampling, n = {n}: the same step against √n θ/η", "closed form",
                    exactly(float(closed)), ours, within=NEAR, guards=("rate",))
            )  # fmt: skip
    _scaled(ax, EVEN_COUNTS, found, expected, "balanced sampling")
    return rows


def _scaled(ax: Axes, counts: Any, found: Any, expected: Floats | list[float], title: str) -> None:
    ax.loglog(counts, expected, color=PALETTE[0], ls=DASHED, label="`norm`")
    ax.loglog(counts, found, **DOT, label="SignGD runs")
    ax.set(xlabel="number of skills n", ylabel="step at which the last passes 0.9")
    _tidy(ax, counts, title, fontsize=8)
    plain_ticks(ax.yaxis, [250, 500, 1000, 2000, 4000])


def _tidy(ax: Axes, counts: Any, title: str, **options: Any) -> None:
    ax.set_title(title, fontsize=10)
    ax.legend(frameon=False, loc="upper left", **options)
    plain_ticks(ax.xaxis, counts)
