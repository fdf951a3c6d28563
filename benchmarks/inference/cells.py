"""The kinds of worlds that inference is measured on, and what it should reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product
from typing import Literal

from benchmarks.inference.worlds import World, make_world

__all__ = ["CELLS", "QUICK", "Cell", "Mixtures", "Variant"]

#: Pool law ("changed": another one from run to run), gate and operators.
Variant = tuple[str, str, str]

#: What is known of mixtures: all; those of half of the runs; none; or all, and every run changes
#: its mixture once at a step that is known.
Mixtures = Literal["known", "partly", "unknown", "changing"]

_LAWS = ("sum", "norm", "constant")
_ALL = tuple(product(_LAWS, ("hard", "soft"), ("and", "mixed")))
_MIXED = tuple(product(_LAWS, ("hard", "soft"), ("mixed",)))
_SERIAL = tuple(product(("domino",), ("hard",), ("and", "mixed")))


@dataclass(frozen=True)
class Cell:
    """One kind of world.

    Attributes
    ----------
    name
        What it is called on the command line.
    skills, runs, noise, schedule
        As of `make_world`.
    mixtures
        What is known of the mixtures.
    target
        F1 of all edges together that is wanted; None where the target is that no false edge has a
        probability of 0.9 or more.
    variants
        Laws, gates and operators, which the graphs take in turn.
    leak
        How far closed gates let skills learn.
    exponent
        Of soft gates.
    tuning
        How many worlds of a variant baselines are tuned on.
    """

    name: str
    skills: int
    runs: int
    noise: float
    target: float | None
    mixtures: Mixtures = "known"
    schedule: str | None = None
    variants: Sequence[Variant] = _MIXED
    leak: float = 0.0
    exponent: float = 1e-3
    tuning: int = 6

    def seeded(self, graphs: int, seed: int, chosen: Sequence[Variant] = ()) -> list[
        tuple[int, Variant]
    ]:  # fmt: skip
        """Return seed and variant of `graphs` worlds; only variants in `chosen`, if any are."""
        variants = [v for v in self.variants if not chosen or v in chosen]
        if not variants:
            raise ValueError(f"cell {self.name} has none of the variants chosen")
        return list(enumerate(islice(cycle(variants), graphs), seed))

    def world(self, variant: Variant, seed: int) -> World:
        """Draw a world."""
        law, gate, operators = variant
        laws = None
        if law == "changed":
            laws = list(islice(cycle(_LAWS), self.runs))
        return make_world(
            skills=self.skills, runs=self.runs, noise=self.noise, law=law, laws=laws, gate=gate,
            operators=operators, schedule=self.schedule, seed=seed,
            changes=self.mixtures == "changing", leak=self.leak, exponent=self.exponent,
        )  # fmt: skip

    def __str__(self) -> str:
        told = f"{self.skills} skills, {self.runs} run{'s' * (self.runs > 1)}, {self.noise:.0%}"
        told += _TOLD[self.mixtures]
        if self.schedule:
            told += f", {self.schedule}"
        if any(law == "changed" for law, _, _ in self.variants):
            told += ", pool law changed between runs"
        if self.leak:
            told += f", closed gates leak {self.leak:g}"
        return told


#: How that is said.
_TOLD = {
    "known": "",
    "partly": ", mixtures of half of the runs unknown",
    "unknown": ", mixtures unknown",
    "changing": ", mixtures changed within runs",
}

CELLS = {
    cell.name: cell
    for cell in (
        Cell("10x8", 10, 8, 0.01, 0.99, variants=_ALL),
        Cell("20x8", 20, 8, 0.01, 0.98),
        Cell("20x8-noisy", 20, 8, 0.05, 0.93),
        Cell("50x8", 50, 8, 0.01, 0.96, tuning=3),
        Cell("10x8-unknown", 10, 8, 0.01, 0.85, mixtures="unknown"),
        Cell("10x8-partly", 10, 8, 0.01, 0.85, mixtures="partly"),
        Cell("10x8-changes", 10, 8, 0.01, 0.99, mixtures="changing"),
        Cell("10x8-leaky", 10, 8, 0.01, 0.99, leak=0.05, exponent=0.3),
        Cell("10x1", 10, 1, 0.01, None),
        Cell("10x8-domino", 10, 8, 0.01, 0.99, variants=_SERIAL),
        Cell("10x8-schedule", 10, 8, 0.01, 0.99, schedule="warmup-cosine"),
        Cell(
            "10x8-laws", 10, 8, 0.01, 0.99,
            variants=tuple(product(("changed",), ("hard", "soft"), ("and", "mixed"))),
        ),
    )
}  # fmt: skip

#: Small worlds, to see that everything works.
QUICK = Cell(
    "quick", 5, 4, 0.01, 0.99, tuning=1,
    variants=(("sum", "hard", "mixed"), ("norm", "hard", "and")),
)  # fmt: skip
