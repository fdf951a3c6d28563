"""The scenario: what a run simulates, checked and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from domino_sim.scenario.assembly import Assembly, assemble
from domino_sim.scenario.choices import Correlated, Frequencies, Graph
from domino_sim.scenario.fields import MOST_STEP, Number, Seed, Table, Text, refuse, whole
from domino_sim.scenario.interventions import Intervention
from domino_sim.scenario.reading import read_tables
from domino_sim.scenario.sweep_table import SweepTable
from domino_sim.scenario.tables import GateForm, Module, Pool, Record, Skill, record_steps

if TYPE_CHECKING:
    import networkx as nx


Steps = Annotated[int, Field(strict=True, ge=1, le=MOST_STEP), BeforeValidator(whole)]


class Scenario(Table):
    """What a run simulates: skills and their graph, the pool, the gates, interventions.

    Made by `load_scenario` or `Scenario.from_dict`; its keys are those of a scenario file
    (``docs/files.md``). Two scenarios are equal if the same keys are given the same values.

    Examples
    --------
    >>> scenario = Scenario.from_dict({"skills": {"A": {}, "B": {"requires": "A"}}})
    >>> scenario.names, scenario.pool.rate, scenario.frequency_array()
    (('A', 'B'), 0.01, array([1., 1.]))
    """

    title: Text = Field(default="", description="What it shows, in one line.")
    source: Text = Field(default="", description="Where its numbers come from.")
    steps: Steps = Field(default=1000, description="The last step of the run; step 0 is the start.")
    mastery: Annotated[Number, Field(gt=0, lt=1)] = Field(
        default=0.99,
        description="θ, the level at which a skill counts as learned and opens hard gates.",
    )
    loss: Literal["mse", "ce"] = Field(
        default="mse", description="mse: levels start at 0; ce (cross entropy): at ½."
    )
    seed: Seed = Field(
        default=0, description="The seed of what is random in a run (user-written processes)."
    )
    pool: Pool = Field(default_factory=Pool, description="The shared resource.")
    gate: GateForm = Field(default_factory=GateForm, description="How prerequisites open a gate.")
    record: Record = Field(default_factory=Record, description="Which steps the result holds.")
    skills: dict[str, Skill] = Field(
        default={}, description="The skills by name, in order; with `graph`, changes to its skills."
    )
    graph: Graph | None = Field(
        default=None,
        description="In place of [skills]: a bundled graph's name, a path (.toml, .graphml, "
        ".json) relative to the scenario file, or a family with its parameters.",
    )
    frequencies: Frequencies | None = Field(
        default=None, description="The frequencies of all skills: a law, or a table by name."
    )
    modules: dict[str, Module] = Field(
        default={},
        description="Modules by name; each skill is in exactly one. None: one pool for all.",
    )
    interventions: tuple[Intervention, ...] = Field(
        default=(), description="Changes during the run."
    )
    correlation: Correlated | None = Field(
        default=None,
        description="Correlated tasks: random task vectors, or the path of their Gram matrix "
        "(.csv or .npy). Not with gates, modules, added skills or the law domino.",
    )
    sweep: SweepTable | None = Field(
        default=None, description="What the command sweep varies; a single run does not use it."
    )

    _where: str = PrivateAttr("")
    _folder: Path | None = PrivateAttr(None)

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        where: str = "",
        folder: Path | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Scenario:
        """Return the scenario that the tables of a file describe.

        Parameters
        ----------
        data
            What the file says, as nested dictionaries.
        where
            The file, for the messages of errors.
        folder
            What paths in it are relative to; the working directory if None.
        overrides
            New values by key path, such as ``{"pool.wasted": 0.01}``.

        Raises
        ------
        ScenarioError, GraphError, GateError, FileError
            What is wrong with the scenario, its graph, a gate, or a file it names.
        """
        scenario = read_tables(cls, data, where, overrides)
        scenario._where, scenario._folder = where, folder
        _ = scenario._assembly
        return scenario

    def with_overrides(self, overrides: Mapping[str, Any]) -> Scenario:
        """Return a copy with other values; see `Scenario.from_dict`.

        Examples
        --------
        >>> scenario = Scenario.from_dict({"skills": {"A": {}}})
        >>> scenario.with_overrides({"skills.A.frequency": 2}).frequency_array()
        array([2.])
        """
        return type(self).from_dict(
            self.to_dict(), where=self._where, folder=self._folder, overrides=overrides
        )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a checked copy with top-level keys replaced; pydantic's own would keep caches.

        Examples
        --------
        >>> Scenario.from_dict({"skills": {"A": {}}}).model_copy(update={"steps": 10}).steps
        10
        """
        data = {**self.to_dict(), **(update or {})}
        found = type(self).from_dict(data, where=self._where, folder=self._folder)
        return cast("Self", found)

    def to_dict(self) -> dict[str, Any]:
        """Return the tables of a file that says what was given, without defaults."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)

    def to_toml(self) -> str:
        """Return the text of a scenario file that says what was given, without defaults.

        Examples
        --------
        >>> print(Scenario.from_dict({"steps": 10, "skills": {"A": {"level": 0.5}}}).to_toml())
        steps = 10
        <BLANKLINE>
        [skills.A]
        level = 0.5
        <BLANKLINE>
        """
        import tomli_w

        return tomli_w.dumps(self.to_dict())

    def save(self, path: str | Path) -> None:
        """Write the scenario file; what it names by a relative path is still found from there.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        from domino_sim.scenario.storage import save_scenario

        save_scenario(self, Path(path))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        # Equality knows neither the order of keys nor 1 from 1.0, so neither may the hash: not the
        # text of the file. What sweeps vary is in it; the rest is told apart by equality.
        numbers = (self.steps, self.mastery, self.loss, self.seed, self.pool, self.gate)
        return hash((self.title, *numbers, frozenset(self.skills.items())))

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if not self.skills and self.graph is None:
            refuse("there are no skills", expected="[skills], or graph = …")
        if self.pool.law == "domino" and self.gate.kind == "soft":
            refuse(
                "soft gates with the law 'domino'",
                expected="kind = 'hard': domino serves skills whose gate is open",
                at=("gate", "kind"),
            )
        self.record.check(self.steps)
        if self.correlation is not None:
            if self.modules or any(i.add for i in self.interventions):
                refuse(
                    "correlated tasks share one pool and are all there from the start",
                    expected="no modules and no added skills",
                    at=("correlation",),
                )
            if self.pool.law == "domino":
                refuse(
                    "correlated tasks with the law 'domino'",
                    expected="sum, norm or constant",
                    at=("pool", "law"),
                )
        return self

    @cached_property
    def _assembly(self) -> Assembly:
        return assemble(self, self._where, self._folder)

    def skill_graph(self) -> nx.DiGraph:
        """Return the checked graph of all skills, those that interventions add last.

        Each node has its ``frequency`` and ``level`` at the start, and maybe ``requires``. The
        graph is the scenario's own: do not change it.
        """
        return self._assembly.graph

    @property
    def names(self) -> tuple[str, ...]:
        """The skills in order: those there from the start, then those that are added."""
        return self._assembly.names

    @property
    def base_count(self) -> int:
        """How many skills are there from the start."""
        return self._assembly.base_count

    def frequency_array(self) -> NDArray[np.float64]:
        """Return the frequency of each skill at the start, shape (skills,)."""
        return self._assembly.frequencies.copy()

    def level_array(self) -> NDArray[np.float64]:
        """Return the level of each skill at the start, shape (skills,)."""
        return self._assembly.levels.copy()

    def module_of(self) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.int64]]:
        """Return the modules' names, their shares, and the index of each skill's module.

        Without ``[modules]`` there is one, ``"all"``, with share 1.
        """
        a = self._assembly
        return a.modules, a.shares.copy(), a.module_index.copy()

    def gram(self) -> NDArray[np.float64] | None:
        """Return the Gram matrix of the task vectors, shape (skills, skills), or None.

        With ``correlation = {n_dim, seed}`` the vectors are the rows of
        ``numpy.random.default_rng(seed).standard_normal((skills, n_dim))``, normalised.
        """
        gram = self._assembly.gram
        return None if gram is None else gram.copy()

    def record_steps(self) -> NDArray[np.int64]:
        """Return the recorded steps, rising, shape (recorded,).

        Examples
        --------
        >>> data = {"steps": 10, "record": {"every": 4}, "skills": {"A": {}}}
        >>> Scenario.from_dict(data).record_steps()
        array([ 0,  4,  8, 10])
        """
        return record_steps(self.record, self.steps)
