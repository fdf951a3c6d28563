"""Plan the runs that would decide what is not decided yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import networkx as nx
import numpy as np

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.inference.doubts import Doubts, Pair, from_graph, from_report
from domino_sim.inference.forms import Form
from domino_sim.inference.mixing import Limits, changed, drawn, make_limits
from domino_sim.inference.outlook import ANY, LAWS, Pace
from domino_sim.inference.planned import Design, make_design
from domino_sim.inference.promise import Promise, informed
from domino_sim.inference.result import Inference
from domino_sim.inference.sources import read_source
from domino_sim.levels import Floats
from domino_sim.progress import Meter, NullMeter
from domino_sim.threads import one_thread
from domino_sim.wording import shown

__all__ = ["design_mixtures"]

#: Likely graphs that mixtures are tried on, and beyond how many skills fewer.
_GRAPHS, _MANY = 3, 25

#: Random mixtures at first; then, for each run, rounds of so many near the best few.
_POOL, _ROUNDS, _NEAR, _BEST = 60, 2, 30, 6

#: Mixtures that tell this part of what the best does are as good.
_NEARLY = 0.97

#: A run that gains less (bits) tells nothing.
_NOTHING = 0.01

#: The most runs that are planned at once.
_MOST_RUNS = 50


@one_thread
def design_mixtures(
    inference_or_graph: Inference | nx.DiGraph | str | Path,
    runs: int | Literal["enough"] = 1,
    *,
    knock_outs: bool = True,
    least: float = 0.0,
    ratio: float = 100.0,
    law: str = "any",
    wasted: float = 0.01,
    points: int = 200,
    noise: float | None = None,
    mastery: float = 0.99,
    exponent: float | None = None,
    seed: int = 0,
    meter: Meter | None = None,
) -> Design:
    """Propose the mixtures of the next runs, those that decide the most edges.

    From an inference: runs that decide its possible and undetermined edges. From a graph: runs
    that would show each of its edges. See ``docs/design-runs.md``.

    Parameters
    ----------
    inference_or_graph
        What `infer` returned, the folder it was saved in, or its ``graph.json``; or a skill graph,
        the path of its file, or the name of a bundled one.
    runs
        How many, 1 to 50; ``enough``: until nothing more can be told.
    knock_outs
        Whether skills may be left out of a run (frequency 0).
    least
        The least frequency of a skill that is trained, from 0 to below 1/n.
    ratio
        The most by which frequencies of a run may differ, above 1, up to 1e4.
    law, wasted
        The pool law (``sum``, ``norm``, ``constant``; ``any``: whichever of them shows least) and
        N₀ > 0 that runs are taken to have: how long skills take, and how many records show them,
        depends on it; nothing else does.
    points
        Equally spaced records of a run, ≥ 10.
    noise
        Standard deviation of levels, > 0; by default that of the inference, or 0.01.
    mastery, exponent
        Of a graph, how gates open: hard, at a level in (0, 1), or soft, 1 − u^exponent, > 0. An
        inference has its own.
    seed
        Of the random mixtures.
    meter
        Shows progress; none by default.

    Returns
    -------
    Design
        ``mixtures`` (run, skill), ``report``.

    Raises
    ------
    ArgumentError, FileError, GraphError
        If an argument is out of its range, or there is no such file or graph.

    Examples
    --------
    >>> from domino_sim.graph import build_graph
    >>> chain = build_graph({"A": {}, "B": {"requires": "A"}})
    >>> plan = design_mixtures(chain)
    >>> plan.mixtures.sizes["run"], [(e["from"], e["to"]) for e in plan.report["decided"]]
    (1, [('A', 'B')])
    """
    pace = _pace(law, wasted, points)
    if runs != "enough" and not _whole(runs, 1, _MOST_RUNS):
        raise ArgumentError(
            f"is {shown(runs)}", where="runs", expected=f"1 to {_MOST_RUNS}, or 'enough'"
        )
    if not _whole(seed, 0, 2**63):
        raise ArgumentError(f"is {shown(seed)}", where="seed", expected="a whole number ≥ 0")
    doubts = informed(_doubts(inference_or_graph, noise, mastery, exponent), pace)
    limits = make_limits(len(doubts.names), least, ratio, knock_outs=knock_outs)
    plan = _Plan(doubts, pace, limits, np.random.default_rng(seed))
    plan.go(_MOST_RUNS if runs == "enough" else int(runs), meter or NullMeter())
    return make_design(
        doubts, pace, limits, plan.promise, plan.mixtures, plan.tables, plan.attainable
    )


def _pace(law: str, wasted: float, points: int) -> Pace:
    if law not in (ANY, *LAWS):
        raise ArgumentError(
            f"is {shown(law)}", where="law", expected=f"one of {', '.join((ANY, *LAWS))}",
            nearest=nearest_name(law, (ANY, *LAWS)),
        )  # fmt: skip
    if not (_real(wasted) and 0.0 < wasted < np.inf):
        raise ArgumentError(f"is {shown(wasted)}", where="wasted", expected="a number > 0")
    if not _whole(points, 10, 10**6):
        raise ArgumentError(f"is {shown(points)}", where="points", expected="10 to 1,000,000")
    laws = tuple(one for one in LAWS if law in (ANY, one))
    return Pace(laws, float(wasted), points)


def _doubts(
    source: Any, noise: float | None, mastery: float, exponent: float | None
) -> Doubts:  # fmt: skip
    if noise is not None and not (_real(noise) and 0.0 < noise < 1.0):
        raise ArgumentError(f"is {shown(noise)}", where="noise", expected="a number in (0, 1)")
    if not (_real(mastery) and 0.0 < mastery < 1.0):
        raise ArgumentError(f"is {shown(mastery)}", where="mastery", expected="a number in (0, 1)")
    if exponent is not None and not (_real(exponent) and 0.0 < exponent <= 100.0):
        raise ArgumentError(
            f"is {shown(exponent)}", where="exponent", expected="a number in (0, 100]"
        )
    found = read_source(source)
    if isinstance(found, nx.DiGraph):
        form = Form("hard", mastery) if exponent is None else Form("soft", exponent)
        return from_graph(found, form, noise or 0.01)
    return from_report(found if noise is None else {**found, "noise": noise})


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Plan:
    """Chooses one mixture after the other, each the best beside those before it.

    Attributes
    ----------
    mixtures, tables
        Those chosen, and what each tells (as of `Promise.table`).
    attainable
        Of every edge in doubt, the most χ² that any mixture tried tells, in any likely graph.
    """

    def __init__(
        self, doubts: Doubts, pace: Pace, limits: Limits, rng: np.random.Generator
    ) -> None:
        self._doubts, self._limits, self._rng = doubts, limits, rng
        few = doubts.known or len(doubts.names) > _MANY
        graphs = [tuple(0 for _ in doubts.names)]
        graphs += [doubts.draw(rng) for _ in range(0 if few else _GRAPHS - 1)]
        self.promise = Promise(doubts, pace, graphs)
        self.mixtures: list[Floats] = []
        self.tables: list[Floats] = []
        self.attainable = dict.fromkeys(doubts.pairs, 0.0)
        self._tried = np.zeros((0, len(doubts.names)))
        self._table = np.zeros((0, self.promise.size))

    def go(self, runs: int, meter: Meter) -> None:
        """Choose up to `runs` mixtures; fewer where no more can be told."""
        if not self._doubts.pairs:
            return
        told = np.zeros(self.promise.size)
        with meter.task("mixtures", runs) as update:
            while len(self.mixtures) < runs and not self._all_decided(told):
                self._try(self._random(told))
                for _ in range(_ROUNDS):
                    best = np.argsort(-self.promise.bits(told + self._table))[:_BEST]
                    self._try(changed(self._tried[best], _NEAR, self._limits, self._rng))
                gain = self.promise.bits(told + self._table) - self.promise.bits(told)
                if gain.max() < _NOTHING:
                    break
                k = self._most_even(gain)
                told = told + self._table[k]
                self.mixtures.append(self._tried[k])
                self.tables.append(self._table[k])
                update(len(self.mixtures))

    def _most_even(self, gain: Floats) -> int:
        """Return the most even mixture of those that tell nearly as much as the best.

        It learns its skills soonest, and leans least on the model far from what was seen.
        """
        p = np.maximum(self._tried, 1e-12)
        evenness = -(p * np.log(p)).sum(axis=1)
        return int(np.argmax(np.where(gain >= _NEARLY * gain.max(), evenness, -np.inf)))

    def _all_decided(self, told: Floats) -> bool:
        return all(self.promise.chance(told, pair) == 1.0 for pair in self._doubts.pairs)

    def _random(self, told: Floats) -> Floats:
        """Return random mixtures, many of them meant for edges that are not decided yet."""
        open_pairs = {
            pair: max(1.0 - self.promise.chance(told, pair), 0.0) * _doubt(p)
            for pair, p in self._doubts.pairs.items()
        }
        total = sum(open_pairs.values())
        rare, weight = _aims(self._doubts, open_pairs if total > 0.0 else self._doubts.pairs)
        count = _POOL if not len(self._tried) else _POOL // 2
        return drawn(count, len(self._doubts.names), self._limits, rare, weight, self._rng)

    def _try(self, mixtures: Floats) -> None:
        table = self.promise.table(mixtures)
        self._tried = np.concatenate([self._tried, mixtures])
        self._table = np.concatenate([self._table, table])
        for pair, most in self.attainable.items():
            least = np.nan_to_num(self.promise.excess(table, pair))
            self.attainable[pair] = max(most, float(least.max(initial=0.0)))


def _doubt(p: float) -> float:
    """How much an edge is worth deciding: what is not seen at all still counts a little."""
    return max(p * (1.0 - p), 0.05)


def _aims(doubts: Doubts, worth: dict[Pair, float] | Any) -> tuple[list[tuple[int, bool]], Floats]:
    """Return which skills to make slow (so that they finish last) or fast, and how worth while."""
    aims: dict[tuple[int, bool], float] = {}
    for (j, i), value in worth.items():
        for one in doubts.options[i]:
            if value > 0.0 and j in one.needs:
                key = (j, not one.any)
                aims[key] = aims.get(key, 0.0) + value
    weight = np.array(list(aims.values()))
    return list(aims), weight / weight.sum()
