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
from validation.passages import first_above, first_step
from validation.references import arrays
from validation.row import Row
from validation.seeds import CHANCE, one_more, one_more_each, student
from validation.setting import Arrays
from validation.value import Value, at_most, exactly

__all__ = [
    "Case", "draw", "levels_of", "on_trained", "passages", "passages_rows", "plain_passages",
    "published_passages", "root_case", "skill_rows", "theory_apart", "trained",
]  # fmt: skip

Floats = NDArray[np.float64]

#: What is compared: in words, the published number, ours by seed.
Case = tuple[str, float, Floats]

#: Published passages, ours by seed, and the steps of ours.
Cell = tuple[Floats, Floats, int]

#: From how many seeds on a number's own spread is known well enough; fewer share theirs.
ENOUGH = 8

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


def theory_apart(level: NDArray[Any], key: str) -> Value:
    """Return by how many steps passages of a theory (step, skill) differ from published ones."""
    of = arrays("parity_runs")
    told = np.where(of[f"cross_theory_{key}"] < 0, np.inf, of[f"cross_theory_{key}"])
    steps = np.arange(len(level))
    own = np.stack([first_above(level, steps, t) for t in of["threshold_theory"]], axis=-1)
    never = np.isinf(told) & np.isinf(own)
    return exactly(np.abs(np.where(never, 0.0, own) - np.where(never, 0.0, told)).max())


def skill_rows(cases: Sequence[Case]) -> list[Row]:
    """Hold published numbers against where a further seed of ours would be.

    One published seed cannot show more: the seeds' own spread is a factor of 1.2 either way.
    """
    samples = [ours for _, _, ours in cases]
    enough = all(len(ours) >= ENOUGH for ours in samples)
    found = [one_more(ours) for ours in samples] if enough else one_more_each(samples)
    return [
        Row(title, "reference run, one seed", exactly(published), value)
        for (title, published, _), value in zip(cases, found, strict=True)
    ]


def passages_rows(title: str, cells: Sequence[Cell]) -> list[Row]:
    """Hold all passages of some runs: the one that is furthest off, and all of them together.

    The first is in standard deviations over seeds of all passages, so that it sees a single wrong
    one; the second in those of a seed's mean over passages, so that it sees that all are late. A
    seed of ours that never passes counts as passing at its last step, no sooner: a published
    passage before that is too early by so much at least.
    """
    apart, square, count = [], 0.0, 0
    theirs, own = [], []
    for published, ours, steps in cells:
        told = published < steps
        single, logs = np.log(published[told]), np.log(np.minimum(ours[:, told], steps - 1.0))
        whole = np.isfinite(ours[:, told]).all(axis=0)
        away = single - logs.mean(axis=0)
        apart.append(np.where(whole, away, np.minimum(away, 0.0)))
        square += float(((logs - logs.mean(axis=0))[:, whole] ** 2).sum())
        count += (len(logs) - 1) * int(whole.sum())
        theirs.append(single)
        own.append(logs)
    seeds = min(len(logs) for logs in own)
    # The standard deviation is that of a new run against the mean of ours, known from all passages.
    every = np.abs(np.concatenate(apart)) / np.sqrt(square / count * (1.0 + 1.0 / seeds))
    bound = at_most(student(count + 1, CHANCE / len(every)))
    mean = np.concatenate([logs[:seeds] for logs in own], axis=1).mean(axis=1)
    late = np.concatenate(theirs).mean() - mean.mean()
    spread = float(mean.std(ddof=1)) * np.sqrt(1.0 + 1.0 / seeds)
    many, source = f"{len(every)} published passages of 0.6 to 0.99", "reference runs, one seed"
    return [
        Row(f"{title}: largest distance of {many} from the mean of ours, in standard deviations "
            "over seeds, in logarithms", source, bound, exactly(every.max())),
        Row(f"{title}: the {many} over ours, geometric mean ({seeds} seeds; where a further seed "
            "would be, 95 %)", source, exactly(np.exp(late)),
            Value(1.0, *np.exp(np.array([-1.0, 1.0]) * student(seeds) * spread))),
    ]  # fmt: skip


def root_case(title: str, runs: Sequence[tuple[str, Floats]], name: str) -> Case:
    """Compare when the root of the loss falls below 0.1, mean over runs (key, ours)."""
    of = arrays("parity_runs")
    published = [first_step((of[f"rmse_{key}"] < ROOT_LOSS)[:, None], of[name])[0]
                 for key, _ in runs]  # fmt: skip
    ours = [first_step(root < ROOT_LOSS, np.arange(root.shape[1]), axis=-1) for _, root in runs]
    return (
        f"{title}: step at which the root of the loss falls below {ROOT_LOSS:g}",
        float(np.mean(published)), np.mean(ours, axis=0),
    )  # fmt: skip


def levels_of(accuracy: NDArray[Any]) -> NDArray[Any]:
    """Return levels: accuracies with guessing at 0."""
    return 2.0 * accuracy - 1.0


def draw(
    ax: Axes, accuracy: NDArray[Any], key: str, step: str, title: str, tasks: Sequence[str] = ()
) -> None:
    """Draw the accuracies of our seeds, and the published ones as rings; name `tasks` by colour."""
    of = arrays("parity_runs")
    for i, colour in enumerate(colours(accuracy.shape[2])):
        ax.plot(accuracy[:, :, i].T, color=colour, linewidth=0.8, alpha=0.6)
        ring = {**DOT, "markeredgecolor": colour}
        ax.plot(of[step][::4], of[f"acc_{key}"][::4, i], **ring, markersize=4)
    ax.set_title(title, fontsize=10)
    for name, colour in zip(tasks, colours(accuracy.shape[2]), strict=False):
        ax.plot([], [], color=colour, label=name)
    if tasks:
        ax.legend(frameon=False, fontsize=8, loc="lower right")
    ax.set(xlabel="step", ylim=(0.45, 1.03))


def plain_passages(
    seed: int, parities: Sequence[Sequence[int]], rows: int, steps: int, part: float = 1.0,
    fresh: bool = True,
) -> Floats:
    """Return when parities of these bits pass 0.9 on samples not trained on.

    A plain loop that shares nothing with the library: the second parity is trained on a part of
    the rows, fresh ones at every step as in the published code, or the same throughout.
    """
    import torch

    inputs, targets, net, optimizer = _plain(seed, parities, rows + 2000)
    rng, count = np.random.default_rng(seed), len(parities)
    mask, order, at = torch.ones(rows, count), np.arange(rows), np.full(count, np.inf)
    for step in range(steps):
        if fresh or step == 0:
            order = rng.permutation(rows)
            mask[:, 1] = torch.from_numpy((order < part * rows).astype(np.float32))
        optimizer.zero_grad()
        ((net(inputs[:rows]) - targets[:rows]).square() * mask).mean().backward()
        optimizer.step()
        with torch.no_grad():
            right = ((net(inputs[rows:]) > 0.5) == (targets[rows:] > 0.5)).float().mean(0).numpy()
        at = np.where((right > 0.9) & np.isinf(at), float(step), at)
        if np.isfinite(at).all():
            break
    return at


def on_trained(seed: int, steps: int) -> Floats:
    """Return the accuracy of four independent bits on the samples trained on, and on others.

    A plain loop, as `plain_passages`; of 10,000 samples four fifths are trained on, as published.
    """
    import torch

    inputs, targets, net, optimizer = _plain(seed, [[2, 3], [0, 1], [4, 5, 6, 7]], 10_000)
    rows = len(inputs) * 4 // 5
    for _ in range(steps):
        optimizer.zero_grad()
        (net(inputs[:rows]) - targets[:rows]).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        right = ((net(inputs) > 0.5) == (targets > 0.5))[:, 2].double()
    return np.array([float(right[:rows].mean()), float(right[rows:].mean())])


def _plain(seed: int, parities: Sequence[Sequence[int]], rows: int) -> tuple[Any, Any, Any, Any]:
    """Return inputs, targets, a network as published, and Adam."""
    import torch

    rng, draws = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    inputs = torch.from_numpy(rng.integers(0, 2, (rows, 32)).astype(np.float32))
    targets = torch.stack([inputs[:, list(bits)].sum(1) % 2 for bits in parities], 1)
    layers = [torch.nn.Linear(32, 50), torch.nn.Linear(50, len(parities))]
    with torch.no_grad():
        for layer in layers:
            bound = layer.in_features**-0.5
            for values in (layer.weight, layer.bias):
                values.uniform_(-bound, bound, generator=draws)
    net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
    return inputs, targets, net, torch.optim.Adam(net.parameters(), 1e-3)
