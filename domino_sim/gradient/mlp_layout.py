"""Which skill has which bits, samples and units of a perceptron. Needs no Torch."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from domino_sim.errors import ScenarioError
from domino_sim.gradient.mlp_tables import Addition, Mlp, Modular, Parity, Powers
from domino_sim.graph.core import gate_of
from domino_sim.scenario.crosschecks import ROUNDING, check_members
from domino_sim.scenario.places import Place
from domino_sim.wording import shown

if TYPE_CHECKING:
    from domino_sim.gradient.run import Run

__all__ = [
    "Block",
    "blocks_of",
    "edges_of",
    "pair_counts",
    "sample_counts",
    "sizes_of",
    "skill_bits",
]

#: By task: the key of a skill that only this task uses, and what is expected of it.
SKILL_KEYS = {
    "parity": ("bits", "the input bits whose parity it is, or requires"),
    "powers": ("power", "the power that its output is trained towards"),
    "addition": ("share", "its part of all pairs"),
}


class Block(NamedTuple):
    """A module: its skills (their numbers), and from where to where its units go in each layer."""

    skills: tuple[int, ...]
    units: tuple[tuple[int, int], ...]


def skill_bits(run: Run) -> list[tuple[int, ...]]:
    """Return the bits of each skill: its own, or those of its prerequisites.

    Raises
    ------
    ScenarioError
        If a skill has none, or one that is not there.
    """
    model, place, graph = run.model, Place(run.where), run.skill_graph()
    assert isinstance(model, Parity)
    found: dict[str, tuple[int, ...]] = {}
    for name in nx.lexicographical_topological_sort(graph, list(graph).index):
        own = run.skills[name].bits if name in run.skills else None
        if own is not None:
            found[name] = _checked_bits(own, model.n_bits, place, name)
            continue
        gate = gate_of(graph, name)
        if gate is None:
            raise ScenarioError(
                "this key is missing",
                where=place.of("skills", name, "bits"),
                expected=SKILL_KEYS["parity"][1],
            )
        if any(isinstance(item, tuple) and item[0] < item[1] for item in gate.program):
            raise ScenarioError(
                f"{shown(str(gate))} is not the parity of all its skills",
                where=place.of("skills", name, "requires"),
                expected="skills joined by and, or bits of its own too",
            )
        found[name] = tuple(sorted({bit for part in gate.names for bit in found[part]}))
    return [found[name] for name in run.names]


def _checked_bits(bits: tuple[int, ...], n_bits: int, place: Place, name: str) -> tuple[int, ...]:
    for k, bit in enumerate(bits):
        where = place.of("skills", name, "bits", k)
        if bit >= n_bits:
            raise ScenarioError(
                f"there is no bit {bit}", where=where, expected=f"a bit from 0 to {n_bits - 1}"
            )
        if bit in bits[:k]:
            raise ScenarioError(f"the bit {bit} is given twice", where=where)
    return bits


def sample_counts(frequencies: NDArray[np.float64], samples: int) -> NDArray[np.int64]:
    """Return how many of `samples` each skill has: proportional, by largest remainders.

    A skill of frequency 0 has none.

    Examples
    --------
    >>> sample_counts(np.array([0.99, 0.01]), 1000).tolist()
    [990, 10]
    >>> sample_counts(np.array([1.0, 1.0, 1.0, 0.0]), 8).tolist()
    [3, 3, 2, 0]
    """
    total = frequencies.sum()
    if not total:
        return np.zeros(len(frequencies), dtype=np.int64)
    quotas = np.round(frequencies / total * samples, 9)
    counts = np.floor(quotas).astype(np.int64)
    order = np.argsort(counts - quotas, kind="stable")
    counts[order[: samples - int(counts.sum())]] += 1
    return counts


def pair_counts(run: Run) -> list[int]:
    """Return how many of the m² pairs each skill of `addition` has.

    Raises
    ------
    ScenarioError
        If the shares add up to more than 1, or one is less than a pair.
    """
    model, place = run.model, Place(run.where)
    assert isinstance(model, Addition)
    shares = [run.skills[name].share or 0.0 for name in run.names]
    total = math.fsum(shares)
    if total > 1 + ROUNDING:
        raise ScenarioError(
            f"the shares add up to {total:g}", where=place.of("skills"), expected="≤ 1"
        )
    pairs = model.modulus**2
    upto = [math.fsum(shares[: k + 1]) for k in range(len(shares))]
    edges = [0, *(min(int(part * pairs + pairs * ROUNDING), pairs) for part in upto)]
    counts = [after - before for before, after in pairwise(edges)]
    for name, count in zip(run.names, counts, strict=True):
        if not count:
            raise ScenarioError(
                f"a share of {run.skills[name].share:g} is none of {pairs} pairs",
                where=place.of("skills", name, "share"),
            )
    return counts


def blocks_of(run: Run) -> list[Block]:
    """Return the modules of the network; one with all skills and units if the file names none.

    Raises
    ------
    ScenarioError
        If they do not have each skill once, or a layer is too narrow for one.
    """
    model, place, names = run.model, Place(run.where), run.names
    assert isinstance(model, Mlp)
    modules = model.modules if isinstance(model, Modular) else {}
    if not modules:
        return [Block(tuple(range(len(names))), tuple((0, width) for width in model.hidden))]
    if isinstance(model, Parity) and model.control_bits:
        raise ScenarioError(
            "modules with control_bits, where all skills share one output",
            where=place.of("model", "modules"),
            expected="control_bits = false",
        )
    check_members(modules, run.skill_graph(), place, "model", "modules")
    blocks, starts = [], [0] * len(model.hidden)
    for title, module in modules.items():
        units = []
        for layer, width in enumerate(model.hidden):
            count = int(module.share * width + ROUNDING)
            if not count:
                raise ScenarioError(
                    f"a share of {module.share:g} is none of {width} units",
                    where=place.of("model", "modules", title, "share"),
                    expected=f"a wider layer model.hidden.{layer}",
                )
            units.append((starts[layer], starts[layer] + count))
            starts[layer] += count
        blocks.append(Block(tuple(names.index(name) for name in module.skills), tuple(units)))
    return blocks


def sizes_of(run: Run) -> list[int]:
    """Return the widths of the whole network, inputs and outputs among them."""
    model, skills = run.model, len(run.names)
    assert isinstance(model, Mlp)
    ends = (skills, skills)
    if isinstance(model, Parity):
        ends = (model.n_bits, skills)
        if model.control_bits:
            ends = (model.n_bits + skills, 1)
    elif isinstance(model, Addition):
        ends = (2 * model.embedding, model.modulus)
    return [ends[0], *model.hidden, ends[1]]


def edges_of(run: Run, block: Block) -> list[Any]:
    """Return which inputs, hidden units and outputs are a module's, as indices."""
    skills, everything = list(block.skills), slice(None)
    inputs = skills if isinstance(run.model, Powers) else everything
    whole = isinstance(run.model, Addition) or getattr(run.model, "control_bits", False)
    return [inputs, *(slice(*units) for units in block.units), everything if whole else skills]
