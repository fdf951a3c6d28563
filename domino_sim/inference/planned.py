"""Planned runs: their mixtures, what each is to decide and why, and their files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from domino_sim.files import atomic_write, make_folder
from domino_sim.inference.doubts import Doubts, Pair
from domino_sim.inference.mixing import Limits
from domino_sim.inference.outlook import Outlook, Pace
from domino_sim.inference.promise import DECIDES
from domino_sim.levels import Floats

if TYPE_CHECKING:
    from domino_sim.inference.subjects import Subject

__all__ = ["Design", "gate_reasons", "left_reason", "make_design"]

#: An edge is said to be decided by a run in at least this part of the likely graphs.
_LIKELY = 0.5


@dataclass(frozen=True)
class Design:
    """Planned runs.

    Attributes
    ----------
    mixtures
        Frequencies (run, skill), ≥ 0; each run adds up to 1, of an inference under power gates to
        what its runs add up to.
    report
        In plain numbers and text: ``runs`` with their ``gain`` (bits), the number of ``edges``
        that each decides beyond those before it, and ``decides``; ``decided`` and ``left``, the
        edges in doubt; ``assumed``, ``remarks``.
    """

    mixtures: xr.DataArray
    report: Mapping[str, Any]

    @property
    def done(self) -> bool:
        """Whether no run that was tried would decide anything more, so that none is planned."""
        return not self.mixtures.sizes["run"]

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``mixtures.csv`` and ``design.json``; return their paths."""
        folder = Path(folder)
        make_folder(folder)
        paths = [folder / "mixtures.csv", folder / "design.json"]
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["run", "skill", "frequency"])
        for run in self.mixtures["run"].values.tolist():
            each = self.mixtures.sel(run=run)
            rows.writerows(
                (run, skill, repr(p))
                for skill, p in zip(
                    each["skill"].values.tolist(), each.values.tolist(), strict=True
                )
            )
        atomic_write(paths[0], text.getvalue())
        atomic_write(paths[1], json.dumps(self.report, ensure_ascii=False, indent=1) + "\n")
        return paths

    def __repr__(self) -> str:
        decided = len(self.report["decided"])
        runs = self.mixtures.sizes["run"]
        return f"<Design of {runs} runs: {decided} of {decided + len(self.report['left'])} edges>"


def make_design(
    subject: Subject,
    limits: Limits,
    mixtures: Sequence[Floats],
    tables: Sequence[Floats],
    attainable: Mapping[Pair, float],
) -> Design:
    """Gather what was planned."""
    promise = subject.promise
    names = _run_names(subject.runs, len(mixtures))
    stranger = None if limits.stranger is None else subject.names[limits.stranger]
    told = np.zeros(promise.size)
    chance = dict.fromkeys(subject.pairs, 0.0)
    chances: dict[Pair, list[float]] = {pair: [] for pair in subject.pairs}
    decided_by: dict[Pair, str] = {}
    runs = []
    for name, mixture, table in zip(names, mixtures, tables, strict=True):
        before, told = promise.bits(told), told + table
        now = {pair: promise.chance(told, pair) for pair in subject.pairs}
        new = [p for p in subject.pairs if now[p] >= _LIKELY > chance[p]]
        decided_by.update(dict.fromkeys(new, name))
        reasons = subject.why(mixture, new)
        runs.append(
            {
                "run": name,
                "gain": round(float(promise.bits(told) - before), 3),
                "edges": round(sum(now[p] - chance[p] for p in subject.pairs), 2),
                "knocked_out": [
                    name
                    for name, p in zip(subject.names, mixture, strict=True)
                    if p == 0.0 and name != stranger
                ],
                "decides": [
                    {**_edge(subject, pair), "chance": round(now[pair], 3), "why": why}
                    for pair, why in zip(new, reasons, strict=True)
                ],
            }
        )
        chance = now
        for pair, value in now.items():
            chances[pair].append(round(value, 3))
    left = [pair for pair in subject.pairs if pair not in decided_by]
    report = {
        "source": "graph" if subject.known else "inference",
        "skills": [name for name in subject.names if name != stranger],
        "runs": runs,
        "decided": [
            {**_edge(subject, pair), "run": run, "chances": chances[pair]}
            for pair, run in decided_by.items()
        ],
        "left": [
            {**_edge(subject, pair), "reason": subject.left(pair, attainable[pair]),
             "chances": chances[pair]}
            for pair in left
        ],
        "expected": round(sum(chance.values()), 2),
        "assumed": {
            **subject.assumed, "least": limits.least, "ratio": limits.ratio,
            "knock_outs": limits.knock_outs,
            **({} if stranger is None else {"stranger": stranger}),
        },
        "unplanned": list(subject.unplanned),
        "remarks": list(subject.remarks),
    }  # fmt: skip
    array = subject.total * np.array(mixtures).reshape(-1, len(subject.names))
    dims = {"run": names, "skill": list(subject.names)}
    return Design(xr.DataArray(array, dims, list(dims), "frequency"), report)


def _run_names(taken: Sequence[str], count: int) -> list[str]:
    names, number = list[str](), 0
    while len(names) < count:
        number += 1
        if f"planned {number}" not in taken:
            names.append(f"planned {number}")
    return names


def _edge(subject: Subject, pair: Pair) -> dict[str, Any]:
    j, i = pair
    return {"from": subject.names[j], "to": subject.names[i],
            "probability": round(subject.pairs[pair], 4)}  # fmt: skip


def left_reason(doubts: Doubts, pair: Pair, most: float) -> str:
    """Return why an edge between gates is left, if mixtures tell `most` of it at best."""
    if most >= DECIDES:
        return "would take another run"
    j, i = pair
    others = doubts.options[i][0].needs - {j}
    if j in _ancestors(doubts, others):
        return "implied by others: it is a prerequisite of one, and shows under no mixture tried"
    if others & _ancestors(doubts, frozenset({j})):
        return "implied by others: it requires one, and shows under no mixture tried"
    return "shows under no mixture tried"


def _ancestors(doubts: Doubts, of: frozenset[int]) -> set[int]:
    found: set[int] = set()
    new = set(of)
    while new:
        found |= new
        new = {k for j in new for k in doubts.options[j][0].needs} - found
    return found - of


def gate_reasons(doubts: Doubts, mixture: Floats, pace: Pace, pairs: Sequence[Pair]) -> list[str]:
    """Return what in a run tells each edge, in the graph that was found."""
    if not pairs:
        return []
    outlook = Outlook(doubts, mixture[None], pace)
    done = outlook.view([0] * len(doubts.names)).done[:, 0]
    return [_reason(doubts, mixture, done, pair) for pair in pairs]


def _reason(doubts: Doubts, mixture: Floats, done: Floats, pair: Pair) -> str:
    j, i = pair
    name, dependent = doubts.names[j], doubts.names[i]
    if mixture[j] == 0.0:
        return f"knocks {name} out: does {dependent} begin without it?"
    needs = "needs" if doubts.known else "may need"
    others: set[int] = set()
    for one in doubts.options[i]:
        rest = one.needs - {j}
        if j not in one.needs:
            continue
        others |= rest
        if rest and one.any and done[j] < min(done[k] for k in rest):
            return f"makes {name} the first to finish of what {dependent} {needs} one of"
        if rest and not one.any and done[j] > max(done[k] for k in rest):
            return f"makes {name} the last to finish of what {dependent} {needs}"
    if not others:
        return f"{dependent} begins when {name} is learned, or before"
    nearest = min(others, key=lambda k: abs(np.log(done[k] / done[j])))
    return f"{name} and {doubts.names[nearest]} are learned at different times"
