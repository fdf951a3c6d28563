"""Sparse parities of Figs. 2 and 16: runs of ours, the published ones, and how they compare.

The published runs are one seed each; accuracies are those of the training set, ours those of
samples that are not trained on. That matters where samples are learned by heart before the rule is
found: four bits of their own are (`on_trained`). Of the published data's columns the first is the
parity of bits 2 and 3, the second that of bits 0 and 1 in the runs with three tasks: the legend
says the reverse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from domino_sim import load_run, train
from domino_sim.plot.style import colours
from validation.drawing import DOT
from validation.passages import first_step
from validation.references import arrays
from validation.row import Row
from validation.seeds import one_more
from validation.setting import Arrays
from validation.value import at_most, exactly

__all__ = [
    "draw", "levels_of", "on_trained", "one_subset", "passages", "passages_row",
    "published_passages", "root_row", "skill_row", "trained",
]  # fmt: skip

Floats = NDArray[np.float64]

#: Standard deviation over seeds of the logarithms of passages and their ratios, at least: nine
#: seeds have 0.08 to 0.3, most about 0.16; four may have much less by chance.
LEAST = 0.16

#: How many standard deviations over seeds a published passage may be from the mean of ours. They
#: are those of logarithms, of all passages of a figure together: many, and so well known.
MOST_Z = 4.0

#: The root of the training loss whose passage is compared.
ROOT_LOSS = 0.1


def trained(name: str, seeds: Sequence[int], changes: Mapping[str, Any]) -> Arrays:
    """Train a bundled parity; return accuracies and the root of the mean loss, **after** updates.

    The loss is that of the published code: a mean over outputs, of which a masked one is 0.
    """
    overrides = {"seeds": list(seeds), "record": {"every": 1}, **changes}
    curves = train(load_run(name, overrides)).isel(step=slice(1, None))
    loss = (curves.frequency.values[:, None] * curves.loss.values).mean(axis=2)
    return {
        "accuracy": curves.accuracy.values.astype(np.float32),
        "root": np.sqrt(loss).astype(np.float32), "mixture": curves.mixture.values.astype(str),
    }  # fmt: skip


def passages(accuracy: NDArray[Any]) -> Floats:
    """Return the first update after which each published threshold is passed, (…, skill, 5)."""
    steps = np.arange(accuracy.shape[-2])
    return np.stack(
        [first_step(accuracy > t, steps) for t in arrays("parity_runs")["threshold"]], axis=-1
    )


def published_passages(key: str) -> Floats:
    """Return the same of a published run, (skill, 5)."""
    return arrays("parity_runs")[f"cross_{key}"].astype(float)


def skill_row(title: str, published: float, ours: NDArray[Any]) -> Row:
    """Hold a published number against where a further seed of ours would be."""
    return Row(title, "reference run, one seed", exactly(published), one_more(ours, LEAST))


def passages_row(title: str, cells: Sequence[tuple[Floats, Floats]]) -> Row:
    """Hold all passages of some runs, (published, ours by seed), in standard deviations."""
    apart, square, count = [], 0.0, 0
    for published, ours in cells:
        known = np.isfinite(ours).all(axis=0)
        logs = np.log(ours[:, known])
        apart.append(np.log(published[known]) - logs.mean(axis=0))
        square += float(((logs - logs.mean(axis=0)) ** 2).sum())
        count += (len(logs) - 1) * int(known.sum())
    away = np.abs(np.concatenate(apart)) / np.sqrt(square / count)
    return Row(
        f"{title}: largest distance of {len(away)} published passages of accuracies 0.6 to 0.99 "
        "from the mean of ours, in standard deviations over seeds, in logarithms",
        "reference runs, one seed", at_most(MOST_Z), exactly(away.max()),
    )  # fmt: skip


def root_row(title: str, runs: Sequence[tuple[str, Floats]], name: str) -> Row:
    """Compare when the root of the training loss falls below 0.1, mean over runs (key, ours)."""
    of = arrays("parity_runs")
    published = [first_step((of[f"rmse_{key}"] < ROOT_LOSS)[:, None], of[name])[0]
                 for key, _ in runs]  # fmt: skip
    ours = [first_step(root < ROOT_LOSS, np.arange(root.shape[1]), axis=-1) for _, root in runs]
    return skill_row(
        f"{title}: step at which the root of the loss falls below {ROOT_LOSS:g}",
        float(np.mean(published)), np.mean(ours, axis=0),
    )


def levels_of(accuracy: NDArray[Any]) -> NDArray[Any]:
    """Return levels: accuracies with guessing at 0."""
    return 2.0 * accuracy - 1.0


def draw(ax: Axes, accuracy: NDArray[Any], key: str, step: str, title: str) -> None:
    """Draw the accuracies of our seeds, and the published ones as rings."""
    of = arrays("parity_runs")
    for i, colour in enumerate(colours(accuracy.shape[2])):
        ax.plot(accuracy[:, :, i].T, color=colour, linewidth=0.8, alpha=0.6)
        ring = {**DOT, "markeredgecolor": colour}
        ax.plot(of[step][::4], of[f"acc_{key}"][::4, i], **ring, markersize=4)
    ax.set_title(title, fontsize=10)
    ax.set(xlabel="step", ylim=(0.45, 1.03))


def one_subset(seed: int, part: float, steps: int) -> Floats:
    """Return when the rare of two parities passes 0.9 with fresh rows a step, and with the same.

    A plain loop that shares nothing with the library: it trains on the part of the rows that the
    published mask would choose if it were not moved with each step.
    """
    import torch

    found = []
    for fresh in (True, False):
        inputs, targets, net, optimizer = _plain(seed, [[0, 1], [2, 3]])
        rng, rows = np.random.default_rng(seed), len(inputs)
        mask, order, at = torch.ones(rows, 2), np.arange(rows), np.inf
        for step in range(steps):
            if fresh or step == 0:
                order = rng.permutation(rows)
                mask[:, 1] = torch.from_numpy((order < part * rows).astype(np.float32))
            output = net(inputs)
            if ((output[:, 1] > 0.5) == (targets[:, 1] > 0.5)).float().mean() > 0.9:
                at = float(step)
                break
            optimizer.zero_grad()
            ((output - targets).square() * mask).mean().backward()
            optimizer.step()
        found.append(at)
    return np.array(found)


def on_trained(seed: int, steps: int) -> Floats:
    """Return the accuracy of four independent bits on the samples trained on, and on others.

    A plain loop, as `one_subset`; of 10,000 samples four fifths are trained on, as published.
    """
    import torch

    inputs, targets, net, optimizer = _plain(seed, [[2, 3], [0, 1], [4, 5, 6, 7]])
    rows = len(inputs) * 4 // 5
    for _ in range(steps):
        optimizer.zero_grad()
        (net(inputs[:rows]) - targets[:rows]).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        right = ((net(inputs) > 0.5) == (targets > 0.5))[:, 2].double()
    return np.array([float(right[:rows].mean()), float(right[rows:].mean())])


def _plain(seed: int, parities: Sequence[Sequence[int]]) -> tuple[Any, Any, Any, Any]:
    """Return inputs, targets, a network as published, and Adam."""
    import torch

    rng, draws = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    inputs = torch.from_numpy(rng.integers(0, 2, (10_000, 32)).astype(np.float32))
    targets = torch.stack([inputs[:, list(bits)].sum(1) % 2 for bits in parities], 1)
    layers = [torch.nn.Linear(32, 50), torch.nn.Linear(50, len(parities))]
    with torch.no_grad():
        for layer in layers:
            bound = layer.in_features**-0.5
            for values in (layer.weight, layer.bias):
                values.uniform_(-bound, bound, generator=draws)
    net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
    return inputs, targets, net, torch.optim.Adam(net.parameters(), 1e-3)
