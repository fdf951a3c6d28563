"""How many dimensions are aligned with each skill: a closed form, not a fit.

A coordinate of the gradient moves the way skill i wants with probability ½ + asin(d_i/D)/π, the
quadrant probability of two Gaussians with correlation d_i/D, D = √(Σ d² + N₀²). Here the formula
takes the levels of a run, so only the count is at stake; then those of the mean field.

A skill that is learned jumps about level 1, and its demand with it: compared while it is learned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from domino_sim import train
from domino_sim.plot.style import colours
from validation.drawing import DASHED, DOT, key, panels
from validation.figure import Checked, Figure
from validation.geometry import aligned
from validation.gradient_run import power
from validation.references import arrays
from validation.row import Row
from validation.seeds import Floats, one_more
from validation.setting import Arrays, Setting
from validation.value import at_most, exactly, mean_of

FIGURE = Figure(
    name="aligned",
    title="Dimensions aligned with each skill, in closed form",
    claim="n_dim (½ + asin(d_i/D)/π) dimensions of the gradient are aligned with skill i.",
    source="docs/theory.md; counts of arXiv 2501.12391, Figs. 5 and 6",
    minutes=0.3,
)

STEPS, LR, ALPHA, N = 400, 3e-4, 2.0, 5

#: n_dim, noise and kind of task vectors of our runs; exact gradients, five skills.
SETTINGS: tuple[tuple[int, float, str], ...] = (
    (250, 0.0, "orthogonal"), (1000, 0.0, "orthogonal"), (4000, 0.0, "orthogonal"),
    (1000, 3e-3, "orthogonal"), (1000, 0.0, "random"),
)  # fmt: skip

#: Fig. 6: steps at which published counts are compared; those our runs are recorded at.
QUOTED = (80, 240)
FIG6: dict[str, Any] = {"n_dim": 1000, "lr": 3e-4, "batch_size": 1024}

#: A count of n_dim coordinates scatters by √n_dim/2 at most; so do its means over runs, by less.
SIGMAS = 3.0

#: How near the mean field is to the mean of runs, quick and full, 1.5 to 2 times what was
#: measured: as a part of n_dim (root mean square), and of ten tasks with batches, in dimensions.
NEAR, NEAR_FIG6 = (0.013, 0.007), (17.0, 13.0)

#: The scatter of a count of 1000 coordinates.
SCATTER = 0.5 * 1000**0.5

#: Above this level a skill counts as learned here.
LEARNED = 0.9


def _runs(n_dim: int, noise: float, kind: str, seeds: int) -> Arrays:
    lr = LR * np.sqrt(1000.0 / n_dim)  # the same η
    curves = train({
        "steps": STEPS, "seeds": seeds, "noise": noise, "record": {"every": 4},
        "graph": {"family": "independent", "n": N},
        "frequencies": {"law": "power", "exponent": ALPHA}, "optimizer": {"lr": lr},
        "model": {"kind": "geometry", "n_dim": n_dim, "vectors": kind},
    })  # fmt: skip
    return {"level": curves.level.values, "aligned": curves.n_align.values,
            "step": curves.step.values}  # fmt: skip


def check(setting: Setting) -> Checked:
    """Compare counts of our runs and of the published one with the formula and the mean field."""
    seeds = setting.choose(10, 40)
    figure, axes = panels(2, 3, size=(11.5, 6.0))
    rows: list[Row] = []
    near, worst, p = [], [], power(N, ALPHA)
    for ax, (n_dim, noise, kind) in zip(axes.flat, SETTINGS, strict=False):
        ours = setting.kept(f"{n_dim}-{noise:g}-{kind}", lambda a=n_dim, b=noise, c=kind: _runs(
            a, b, c, seeds))  # fmt: skip
        lr = LR * np.sqrt(1000.0 / n_dim)
        _, wasted = setting.simulator.pool(law="norm", lr=lr, n_dim=n_dim, noise=noise)
        formula = aligned(ours["level"], p, n_dim, wasted)
        learning = ours["level"] < LEARNED
        off = (ours["aligned"] - formula) / np.sqrt(n_dim)
        worst.append(_bias(off, learning))
        predicted = setting.simulator.predict(
            frequencies=p, n_dim=n_dim, lr=lr, steps=STEPS, noise=noise
        )
        counts = _counts(predicted, p, n_dim, wasted)[ours["step"]]
        mean = ours["aligned"].mean(axis=0)
        slow = learning.all(axis=0)
        near.append(float(np.sqrt(np.square(counts - mean)[slow].mean()) / n_dim))
        _draw(ax, ours, counts, n_dim, noise, kind)
        if noise:
            rows.append(_noisy(ours, formula, learning))
    rows += _rows(near, worst, setting.choose(*NEAR))
    return Checked((*rows, *_published(setting, axes[1, 2])), figure)


def _counts(predicted: Any, p: Floats, n_dim: int, wasted: float) -> Floats:
    if "n_align" in predicted:
        return np.asarray(predicted["n_align"].values, dtype=float)
    return aligned(predicted.level.values, p, n_dim, wasted)


def _bias(off: Floats, learning: np.ndarray) -> float:
    """Return the largest mean over the time of a skill's learning, in √n_dim/√runs."""
    found = []
    for i in range(N):
        each = [run[:, i][at[:, i]].mean() for run, at in zip(off, learning, strict=True)]
        found.append(abs(np.mean(each)) * np.sqrt(len(each)))
    return float(max(found))


def _noisy(ours: Arrays, formula: Floats, learning: np.ndarray) -> Row:
    """Return the first skill's excess over ½ against the formula's, which noise makes less."""
    first = learning[:, :, 0]
    ratio = [
        (count[at, 0] - 500.0).sum() / (form[at, 0] - 500.0).sum()
        for count, form, at in zip(ours["aligned"], formula, first, strict=True)
    ]
    return Row(
        "noise 0.003: dimensions beyond half of 1000 aligned with the first skill while it is "
        "learned, counted over formula", "our gradient runs", exactly(1.0), mean_of(ratio),
        by=0.01, guards=("wasted",),
    )  # fmt: skip


def _rows(near: list[float], worst: list[float], bound: float) -> list[Row]:
    return [
        Row("orthogonal vectors, n_dim 250, 1000, 4000 and noise: count less formula, mean while a "
            "skill is learned, in √(n_dim/4)/√runs, largest", "our gradient runs",
            at_most(SIGMAS), exactly(2.0 * max(worst[:4])), guards=("wasted",)),
        Row("random vectors: the same", "our gradient runs", at_most(SIGMAS),
            exactly(2.0 * worst[4])),
        Row("five settings: mean field's number of aligned dimensions as a part of n_dim, root "
            "mean square difference from the mean of runs, largest", "our gradient runs",
            at_most(bound), exactly(max(near)), guards=("rate", "wasted", "law")),
    ]  # fmt: skip


def _published(setting: Setting, ax: Axes) -> list[Row]:
    """Hold the formula against the published run of Fig. 6."""
    data = arrays("fig6_aligned")
    step, p = data["step"], data["prob"].astype(float)
    level, counts = data["level"].astype(float), data["aligned"]
    predicted = setting.simulator.predict(frequencies=p, steps=int(step[-1]), **FIG6)
    own = _counts(predicted, p, 1000, 0.0)
    formula = aligned(level, p, 1000)
    step = step.tolist()
    runs = setting.kept("fig6", lambda: _fig6_runs(step, setting.choose(8, 24)))
    source = "reference run, among our seeds"
    rows = [_mean_field(at, counts[step.index(at), :3], own) for at in QUOTED]
    rows += [
        Row("Fig. 6: counts less formula at the run's levels, root mean square while a skill is "
            "learned, dimensions", source,
            exactly(_rms(counts, formula, level)),
            one_more([_rms(x, aligned(y, p, 1000), y)
                      for x, y in zip(runs["aligned"], runs["level"], strict=True)])),
        Row("Fig. 6: counts less mean field's, the same", source,
            exactly(_rms(counts, own[step], level)),
            one_more([_rms(x, own[step], y)
                      for x, y in zip(runs["aligned"], runs["level"], strict=True)])),
        Row("Fig. 6: mean of our runs' counts less mean field's, the same, while all runs learn it",
            "our gradient runs", at_most(setting.choose(*NEAR_FIG6)),
            exactly(_rms(runs["aligned"].mean(axis=0), own[step], runs["level"].max(axis=0))),
            guards=("rate", "law")),
    ]  # fmt: skip
    for i, colour in enumerate(colours(10)[:5]):
        ax.plot(step, own[step][:, i], color=colour, ls=DASHED)
        ax.plot(step[::2], counts[::2, i], **{**DOT, "markeredgecolor": colour}, markersize=3)
    ax.set(xlim=(0, STEPS), ylim=(450, 1000), xlabel="step", title="Fig. 6, published counts")
    ax.title.set_fontsize(10)
    return rows


def _fig6_runs(step: list[int], seeds: int) -> Arrays:
    curves = train({
        "steps": step[-1], "seeds": seeds, "batch_size": FIG6["batch_size"],
        "record": {"steps": step}, "graph": {"family": "independent", "n": 10},
        "frequencies": {"law": "power", "exponent": 2.0}, "optimizer": {"lr": FIG6["lr"]},
        "model": {"kind": "geometry", "n_dim": FIG6["n_dim"]},
    })  # fmt: skip
    return {"level": curves.level.values, "aligned": curves.n_align.values}


def _rms(counts: Floats, expected: Floats, level: Floats) -> float:
    """Return by how much counts differ, root mean square while skills are learned."""
    return float(np.sqrt(np.square(counts - expected)[level < LEARNED].mean()))


def _mean_field(at: int, counted: Floats, own: Floats) -> Row:
    """Return the mean field's counts at a quoted step: a mean over ten, batches differ."""
    away = float(np.abs(counted - own[at - 5 : at + 5, :3].mean(axis=0)).max())
    return Row(
        f"Fig. 6, step {at}: mean field against counted {'/'.join(map(str, counted))}, largest "
        "difference of the three, dimensions", "reference run; its scatter is √(n_dim/4)",
        at_most(SCATTER), exactly(away), guards=("rate", "law"),
    )  # fmt: skip


def _draw(ax: Axes, ours: Arrays, counts: Floats, n_dim: int, noise: float, kind: str) -> None:
    for i, colour in enumerate(colours(N)):
        ax.plot(ours["step"], ours["aligned"][0, :, i], color=colour, lw=1.0, alpha=0.6)
        ax.plot(ours["step"], counts[:, i], color=colour, ls=DASHED)
    told = f", noise {noise:g}" if noise else ""
    ax.set(xlabel="step", ylim=(0.45 * n_dim, n_dim), title=f"n_dim {n_dim}, {kind}{told}")
    ax.title.set_fontsize(10)
    if ax.get_subplotspec().colspan.start == 0:
        ax.set_ylabel("dimensions aligned")
    if n_dim == SETTINGS[0][0]:
        key(ax, "gradient run", "mean field")
