"""Perceptrons of Fig. 19 (100 + 100 seeds) against a plain Torch loop, one seed at a time.

Baseline: `plain_loop`, Torch's layers, autograd and Adam, masks on the weights of the modular
network, both losses kept at every step. Ours: `train`, from a checked run to labelled curves of
every step. Both with one thread of Torch, as `train` has it; the loop with all threads is timed
too. Seconds are those of 1000 steps of one seed, measured over fewer; "both" weighs the two
networks evenly, as 100 + 100 seeds do. *Of the matmul rate*: floating-point operations of ours in a
second of its whole time, by the rate of products alone in the same round: of the square layer
(1000 × 100 by 100 × 100, its gradient and its slope), and of all products of a step. Modules do a
quarter of the arithmetic: no products with zeros, and each has the rows of its own skill only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import nn

from benchmarks.measure import Row, Target, interleaved, speedup
from domino_sim.gradient.run import load_run
from domino_sim.gradient.training import train

ROWS, WIDTH, LR = 1000, 100, 5e-4

#: Floating-point operations of the square layer, and of all layers, in a step of one seed: two
#: products a layer, and a third, of the slope, in all but the first.
SQUARE = 2 * ROWS * 3 * WIDTH * WIDTH
WORK = SQUARE + 2 * ROWS * (2 + 3) * 2 * WIDTH


def measure(quick: bool) -> Iterator[Row]:
    """Yield the rows."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        yield from _rows(quick, threads)
    finally:
        torch.set_num_threads(threads)


def _rows(quick: bool, threads: int) -> Iterator[Row]:
    seeds, steps, rounds = (4, 5, 1) if quick else (24, 100, 7)
    taken = interleaved(
        {
            "plain one": lambda: plain_loop(2 * steps, modular=False),
            "plain modules": lambda: plain_loop(2 * steps, modular=True),
            "one": _ours("square-nonmodular", seeds, steps),
            "modules": _ours("square-modular", seeds, steps),
            "square": _square,
            "products": _products,
            "all one": lambda: plain_loop(2 * steps, modular=False, threads=threads),
            "all modules": lambda: plain_loop(2 * steps, modular=True, threads=threads),
        },
        rounds,
    )
    scale = {"plain": 500 / steps, "all": 500 / steps, "": 1000 / steps / seeds}
    seconds = {key: tuple(s * scale[key.rpartition(" ")[0]] for s in taken[key]) for key in taken}
    for key, name in (("one", "one network"), ("modules", "a module each")):
        yield Row(f"{name}: plain loop", seconds[f"plain {key}"], "s")
        ratio = speedup(seconds[f"plain {key}"], seconds[key])
        yield Row(f"{name}: train, {seeds} seeds", seconds[key], "s", ratio)
    both = {
        side: tuple(
            map(sum, zip(seconds[f"{side} one"], seconds[f"{side} modules"], strict=True))
        )
        for side in ("plain", "all")
    }
    ours = tuple(map(sum, zip(seconds["one"], seconds["modules"], strict=True)))
    yield Row("both: train", ours, "s", speedup(both["plain"], ours), Target("≥", 2, ""))
    yield Row(
        f"both: plain loop, {threads} threads", both["all"], "s",
        note=f"train is {speedup(both['all'], ours):.3g} × as fast with one",
    )  # fmt: skip
    for key, name, work in (
        ("square", "the square products", SQUARE), ("products", "all products", WORK)
    ):  # fmt: skip
        rates = [work / s / 1e9 for s in taken[key]]
        parts = [WORK / s / 1e6 / r for s, r in zip(seconds["one"], rates, strict=True)]
        yield Row(
            f"one network: of the matmul rate of {name}", tuple(100 * p for p in parts), "%",
            target=Target("≥", 60, "%"), note=f"{median(rates):.3g} GFLOP/s",
        )  # fmt: skip


def _ours(name: str, seeds: int, steps: int) -> Callable[[], object]:
    run = load_run(name, {"seeds": seeds, "steps": steps})
    return lambda: train(run)


def _square() -> None:
    """The three products of the square layer, once."""
    for left, right, out in _PRODUCTS[:3]:
        torch.bmm(left, right, out=out)


def _products() -> None:
    """All products of a step, once."""
    for left, right, out in _PRODUCTS:
        torch.bmm(left, right, out=out)


def _operands() -> list[tuple[torch.Tensor, ...]]:
    x, z, thin, thin_out = (torch.ones(1, ROWS, n) for n in (WIDTH, WIDTH, 2, 2))
    w, grad = torch.ones(1, WIDTH, WIDTH), torch.ones(1, WIDTH, WIDTH)
    narrow, narrow_grad = torch.ones(1, 2, WIDTH), torch.ones(1, 2, WIDTH)
    return [
        (x, w, z), (x.transpose(1, 2), z, grad), (z, w.transpose(1, 2), x.clone()),
        (thin, narrow, z), (thin.transpose(1, 2), z, narrow_grad),
        (narrow, x.transpose(1, 2), thin_out.transpose(1, 2).contiguous()),
        (thin.transpose(1, 2), x, narrow_grad), (thin, narrow, z),
    ]  # fmt: skip


_PRODUCTS = _operands()


class MaskedLinear(nn.Linear):
    """A linear layer whose weights between the two halves are masked."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.mask = torch.zeros(outputs, inputs)
        self.mask[: outputs // 2, : inputs // 2] = 1.0
        self.mask[outputs // 2 :, inputs // 2 :] = 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.weight * self.mask, self.bias)


def plain_loop(steps: int, modular: bool, threads: int = 1) -> list[tuple[float, float]]:
    """Train one seed and return the losses of both squares before each step."""
    torch.set_num_threads(threads)
    layer = MaskedLinear if modular else nn.Linear
    silu = nn.SiLU()
    model = nn.Sequential(layer(2, WIDTH), silu, layer(WIDTH, WIDTH), silu, layer(WIDTH, 2))
    x = torch.rand(ROWS, 2) * 2 - 1
    mask = torch.zeros(ROWS, 2)
    often = ROWS * 99 // 100
    mask[:often, 0] = mask[often:, 1] = 1.0
    x *= mask
    target = x**2
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        output = model(x)
        torch.mean((output - target) ** 2 * mask).backward()
        optimizer.step()
        with torch.no_grad():
            squares = (output - target) ** 2
            losses.append((squares[:often, 0].mean().item(), squares[often:, 1].mean().item()))
    torch.set_num_threads(1)
    return losses
