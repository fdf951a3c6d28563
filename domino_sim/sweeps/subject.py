"""The scenario or run file that is swept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from domino_sim.errors import ArgumentError, FileError
from domino_sim.files import FOLDERS, list_bundled, read_named
from domino_sim.gradient.run import Run
from domino_sim.scenario import Scenario
from domino_sim.scenario.overrides import override
from domino_sim.scenario.sweep_table import SweepTable

__all__ = ["MIXTURE", "SEED", "Subject", "load_subject", "numeric"]

#: Axes that every run file has, and sweeps with seeds.
SEED, MIXTURE = "seed", "mixture"

_POOL = ("wasted", "rate", "lr", "noise", "n_dim", "g0")


@dataclass(frozen=True)
class Subject:
    """The tables of a file without ``[sweep]``, and what its paths are relative to."""

    kind: Literal["scenario", "run"]
    data: dict[str, Any]
    where: str = ""
    folder: str | None = None

    @property
    def title(self) -> str:
        """Its title, else the name of its file."""
        return self.data.get("title") or Path(self.where).stem or self.kind

    def build(self, parameters: Mapping[str, Any], seed: int | None) -> Scenario | Run:
        """Return the scenario of a point, or its gradient run, which has one member.

        Raises
        ------
        InputError
            What is wrong with it.
        """
        special = (MIXTURE, *((SEED,) if seed is not None else ()))
        changes = {k: v for k, v in parameters.items() if k not in special}
        folder = None if self.folder is None else Path(self.folder)
        if self.kind == "scenario":
            if seed is not None:
                changes[SEED] = seed
            return Scenario.from_dict(
                self.data, where=self.where, folder=folder, overrides=changes
            )
        data = override(self.data, changes)
        if seed is not None:
            data["seeds"] = [seed]
        if MIXTURE in parameters:
            name = parameters[MIXTURE]
            data["mixtures"] = {name: data["mixtures"][name]}
        return Run.from_dict(data, where=self.where, folder=folder)

    def digest(self, parameters: Mapping[str, Any] | None = None) -> str:
        """Return a text that changes with the content of files that it names.

        The order of the skills counts: a law of frequencies goes by it.
        """
        built = self.build(parameters or {}, None)
        graph = built.skill_graph()
        parts: list[Any] = [sorted(map(list, graph.edges)), list(graph.nodes(data=True))]
        if isinstance(built, Scenario):
            gram = built.gram()
            parts.append(None if gram is None else gram.tolist())
        else:
            parts.append(built.definition()[-1])
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def numeric(subject: Subject, key: str) -> bool:
    """Whether scenarios or runs that differ in `key` can be worked on as one batch.

    Of scenarios these are numbers of the pool and frequencies; of gradient runs seeds, mixtures
    and, in the geometry model, frequencies.
    """
    table, _, rest = key.partition(".")
    frequencies = subject.data.get("frequencies")
    law = isinstance(frequencies, dict) and isinstance(frequencies.get("law"), str)
    frequency = (table == "skills" and rest.endswith(".frequency")) or (
        table == "frequencies" and bool(rest) and (not law or rest == "exponent")
    )
    if subject.kind == "scenario":
        return key == SEED or frequency or (table == "pool" and rest in _POOL)
    geometry = subject.data.get("model", {}).get("kind") == "geometry"
    return key in (SEED, MIXTURE) or (frequency and geometry)


def load_subject(
    scenario: Scenario | Run | str | Path | Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Subject, SweepTable | None]:
    """Return what is swept, and its ``[sweep]`` table if it has one.

    Raises
    ------
    InputError
        If there is no such file, or it is not valid.
    """
    built: Scenario | Run
    folder: Path | None = None
    if isinstance(scenario, Scenario):
        built, where, folder = scenario, scenario._where, scenario._folder
        if overrides:
            built = scenario.with_overrides(overrides)
    elif isinstance(scenario, Run):
        built, where, folder = scenario, scenario.where, scenario.folder
    else:
        if isinstance(scenario, Mapping):
            data, where = dict(scenario), ""
        elif isinstance(scenario, str | Path):
            data, where, folder = _read(scenario)
        else:
            raise ArgumentError(
                f"The 'scenario' parameter of sweep is a {type(scenario).__name__}",
                expected="a Scenario, a Run, the name or path of a file, or its tables",
            )
        kind = Run if "model" in data and "optimizer" in data else Scenario
        built = kind.from_dict(data, where=where, folder=folder, overrides=overrides)
    tables = built.to_dict()
    tables.pop("sweep", None)
    place = None if folder is None else str(folder.absolute())
    kind_name: Literal["scenario", "run"] = "run" if isinstance(built, Run) else "scenario"
    return Subject(kind_name, tables, where, place), built.sweep


def _read(name: str | Path) -> tuple[dict[str, Any], str, Path]:
    if str(name) in list_bundled("runs"):
        return read_named("runs", name)
    try:
        return read_named("scenarios", name)
    except FileError as error:
        bundled = [*list_bundled("scenarios"), *list_bundled("runs")]
        if error.nearest is None and "/" not in str(name) and str(name) not in FOLDERS:
            from domino_sim.errors import nearest_name

            raise FileError(
                error.what, where=error.where, expected=error.expected,
                nearest=nearest_name(name, bundled),
            ) from None
        raise
