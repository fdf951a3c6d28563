"""Fig. 19: two squares, one seldom seen, in one network and in a network with a module for each.

One hundred published seeds stand against as many of ours: medians, whole distributions, and how
many are above the line t₂ = 2 t₁, the Domino model's for two skills that share a pool. Without
modules nearly all runs are above it: the rare task takes longer than a pool of its own would need.
With a module each the line is t₂ = t₁.

One published run without modules multiplies each sample's loss by its size over the mean loss, so
that the rare task is not left behind. The library has no such loss: it is run in a loop of its own.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.stats import beta, ks_2samp

from domino_sim import load_run, train
from validation.drawing import DASHED, panels
from validation.figure import Checked, Figure
from validation.passages import first_step
from validation.references import arrays, number
from validation.row import Row
from validation.seeds import one_more
from validation.setting import Arrays, Setting
from validation.value import Value, at_least, exactly, mean_of, median_of

FIGURE = Figure(
    name="fig19",
    title="Two tasks in a modular and a non-modular network",
    claim="Without modules the rare task takes at least twice as long as the frequent one; with a "
    "module each, both take about as long.",
    source="arXiv 2501.12391, Fig. 19; Fig19_modularity.ipynb",
    minutes=2.6,
)

Floats = NDArray[np.float64]

NETWORKS = {"nonmodular": "square-nonmodular", "modular": "square-modular"}

#: The loss at which a task counts as learned, and what stands for never.
LEARNED, NEVER = 1e-3, 1000

#: Seeds of a part, and parts: quick, full.
PARTS = ((8, 1), (20, 5))

#: Runs with the reweighted loss, and their steps: quick, full.
REWEIGHTED, REWEIGHTED_STEPS = (3, 10), 450

#: The step at which its losses are compared.
LATE = 440

#: The chance below which two samples are not taken for one distribution: of four comparisons.
CHANCE = 0.01 / 4


def check(setting: Setting) -> Checked:
    """Train both networks with many seeds."""
    seeds, parts = setting.choose(*PARTS)
    ran = {
        network: [
            setting.kept(f"{network}-{k}",
                         lambda n=network, k=k: _run(n, range(k * seeds, (k + 1) * seeds)))
            for k in range(parts)
        ]
        for network in NETWORKS
    }  # fmt: skip
    at = {network: np.concatenate([part["at"] for part in every])
          for network, every in ran.items()}  # fmt: skip
    curves = {network: np.concatenate([part["curves"] for part in every])
              for network, every in ran.items()}  # fmt: skip
    rows = [row for network in NETWORKS for row in _medians(network, at[network])]
    rows += [_distributions(at), _curves(curves), *_lines(setting, at)]
    rows += _reweighted(setting)
    figure, axes = panels(1, 2, size=(8.0, 4.0))
    for ax, network in zip(axes[0], NETWORKS, strict=True):
        _draw(ax, network, at[network], setting)
    return Checked(tuple(rows), figure)


def _run(network: str, seeds: range) -> Arrays:
    """Train; return when losses pass 1e-3, (seed, task), and log10 losses at published steps."""
    curves = train(load_run(NETWORKS[network], {"seeds": list(seeds)}))
    loss = curves.loss.values[:, :NEVER]
    at = np.minimum(first_step(loss < LEARNED, np.arange(NEVER)), NEVER)
    return {"at": at, "curves": np.log10(loss[:, arrays("fig19_runs")["step"]])}


def _published(network: str) -> Floats:
    of = arrays("fig19_runs")
    return np.stack([of[f"t1_{network}"], of[f"t2_{network}"]], axis=1).astype(float)


def _medians(network: str, at: Floats) -> list[Row]:
    theirs = _published(network)
    return [
        Row(f"{network}: median {words} over seeds", "reference run, 100 seeds",
            median_of(of(theirs)), median_of(of(at)))
        for words, of in (
            ("step at which the frequent task's loss falls below 1e-3", lambda t: t[:, 0]),
            ("step at which the rare task's loss does", lambda t: t[:, 1]),
            ("t2/t1", lambda t: t[:, 1] / t[:, 0]),
        )
    ]  # fmt: skip


def _distributions(at: dict[str, Floats]) -> Row:
    chances = [
        ks_2samp(at[network][:, task], _published(network)[:, task]).pvalue
        for network in NETWORKS
        for task in (0, 1)
    ]
    return Row(
        "t1 and t2 of both networks: chance that samples of one distribution are as far apart as "
        "published and ours, the least of four (Kolmogorov, Smirnov)",
        "reference runs, 100 seeds", at_least(CHANCE), exactly(min(chances)),
    )  # fmt: skip


def _curves(curves: dict[str, Floats]) -> Row:
    """Compare log10 of losses, mean over both tasks and networks and the published steps."""
    theirs = np.mean([
        np.log10(arrays("fig19_runs")[f"curves_{network}"]).mean(axis=(1, 2))
        for network in NETWORKS
    ], axis=0)  # fmt: skip
    ours = np.mean([curves[network].mean(axis=(1, 2)) for network in NETWORKS], axis=0)
    return Row(
        "log10 of the losses, mean over steps, tasks and networks", "reference runs, eight seeds",
        mean_of(theirs), mean_of(ours),
    )  # fmt: skip


def _line(setting: Setting, network: str) -> float:
    """Return t₂/t₁ in the Domino model, in one pool or with a pool each."""
    tables = {
        "steps": 1000, "pool": {"law": "domino", "rate": 0.01}, "mastery": 1.0 - LEARNED,
        "skills": {"frequent": {"frequency": 0.99}, "rare": {"frequency": 0.01}},
    }  # fmt: skip
    if network == "modular":
        tables["modules"] = {f"of {s}": {"skills": [s], "share": 0.5} for s in tables["skills"]}
    t1, t2 = setting.simulator.simulate(tables, "events").mastered_at.values
    return float(t2 / t1)


def _lines(setting: Setting, at: dict[str, Floats]) -> list[Row]:
    serial, source = number("fig19", "serial")
    side, beside = number("fig19", "side")
    twice, of = number("fig19", "twice")
    line = _line(setting, "nonmodular")
    above = int((at["nonmodular"][:, 1] > serial.number * at["nonmodular"][:, 0]).sum())
    ratios = {n: _published(n)[:, 1] / _published(n)[:, 0] for n in NETWORKS}
    below = (at["modular"][:, 1] < serial.number * at["modular"][:, 0]).sum()
    published = (ratios["modular"] < serial.number).sum()
    return [
        Row("nonmodular: t2/t1 in the Domino model, one pool", source, serial, exactly(line),
            by=1e-9, guards=("law",)),
        # Arithmetic of the claim: no law or η of the pools alters a ratio of two equal ones.
        Row("modular: t2/t1 in the Domino model, a pool each (by arithmetic)", beside, side,
            exactly(_line(setting, "modular")), by=1e-9),
        Row("nonmodular: part of the runs with t2 > 2 t1", of, twice,
            _part(above, len(at["nonmodular"]))),
        Row("modular: part of the runs with t2 < 2 t1", "reference run, 100 seeds",
            _part(int(published), len(ratios["modular"])), _part(int(below), len(at["modular"]))),
    ]  # fmt: skip


def _part(count: int, of: int) -> Value:
    """Return a part and its 95 % interval (Clopper and Pearson)."""
    low = float(beta.ppf(0.025, count, of - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, of - count)) if count < of else 1.0
    return Value(count / of, low, high)


def _reweighted(setting: Setting) -> list[Row]:
    runs = setting.choose(*REWEIGHTED)
    found = [setting.kept(f"reweighted-{k}", lambda k=k: _balanced(k)) for k in range(runs)]
    at, late = (np.array([part[key] for part in found]) for key in ("at", "late"))
    published, source = arrays("fig19_runs")["reweighted_at"], "reference run, one seed"
    rows = [
        Row(f"loss weighed by its size: step at which the {task} task's loss falls below 1e-3",
            source, exactly(published[i]), one_more(at[:, i]))
        for i, task in enumerate(("frequent", "rare"))
    ]  # fmt: skip
    if setting.quick:
        return rows  # Three seeds do not tell where a further one's losses would be.
    return [
        *rows,
        Row(f"loss weighed by its size: geometric mean of both losses at step {LATE}", source,
            exactly(np.exp(np.log(arrays("fig19_runs")["reweighted_late"]).mean())),
            one_more(np.exp(np.log(late).mean(axis=1)))),
    ]  # fmt: skip


def _balanced(seed: int) -> Arrays:
    """Train with each sample's loss multiplied by its size: passages of 1e-3, losses late on."""
    import torch

    rng, draws = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    layers = [torch.nn.Linear(a, b) for a, b in ((2, 100), (100, 100), (100, 2))]
    with torch.no_grad():
        for layer in layers:
            bound = layer.in_features**-0.5
            for values in (layer.weight, layer.bias):
                values.uniform_(-bound, bound, generator=draws)
    net = torch.nn.Sequential(layers[0], torch.nn.SiLU(), layers[1], torch.nn.SiLU(), layers[2])
    inputs = torch.from_numpy(rng.uniform(-1.0, 1.0, (1000, 2)).astype(np.float32))
    mask = torch.zeros(1000, 2)
    mask[:990, 0] = mask[990:, 1] = 1.0
    inputs = inputs * mask
    optimizer = torch.optim.Adam(net.parameters(), 5e-4)
    found = []
    for _ in range(REWEIGHTED_STEPS):
        loss = (net(inputs) - inputs**2).square() * mask
        found.append((loss.sum(0) / mask.sum(0)).tolist())
        optimizer.zero_grad()
        (loss * loss.detach() / loss.detach().mean()).mean().backward()
        optimizer.step()
    losses = np.array(found)
    at = first_step(losses < LEARNED, np.arange(REWEIGHTED_STEPS))
    return {"at": at, "late": losses[LATE]}


def _draw(ax: Axes, network: str, at: Floats, setting: Setting) -> None:
    theirs = _published(network)
    ax.plot(*theirs.T, linestyle="none", marker="o", markerfacecolor="none",
            markeredgecolor="black", markersize=5, alpha=0.5, label="published")  # fmt: skip
    ax.plot(*at.T, linestyle="none", marker="o", markersize=3.5, alpha=0.7, label="ours")
    for slope in {_line(setting, network), 1.0}:
        ax.plot([0, 1000 / slope], [0, 1000], color="tab:red", ls=DASHED, lw=1.2)
        words = "$t_2 = t_1$" if slope < 1.5 else f"$t_2 = {slope:.3g}\\,t_1$"
        ax.text(780 / slope, 840, words, color="tab:red", ha="right", fontsize=10)
    ax.set(title=network, xlabel="$t_1$", ylabel="$t_2$", xlim=(0, 1000), ylim=(0, 1000))
    ax.legend(frameon=False, fontsize=8, loc="lower right", title="dashed: Domino model",
              title_fontsize=8)  # fmt: skip
