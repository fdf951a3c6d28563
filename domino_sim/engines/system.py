"""A scenario as arrays: what the engines solve.

Skills are numbered in file order, those that an intervention adds come last. Building a `System`
is the only step between the file and the engines; it is kept with the scenario, which does not
change.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from domino_sim.engines.circuit import Circuit, all_required, compile_circuit
from domino_sim.errors import EngineError
from domino_sim.gates import parse_gate
from domino_sim.levels import Floats, Ints, Loss, work_from_level
from domino_sim.memory import check_record
from domino_sim.pool import Law, PoolSettings

if TYPE_CHECKING:
    import networkx as nx

    from domino_sim.scenario import Scenario

#: Bytes a recorded number of a skill takes in the end: level, gate and share.
_BYTES_PER_RECORD = 24

#: The part of the free memory a record may take: with their working copies, engines were measured
#: to need up to seven times as much.
_MEMORY_PART = 0.13


@dataclass(frozen=True, slots=True)
class Intervention:
    """A change of the run, at a step (`at`) or when `skill` passes `level`.

    `settings` are new values of pool settings by name; the rest name skills by number.
    """

    at: float | None
    skill: int
    level: float
    frequency: tuple[tuple[int, float], ...]
    settings: dict[str, float]
    freeze: tuple[int, ...]
    unfreeze: tuple[int, ...]
    add: tuple[int, ...]


@dataclass(frozen=True)
class System:
    """A scenario as arrays over its n skills.

    Attributes
    ----------
    frequency, level : (n,) arrays
        Frequencies and levels at the start.
    absent : (n,) array of bool
        Skills an intervention has yet to add.
    module : (n,) array of int
        Which pool each skill competes in; `modules` are the names, `shares` their parts of the
        parameters.
    exponent
        Exponent of soft gates; None where gates are hard.
    gram : (n, n) array, or None
        Gram matrix of correlated tasks.
    record : (k,) array of int
        Steps to record.
    """

    names: tuple[str, ...]
    frequency: Floats
    level: Floats
    absent: np.ndarray
    circuit: Circuit
    exponent: float | None
    leak: float
    mastery: float
    loss: Loss
    pool: PoolSettings
    modules: tuple[str, ...]
    shares: Floats
    module: Ints
    gram: Floats | None
    steps: int
    record: Ints
    interventions: tuple[Intervention, ...]
    attrs: dict[str, str | int | float]

    @property
    def law(self) -> Law:
        """The pool law."""
        return self.pool.law

    @property
    def threshold(self) -> float:
        """The level at which a skill counts as mastered: θ, but 1 under ``domino``."""
        return 1.0 if self.law == "domino" else self.mastery

    @cached_property
    def start_work(self) -> Floats:
        """Work at the start, (n,)."""
        return work_from_level(self.level, self.loss)

    @cached_property
    def target_work(self) -> float:
        """Work at mastery."""
        return float(work_from_level(self.mastery, self.loss))

    def pools(self, settings: PoolSettings) -> tuple[Floats, Floats]:
        """η and N₀ of every module under `settings`, each (modules,)."""
        derived = np.array([settings.derive(float(share)) for share in self.shares])
        return derived[:, 0], derived[:, 1]

    def crossing_gates(self) -> bool:
        """Whether some gate needs a skill of another module."""
        if len(self.modules) == 1 or self.circuit.free:
            return False
        for i, gate in enumerate(self.circuit.gate_of.tolist()):
            sources = self.circuit.sources(gate) if gate >= 0 else []
            if any(self.module[source] != self.module[i] for source in sources):
                return True
        return False

    def refuse(self, engine: str, what: str, instead: str) -> EngineError:
        """Return the error with which `engine` declines this scenario."""
        title = self.attrs.get("title") or "this scenario"
        return EngineError(f"engine {engine!r} cannot run {title!r}: {what}; use {instead}")

    def check_memory(self) -> None:
        """Refuse a record that would not fit the memory that is free now."""
        names = len(self.names)
        check_record(
            len(self.record),
            names,
            of=f"{names:,} skills",
            each=_BYTES_PER_RECORD,
            part=_MEMORY_PART,
            where="record",
        )


def build_system(scenario: Scenario) -> System:
    """Return the arrays of `scenario`."""
    graph = scenario.skill_graph()
    names = scenario.names
    index = {name: i for i, name in enumerate(names)}
    absent = np.zeros(len(names), dtype=bool)
    absent[scenario.base_count :] = True
    modules, shares, module = scenario.module_of()
    gates = scenario.gate
    return System(
        names=names,
        frequency=scenario.frequency_array(),
        level=scenario.level_array(),
        absent=absent,
        circuit=graph_circuit(graph, index),
        exponent=gates.exponent if gates.kind == "soft" else None,
        leak=gates.leak,
        mastery=scenario.mastery,
        loss=scenario.loss,
        pool=PoolSettings(**scenario.pool.model_dump()),
        modules=tuple(modules),
        shares=np.asarray(shares, dtype=float),
        module=np.asarray(module, dtype=np.int64),
        gram=scenario.gram(),
        steps=scenario.steps,
        record=scenario.record_steps(),
        interventions=tuple(_intervention(item, index) for item in scenario.interventions),
        attrs={
            "title": scenario.title,
            "source": scenario.source,
            "seed": scenario.seed,
            "law": scenario.pool.law,
            "loss": scenario.loss,
            "mastery": scenario.mastery,
            "steps": scenario.steps,
            "scenario": scenario.to_toml(),
        },
    )


def graph_circuit(graph: nx.DiGraph, index: dict[str, int]) -> Circuit:
    """The gates of `graph`: expressions, or all predecessors where there is none."""
    # The public `pred` makes an object a skill on every visit, half of the time of a large graph.
    sources = graph._pred
    if any("requires" in attributes for _, attributes in graph.nodes(data=True)):
        texts = ((graph.nodes[name].get("requires"), sources[name]) for name in index)
        gates = (tuple(given) if text is None else parse_gate(text) for text, given in texts)
        return compile_circuit(tuple(index), gates)
    given = [sources[name] for name in index]
    widths = np.fromiter(map(len, given), np.int64, len(given))
    names = itertools.chain.from_iterable(given)
    return all_required(widths, np.fromiter(map(index.__getitem__, names), np.int64, widths.sum()))


def _intervention(item, index: dict[str, int]) -> Intervention:  # type: ignore[no-untyped-def]
    trigger = item.trigger
    at = trigger.step if trigger.kind == "at" else None
    return Intervention(
        at=at,
        skill=-1 if at is not None else index[trigger.skill],
        level=np.nan if at is not None else trigger.level,
        frequency=tuple((index[c.skill], c.value) for c in item.changes if c.skill is not None),
        settings={c.key: c.value for c in item.changes if c.skill is None},
        freeze=tuple(index[name] for name in item.freeze),
        unfreeze=tuple(index[name] for name in item.unfreeze),
        add=tuple(index[name] for name in item.add),
    )
