"""The run file: what a gradient run trains, checked and immutable. Needs no Torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    model_validator,
)

from domino_sim.errors import ScenarioError
from domino_sim.files import read_named
from domino_sim.gradient.mlp_checks import check_mlp, check_skill_keys
from domino_sim.gradient.mlp_tables import Addition, Parity, Powers, kind_of_model, known_model
from domino_sim.gradient.modules import supports_of
from domino_sim.gradient.tables import Geometry, Optimizer, RunIntervention, RunSkill
from domino_sim.gradient.vectors import KINDS, check_vectors, given_vectors
from domino_sim.scenario.assembly import base_frequencies, base_graph
from domino_sim.scenario.choices import Frequencies, Graph, Seeds
from domino_sim.scenario.fields import (
    Count,
    NonNegative,
    Number,
    Positive,
    Table,
    Text,
    refuse,
)
from domino_sim.scenario.places import Place
from domino_sim.scenario.reading import read_tables
from domino_sim.scenario.scenario import Steps
from domino_sim.scenario.sweep_table import SweepTable
from domino_sim.scenario.tables import Record, record_steps
from domino_sim.wording import shown

if TYPE_CHECKING:
    import networkx as nx

#: The most runs a file may ask for.
MOST_RUNS = 100_000

Model = Annotated[
    Annotated[Geometry, Tag("geometry")]
    | Annotated[Parity, Tag("parity")]
    | Annotated[Powers, Tag("powers")]
    | Annotated[Addition, Tag("addition")],
    Discriminator(kind_of_model),
    BeforeValidator(known_model),
]


class Member(NamedTuple):
    """One run of a file: its name, its seed, its mixture and its frequencies (skills,)."""

    name: str
    seed: int
    mixture: str
    frequencies: NDArray[np.float64]


class Run(Table):
    """What is trained: a model, its skills and their mixtures, an optimiser, seeds.

    Made by `load_run` or `Run.from_dict`; its keys are those of a run file (``docs/files.md``).
    A file stands for every mixture with every seed.

    Examples
    --------
    >>> run = Run.from_dict({
    ...     "model": {"kind": "geometry", "n_dim": 100}, "optimizer": {"lr": 1e-3}, "seeds": 2,
    ...     "skills": {"A": {}, "B": {"frequency": 0.5}}, "mixtures": {"even": {"B": 1.0}}})
    >>> [member.name for member in run.members()]
    ['even, seed 0', 'even, seed 1']
    """

    title: Text = Field(default="", description="What it shows, in one line.")
    source: Text = Field(default="", description="Where its numbers come from.")
    steps: Steps = Field(default=1000, description="The last step of the run; step 0 is the start.")
    mastery: Annotated[Number, Field(gt=0, lt=1)] = Field(
        default=0.99, description="θ, the level at which a skill counts as learned."
    )
    loss: Literal["mse", "ce"] = Field(
        default="mse", description="mse: squared error; ce: cross entropy."
    )
    seeds: Seeds = Field(
        default=1, description="How many seeds, counted from 0, or the seeds themselves."
    )
    batch_size: Count | None = Field(
        default=None,
        description="Samples a step, fresh ones each time; without it the expected gradient is "
        "used (geometry), or the whole data set (mlp).",
    )
    noise: NonNegative = Field(
        default=0.0, description="σ, the noise added to the gradient of each parameter."
    )
    dtype: Literal["float32", "float64"] = Field(
        default="float32", description="The numbers that are trained."
    )
    device: Text = Field(default="cpu", description="Torch's device: cpu, cuda, cuda:1, …")
    memory: Positive = Field(
        default=1.0,
        description="GiB that the runs trained side by side may take; more runs follow after "
        "them.",
    )
    sampling: Literal["mixture", "balanced"] = Field(
        default="mixture",
        description="mixture: skills are trained by their frequencies; balanced: at every step "
        "those that are open by (mastery − level)/(1 − level), with the same sum, so that all are "
        "mastered together (geometry; without batch_size).",
    )
    model: Model = Field(description="What is trained.")
    optimizer: Optimizer = Field(description="What updates the parameters.")
    record: Record = Field(
        default_factory=Record, description="Which steps the curves hold."
    )
    skills: dict[str, RunSkill] = Field(
        default={}, description="The skills by name, in order; with `graph`, changes to its skills."
    )
    graph: Graph | None = Field(
        default=None,
        description="In place of [skills]: a bundled graph's name, a path (.toml, .graphml, "
        ".json) relative to the run file, or a family with its parameters.",
    )
    frequencies: Frequencies | None = Field(
        default=None, description="The frequencies of all skills: a law, or a table by name."
    )
    mixtures: dict[str, dict[str, NonNegative]] = Field(
        default={},
        description="Mixtures by name: frequencies that differ from those above. Every mixture is "
        "trained with every seed; 0 knocks a skill out.",
    )
    interventions: tuple[RunIntervention, ...] = Field(
        default=(), description="Changes during the run, of all mixtures and seeds."
    )
    sweep: SweepTable | None = Field(
        default=None, description="What the command sweep varies; train does not use it."
    )

    _where: str = PrivateAttr("")
    _folder: Path | None = PrivateAttr(None)
    _members: tuple[Member, ...] | None = PrivateAttr(None)

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        where: str = "",
        folder: Path | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Run:
        """Return the run that the tables of a file describe.

        Parameters
        ----------
        data
            What the file says, as nested dictionaries.
        where
            The file, for the messages of errors.
        folder
            What paths in it are relative to; the working directory if None.
        overrides
            New values by key path, such as ``{"optimizer.lr": 1e-3}``.

        Raises
        ------
        ScenarioError, GraphError, GateError, FileError
            What is wrong with the run, its graph, a gate, or a file it names.
        """
        run = read_tables(cls, data, where, overrides)
        run._where, run._folder = where, folder
        run._check_names()
        return run

    def to_dict(self) -> dict[str, Any]:
        """Return the tables of a file that says what was given, without defaults."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if not self.skills and self.graph is None:
            refuse("there are no skills", expected="[skills], or graph = …")
        if isinstance(self.seeds, tuple):
            if not self.seeds:
                refuse("there are no seeds", expected="at least one", at=("seeds",))
            if len(set(self.seeds)) < len(self.seeds):
                refuse("a seed is given twice", expected="different seeds", at=("seeds",))
        count = len(self.seed_list()) * max(len(self.mixtures), 1)
        if count > MOST_RUNS:
            refuse(f"these are {count} runs", expected=f"at most {MOST_RUNS}", at=("seeds",))
        for i, intervention in enumerate(self.interventions):
            if intervention.at >= self.steps:
                refuse(
                    f"step {intervention.at} is not before the last",
                    expected=f"a step below {self.steps}",
                    at=("interventions", i, "at"),
                )
            if self.batch_size is None and "batch_size" in intervention.set:
                refuse(
                    "the run samples no batches",
                    expected="batch_size in the run too",
                    at=("interventions", i, "set", "batch_size"),
                )
        if self.optimizer.schedule.warmup > self.steps:
            refuse(
                f"the warm-up is longer than the run of {self.steps} steps",
                expected=f"≤ {self.steps}",
                at=("optimizer", "schedule", "warmup"),
            )
        if self.sampling == "balanced":
            if self.model.kind != "geometry":
                refuse("balanced sampling of an mlp", "a geometry model", at=("sampling",))
            if self.batch_size is not None:
                refuse("balanced sampling with batch_size", "no batch_size", at=("sampling",))
        self.record.check(self.steps)
        return self

    def _check_names(self) -> None:
        place, names = Place(self._where), self.skill_graph()
        for mixture, table in self.mixtures.items():
            if not mixture or not mixture.isprintable():
                raise ScenarioError(
                    f"the name {shown(mixture)} is no name",
                    where=place.of("mixtures", mixture),
                    expected="one or more printable characters",
                )
            for name in table:
                place.know(name, names, "mixtures", mixture, name)
        for i, intervention in enumerate(self.interventions):
            for key in intervention.set:
                for name in intervention.frequencies if key.startswith("skills.") else ():
                    place.know(name, names, "interventions", i, "set", key)
        check_skill_keys(self)
        if self.model.kind == "geometry":
            check_vectors(self.model, len(names), place, self._folder)
            supports_of(self)
        else:
            check_mlp(self)
        composed = [name for name, needs in names.pred.items() if needs]
        if self.model.kind == "geometry" and composed and self.loss == "ce":
            raise ScenarioError(
                f"cross entropy with composed skills ({composed[0]!r})",
                where=place.of("loss"),
                expected="loss = 'mse', or skills that require nothing",
            )

    @cached_property
    def _graph(self) -> nx.DiGraph:
        return base_graph(self.skills, self.graph, Place(self._where), self._folder)

    def skill_graph(self) -> nx.DiGraph:
        """Return the checked graph of all skills; it is the run's own: do not change it."""
        return self._graph

    @property
    def names(self) -> tuple[str, ...]:
        """The skills in order."""
        return tuple(self._graph)

    @cached_property
    def _frequencies(self) -> NDArray[np.float64]:
        return base_frequencies(
            self.skills, self.frequencies, self._graph, Place(self._where), self.graph is not None
        )

    def seed_list(self) -> list[int]:
        """Return the seeds, in order."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    def members(self) -> list[Member]:
        """Return the runs of the file: every mixture with every seed, seeds fastest."""
        if self._members is not None:
            return list(self._members)
        members = []
        names = self.names
        for mixture in self.mixtures or [""]:
            frequencies = self._frequencies.copy()
            for name, value in self.mixtures.get(mixture, {}).items():
                frequencies[names.index(name)] = value
            for seed in self.seed_list():
                name = f"{mixture}, seed {seed}" if mixture else f"seed {seed}"
                members.append(Member(name, seed, mixture, frequencies))
        return members

    def with_members(self, members: Sequence[Member]) -> Run:
        """Return the same run for these members: seeds and frequencies that are no product."""
        run = Run.from_dict(self.to_dict(), where=self._where, folder=self._folder)
        run._members = tuple(members)
        return run

    def record_steps(self) -> NDArray[np.int64]:
        """Return the recorded steps, rising, shape (recorded,)."""
        return record_steps(self.record, self.steps)

    def definition(self) -> list[Any]:
        """Return, as plain values, all that its numbers depend on, for telling runs apart."""
        beside = {"title", "source", "memory", "mastery", "sweep"}
        if self.sampling == "balanced":
            beside -= {"mastery"}
        given = self.model_dump(mode="json", exclude=beside)
        edges = [[*edge] for edge in self._graph.edges]
        gates = [data.get("requires", "") for data in self._graph.nodes.values()]
        vectors = ""
        if self.model.kind == "geometry" and self.model.vectors not in KINDS:
            matrix = given_vectors(self.model, len(self.names), Place(self._where), self._folder)
            vectors = hashlib.sha256(matrix.tobytes()).hexdigest()
        return [given, list(self.names), edges, gates, vectors]

    @property
    def folder(self) -> Path | None:
        """What paths in the file are relative to; None for the working directory."""
        return self._folder

    @property
    def where(self) -> str:
        """The file, for the messages of errors."""
        return self._where


def load_run(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Run:
    """Return a bundled gradient run, or the one in a file.

    Parameters
    ----------
    name_or_path
        A bundled name (``domino-sim list``) or the path of a TOML file (``docs/files.md``).
    overrides
        New values by key path, such as ``{"optimizer.lr": 1e-3, "seeds": 5}``.

    Raises
    ------
    FileError
        If there is no such file or bundled run, or it cannot be read.
    ScenarioError, GraphError, GateError
        If it is not valid; the message names the key path.

    Examples
    --------
    >>> load_run("geometry-signgd", {"seeds": 2}).optimizer.name
    'signgd'
    """
    data, where, folder = read_named("runs", name_or_path)
    if "model" not in data and "pool" in data:
        raise ScenarioError(
            "is a scenario", where=where, expected="a run file (to simulate it: domino-sim run)"
        )
    return Run.from_dict(data, where=where, folder=folder, overrides=overrides)
