"""What is not decided yet: of every skill, the gates that it may have and how likely each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import networkx as nx
import numpy as np

from domino_sim.errors import ArgumentError
from domino_sim.gates import Gate, all_of, parse_gate
from domino_sim.graph.core import gate_of
from domino_sim.inference.evidence import BAD_FIT
from domino_sim.inference.forms import Form
from domino_sim.levels import Floats
from domino_sim.wording import shown

__all__ = ["Doubts", "Option", "Pair", "from_graph", "from_report", "without"]

#: Numbers of a prerequisite and of its dependent.
Pair = tuple[int, int]

#: A found edge of this probability is decided.
SURE = 0.98

#: The least that an edge that the runs do not show is taken to be worth: such edges are real about
#: so often (`docs/design-runs.md`, "What is not known").
HIDDEN = 0.08

#: An edge of this probability may stand in the place of another.
_RIVAL = 0.05

#: A gate of this weight is excluded.
_NONE = 1e-6

#: The most gates of one skill, and of all.
_MOST, _MOST_OF_ALL = 24, 160


@dataclass(frozen=True)
class Option:
    """A gate that a skill may have (None: none), and how likely it is among the others."""

    gate: Gate | None
    weight: float
    needs: frozenset[int]

    @property
    def any(self) -> bool:
        """Whether one of several is enough."""
        return self.gate is not None and is_any(self.gate)


@dataclass(frozen=True)
class Doubts:
    """A graph and what is in doubt about it.

    Attributes
    ----------
    names
        The skills.
    form
        How gates open.
    options
        Of each skill, the gates it may have; first the one in the graph.
    pairs
        The edges in doubt, and the probability of each.
    known
        Whether the graph is the truth, and the question is which runs would show it.
    noise
        Standard deviation of levels.
    runs
        Names of the runs there are.
    mixtures : (runs, n) array
        Those of runs that keep the one mixture they begin with, if all of it is known.
    remarks
        What there is to know.
    """

    names: tuple[str, ...]
    form: Form
    options: tuple[tuple[Option, ...], ...]
    pairs: Mapping[Pair, float]
    known: bool
    noise: float
    runs: tuple[str, ...] = ()
    mixtures: Floats | None = None
    remarks: tuple[str, ...] = field(default=())

    def weighed(self, skill: int, weights: Sequence[float]) -> Doubts:
        """Return the same with other weights (of any sum) of the gates of a skill.

        Those of next to none are left out.
        """
        total = sum(weights)
        options = list(self.options)
        options[skill] = tuple(
            Option(one.gate, weight / total, one.needs)
            for one, weight in zip(options[skill], weights, strict=True)
            if weight > _NONE * total
        )
        return replace(self, options=tuple(options))

    def draw(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Return a likely graph: which option each skill has."""
        chosen = [
            int(rng.choice(len(some), p=np.array([one.weight for one in some])))
            for some in self.options
        ]
        odd = rng.permutation([i for i, k in enumerate(chosen) if k]).tolist()
        while odd and self.order(chosen) is None:
            chosen[odd.pop()] = 0
        return tuple(chosen)

    def order(self, chosen: Sequence[int]) -> list[int] | None:
        """Return the skills, prerequisites first; None if the graph has a cycle."""
        needs = [self.options[i][k].needs for i, k in enumerate(chosen)]
        done: list[int] = []
        left = set(range(len(needs)))
        while left:
            ready = [i for i in sorted(left) if not needs[i] & left]
            if not ready:
                return None
            done += ready
            left -= set(ready)
        return done


def from_graph(graph: nx.DiGraph, form: Form, noise: float) -> Doubts:
    """Return a graph that is known, each of whose edges is to be shown."""
    names = tuple(map(str, graph))
    index = {name: i for i, name in enumerate(names)}
    options, pairs = [], {}
    for i, name in enumerate(names):
        gate = gate_of(graph, name)
        some: list[tuple[Gate | None, float]] = [(gate, 1.0)]
        for other in _names(gate):
            assert gate is not None
            some.append((without(gate, other), 1.0 / len(gate.names)))
            pairs[index[other], i] = 1.0
        options.append(_weighed(some, index))
    return Doubts(names, form, tuple(options), pairs, True, noise)


def from_report(report: Mapping[str, Any]) -> Doubts:
    """Return what an inference (its ``report``) leaves in doubt.

    Raises
    ------
    ArgumentError
        If its gate form is none that can be foretold, or its model one of networks.
    """
    names = tuple(report["skills"])
    index = {name: i for i, name in enumerate(names)}
    if (model := report.get("model", {"kind": "gates"}))["kind"] != "gates":
        serial = model["kind"] == "serial"
        raise ArgumentError(
            f"is of {'a serial pool' if serial else 'trained networks'} ({model['text']})",
            where="inference_or_graph",
            expected="an inference with gates, or with power gates: what runs of "
            f"{'a serial pool' if serial else 'composed skills'} would show cannot be foretold so "
            "far",
        )
    if report["form"]["kind"] not in ("hard", "soft"):
        raise ArgumentError(
            f"its gates are {shown(report['form']['kind'])}", where="inference_or_graph",
            expected="an inference with hard or soft gates: no others can be foretold so far",
        )  # fmt: skip
    kind, value, loss = (report["form"][key] for key in ("kind", "value", "loss"))
    form = Form(kind, value, loss, report["form"].get("leak", 0.0))  # those of older files had none
    into: list[dict[int, float]] = [{} for _ in names]
    for edge in report["edges"]:
        into[index[edge["to"]]][index[edge["from"]]] = float(edge["probability"])
    bases = [_base(report["gates"].get(name)) for name in names]
    options = []
    for i, probability in enumerate(into):
        there = {index[name] for name in _names(bases[i])}
        options.append(_inferred_options(names, bases[i], there, probability))
    options = _most_doubtful(options)
    pairs = {}
    for i, probability in enumerate(into):
        for j, p in probability.items():
            said = {j in one.needs for one in options[i]}
            if len(said) > 1:
                pairs[j, i] = p
    remarks = []
    misfit = max(report["misfit"], report.get("scale", 1.0))  # files of others may have no scale
    if misfit >= BAD_FIT:
        remarks.append(
            f"the inferred model does not fit (misfit {misfit:.1f}): what it foretells "
            "of other mixtures is worth little"
        )
    return Doubts(
        names, form, tuple(options), pairs, False, float(report["noise"]),
        tuple(report["runs"]), _mixtures(report, names), tuple(remarks),
    )  # fmt: skip


def without(gate: Gate, name: str) -> Gate | None:
    """Return a gate without one of its prerequisites; None if none is left.

    What needs all or any of several needs all or any of the rest; "k of" stays k of the rest
    while there are as many.

    Examples
    --------
    >>> print(without(parse_gate("A and (B or C)"), "B"), without(parse_gate("A"), "A"))
    A and C None
    """
    stack: list[tuple[str | tuple[int, int], ...]] = []
    for item in gate.program:
        if isinstance(item, str):
            stack.append(() if item == name else (item,))
            continue
        k, n = item
        left = [part for part in stack[-n:] if part]
        del stack[-n:]
        several = (len(left) if k == n else min(k, len(left)), len(left))
        stack.append(sum(left, ()) + ((several,) if len(left) > 1 else ()))
    return parse_gate(str(Gate(stack[0]))) if stack[0] else None


def _mixtures(report: Mapping[str, Any], names: Sequence[str]) -> Floats | None:
    """Return the mixtures (runs, n) of runs that keep one, of which every frequency is known."""
    table, pieces = report.get("mixtures", {}), report.get("pieces", [])
    rows = [
        [float(row.get(name, 0.0)) for name in names]
        for run, row in table.items()
        if run not in pieces and None not in row.values()
    ]
    return np.array(rows) if rows else None


def is_any(gate: Gate) -> bool:
    """Whether one of several prerequisites is enough."""
    last = gate.program[-1]
    return not isinstance(last, str) and last[0] == 1


def _base(text: str | None) -> Gate | None:
    return parse_gate(text) if text else None


def _inferred_options(
    names: Sequence[str], base: Gate | None, there: set[int], probability: Mapping[int, float]
) -> tuple[Option, ...]:
    """Return the gate that was found and those that differ from it by an edge, or by a swap."""
    odds = {j: p / (1.0 - p) for j, p in ((j, _clipped(p)) for j, p in probability.items())}
    unsure = [j for j in there if probability.get(j, 1.0) < SURE]
    others = [j for j in probability if j not in there]
    some: list[tuple[Gate | None, float]] = [(base, 1.0)]
    for j in unsure:
        rest = without(base, names[j]) if base else None
        some.append((rest, 1.0 / odds[j]))
        for k in others:
            if probability[k] >= _RIVAL:
                some += _wider(names, rest, k, odds[k] / odds[j])
    for k in others:
        some += _wider(names, base, k, odds[k])
    some[1:] = sorted(some[1:], key=lambda one: -one[1])[: _MOST - 1]
    return _weighed(some, {name: i for i, name in enumerate(names)})


def _clipped(p: float) -> float:
    return min(max(p, HIDDEN), 0.999)


def _wider(
    names: Sequence[str], gate: Gate | None, k: int, weight: float
) -> list[tuple[Gate | None, float]]:
    """Return the gate with a prerequisite more: needed too, or enough."""
    if gate is None:
        return [(all_of([names[k]]), weight)]
    both = parse_gate(f"({gate}) and {all_of([names[k]])}")
    either = parse_gate(f"({gate}) or {all_of([names[k]])}")
    if len(gate.names) == 1:
        return [(both, 0.5 * weight), (either, 0.5 * weight)]
    return [(either if is_any(gate) else both, weight)]


def _names(gate: Gate | None) -> tuple[str, ...]:
    return gate.names if gate else ()


def _weighed(
    some: Iterable[tuple[Gate | None, float]], index: Mapping[str, int]
) -> tuple[Option, ...]:
    each: dict[Gate | None, float] = {}
    for gate, weight in some:
        each[gate] = each.get(gate, 0.0) + weight
    total = sum(each.values())
    return tuple(
        Option(gate, weight / total, frozenset(index[name] for name in _names(gate)))
        for gate, weight in each.items()
    )


def _most_doubtful(options: list[tuple[Option, ...]]) -> list[tuple[Option, ...]]:
    """Leave out the least likely options where there are too many in all."""
    weights = sorted((one.weight for some in options for one in some[1:]), reverse=True)
    least = weights[_MOST_OF_ALL] if len(weights) > _MOST_OF_ALL else 0.0
    kept = []
    for some in options:
        likely = [some[0], *(one for one in some[1:] if one.weight > least)]
        total = sum(one.weight for one in likely)
        kept.append(tuple(Option(one.gate, one.weight / total, one.needs) for one in likely))
    return kept
