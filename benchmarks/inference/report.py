"""What results come to: F1 of each method, margins over others, what probabilities are worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from benchmarks.inference.cells import Cell
from benchmarks.inference.evaluation import Result
from benchmarks.inference.ours import METHODS, OURS
from benchmarks.inference.scoring import Score, pool, reliability

__all__ = ["margin", "margins", "report", "sureness"]

_HEAD = ("method", "F1", "mean", "95 %", "exact", "≥ 0.9 but false", "s a graph", "failed")

#: Bounds of the bins in which cells are compared.
_COARSE = (0.0, 0.1, 0.5, 0.9, 1.0)


def report(names: Sequence[str], results: Sequence[Result], cell: Cell | None = None) -> list[str]:
    """Return the lines of a cell: methods, then variants, settings, and what probabilities say."""
    lines = _table([_HEAD, *(_line(name, _of(results, name)) for name in names)])
    if cell is not None:
        sure = "no false edge given 0.9 or more"
        lines += ["", f"Target: {sure if cell.target is None else f'F1 ≥ {cell.target}'}."]
    variants = list(dict.fromkeys(result.variant for result in results))
    if len(variants) > 1:
        table = [("F1 by variant", *names)]
        for variant in variants:
            here = [result for result in results if result.variant == variant]
            table.append((" ".join(variant), *(_f1(_of(here, name)) for name in names)))
        lines += ["", *_table(table)]
    for name in names:
        notes: dict[str, list[str]] = {}
        for result in _of(results, name):
            if result.note and " ".join(result.variant) not in notes.get(result.note, ()):
                notes.setdefault(result.note, []).append(" ".join(result.variant))
        lines += ["" for _ in notes][:1]
        for note, where in notes.items():
            told = "" if len(where) == len(variants) else f", {', '.join(where)}"
            lines.append(f"* {name}{told}: {note}")
    for name in (name for name in names if name in METHODS):
        scores = _scores(_of(results, name))
        if scores:
            table = [(f"{name}: probability", "pairs", "mean", "real", "95 %")]
            table += [
                (
                    f"{b.low:g} – {b.high:g}", str(b.count), f"{b.mean:.3f}",
                    f"{b.real / b.count:.3f}", f"{b.at_least:.3f} – {b.at_most:.3f}",
                )
                for b in reliability(scores)
            ]  # fmt: skip
            lines += ["", *_table(table)]
    return lines


def margins(cells: Mapping[str, Sequence[Result]], ours: str = OURS) -> list[str]:
    """Return a table of the best other method of each cell, and by how much `ours` is better.

    Methods are compared on the graphs that both have; the best is the one with the highest F1 on
    these. No line where there is nothing to compare.
    """
    rows = []
    for cell, results in cells.items():
        best: tuple[float, tuple[str, ...]] | None = None
        mine = {(r.seed, r.variant): r.score for r in _of(results, ours) if r.score is not None}
        for name in dict.fromkeys(r.method for r in results if r.method != ours):
            pairs = [
                (mine[r.seed, r.variant], r.score)
                for r in _of(results, name)
                if r.score is not None and (r.seed, r.variant) in mine
            ]
            if not pairs:
                continue
            found, others = (pool(list(scores)).f1 for scores in zip(*pairs, strict=True))
            low, high = margin(pairs)
            row = (
                cell, str(len(pairs)), f"{found:.3f}", name, f"{others:.3f}",
                f"{found - others:+.3f}", f"{low:+.3f} – {high:+.3f}",
            )  # fmt: skip
            if best is None or others > best[0]:
                best = others, row
        rows += [] if best is None else [best[1]]
    head = ("cell", "graphs", f"F1 of {ours}", "best other", "its F1", "margin", "95 %")
    return _table([head, *rows]) if rows else []


def margin(
    pairs: Sequence[tuple[Score, Score]], *, seed: int = 0, draws: int = 2000
) -> tuple[float, float]:
    """Return the 95 % interval of the difference of pooled F1, by bootstrap over graphs."""
    counts = np.array([[_counts(one) for one in pair] for pair in pairs], dtype=float)
    at = np.random.default_rng(seed).integers(len(pairs), size=(draws, len(pairs)))
    found, wrong = np.moveaxis(counts[at].sum(axis=1), -1, 0)
    f1 = np.where(found + wrong > 0.0, 2.0 * found / np.maximum(2.0 * found + wrong, 1.0), 1.0)
    low, high = np.quantile(f1[:, 0] - f1[:, 1], [0.025, 0.975])
    return float(low), float(high)


def sureness(cells: Mapping[str, Sequence[Result]], method: str = OURS) -> list[str]:
    """Return a table of how many are real of the pairs given a probability, by cell and in all."""
    scores = {cell: _scores(_of(results, method)) for cell, results in cells.items()}
    scores = {cell: some for cell, some in scores.items() if some}
    if not scores:
        return []
    every = [one for some in scores.values() for one in some]
    bins = [f"{low:g} – {high:g}" for low, high in pairwise(_COARSE)]
    table = [(f"{method}: real, of pairs given", *bins, "95 % of the last")]
    for cell, some in {**scores, "all": every}.items():
        found = {f"{b.low:g} – {b.high:g}": b for b in reliability(some, _COARSE)}
        told = [f"{found[b].real} of {found[b].count}" if b in found else "–" for b in bins]
        last = found.get(bins[-1])
        table.append(
            (cell, *told, f"{last.at_least:.3f} – {last.at_most:.3f}" if last else "–")
        )  # fmt: skip
    return _table(table)


def _counts(one: Score) -> tuple[int, int]:
    """Return how many edges were found, and how many were missed or invented."""
    return len(one.found), len(one.missed) + len(one.invented)


def _of(results: Iterable[Result], name: str) -> list[Result]:
    return [result for result in results if result.method == name]


def _scores(results: Iterable[Result]) -> list[Score]:
    return [result.score for result in results if result.score is not None]


def _f1(results: Sequence[Result]) -> str:
    scores = _scores(results)
    return f"{pool(scores).f1:.3f}" if scores else "–"


def _line(name: str, results: Sequence[Result]) -> tuple[str, ...]:
    scores = _scores(results)
    if not scores:
        return (name, *["–"] * (len(_HEAD) - 1))
    found = pool(scores)
    return (
        name, f"{found.f1:.3f}", f"{found.mean:.3f}", f"{found.low:.3f} – {found.high:.3f}",
        f"{found.exact:.0%}", str(found.sure_but_false) if name in METHODS else "–",
        f"{median(result.seconds for result in results):.2g}",
        str(sum(result.failed for result in results)),
    )  # fmt: skip


def _table(cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    padded = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    padded.insert(1, ["-" * width for width in widths])
    return ["| " + " | ".join(row) + " |" for row in padded]
