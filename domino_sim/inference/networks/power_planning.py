"""Planning for power gates: what an inference leaves in doubt, from its report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from domino_sim.errors import ArgumentError
from domino_sim.inference.doubts import Pair
from domino_sim.inference.evidence import EXCLUDED
from domino_sim.inference.mixing import Limits
from domino_sim.inference.networks.kept import read_onsets
from domino_sim.inference.networks.power_gates import LEAST
from domino_sim.inference.networks.power_graphs import PowerGraphs
from domino_sim.inference.networks.power_promise import PowerPromise
from domino_sim.levels import Floats

__all__ = ["PowerSubject", "is_power"]


def is_power(report: Mapping[str, Any]) -> bool:
    """Whether an inference is one under power gates, with the onsets that planning needs.

    Raises
    ------
    ArgumentError
        If an older version wrote it, without onsets.
    """
    model = report.get("model", {"kind": "gates"})
    if model["kind"] != "power":
        return False
    if "onsets" not in model:
        raise ArgumentError(
            "is of a version that did not keep onsets", where="inference_or_graph",
            expected="the inference made anew",
        )  # fmt: skip
    return True


class PowerSubject:
    """What an inference under power gates leaves in doubt.

    Graphs are drawn anew from the onsets in the report, as the inference drew them. A stranger that
    is none of the skills of the report is the last of `names`.
    """

    known = False

    def __init__(self, report: Mapping[str, Any], seed: int, stranger: str | None = None) -> None:
        skills, onsets, rules = read_onsets(report)
        self.names = skills if stranger in (None, *skills) else (*skills, str(stranger))
        self.promise = PowerPromise(onsets, PowerGraphs(onsets, rules), seed)
        self.pairs, self.total = self.promise.pairs, self.promise.total
        self.runs = tuple(report["runs"])
        few = (onsets.seen & onsets.trained).sum(axis=0) < LEAST
        self.unplanned: tuple[str, ...] = tuple(
            name for name, rare in zip(skills, few, strict=True) if rare and name != stranger
        )
        self.remarks: tuple[str, ...] = tuple(
            f"{name} began in fewer than {LEAST} runs: what it needs cannot be planned for"
            for name in self.unplanned
        ) + tuple(
            f"{name} was left out of the inference, and is in no planned run"
            for name in report["skills"]
            if name not in self.names
        )
        self.assumed: Mapping[str, Any] = {
            "form": str(report["model"]["text"]), "steps": round(self.promise.steps),
        }  # fmt: skip

    def aims(self, pair: Pair) -> Iterable[tuple[int, bool]]:
        """Yield the prerequisite, to be slow."""
        return [(pair[0], True)]

    def starts(self, limits: Limits) -> Floats:
        """Return even mixtures without one or two of what is in doubt."""
        n = len(self.names)
        rows = sorted({j for j, _ in self.pairs})
        sets = [(j,) for j in rows] + list(combinations(rows, 2)) if limits.knock_outs else []
        out = np.zeros((len(sets), n), dtype=bool)
        for row, some in zip(out, sets, strict=True):
            row[list(some)] = True
        return limits.fit(np.ones((len(sets), n)), out)

    def why(self, mixture: Floats, pairs: Sequence[Pair]) -> list[str]:
        """Return by how much later the dependent comes, if it needs the prerequisite."""
        return [self._why(mixture, pair) for pair in pairs]

    def _why(self, mixture: Floats, pair: Pair) -> str:
        name, dependent = (self.names[k] for k in pair)
        times = float(np.exp(self.promise.delay(mixture, pair)))
        told = f"{times:.1f} times later" if times >= 1.0 else f"{1.0 / times:.1f} times sooner"
        if mixture[pair[0]] == 0.0:
            return f"leaves {name} out: if {dependent} needs it, it comes {told} than if not"
        return f"{dependent} comes {told} if it needs {name} than if not"

    def left(self, pair: Pair, most: float) -> str:
        """Return why an edge is left."""
        if most >= EXCLUDED:
            return "would take another run"
        return "no mixture tried tells it in one run"
