"""Scenario files: found, read and written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domino_sim.errors import ScenarioError
from domino_sim.files import atomic_write, list_bundled, read_named, resolve
from domino_sim.scenario.scenario import Scenario


def load_scenario(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """Return a bundled scenario, or the one in a file.

    Parameters
    ----------
    name_or_path
        A bundled name (``domino-sim list``) or the path of a TOML file (``docs/files.md``).
    overrides
        New values by key path, such as ``{"pool.wasted": 0.01, "skills.T2.frequency": 1}``.
        A part that is not a plain word may be quoted: ``skills."KL divergence".frequency``.

    Raises
    ------
    FileError
        If there is no such file or bundled scenario, or it cannot be read.
    ScenarioError, GraphError, GateError
        If it is not valid; the message names the key path.

    Examples
    --------
    >>> scenario = load_scenario("two-pairs", {"steps": 500})
    >>> scenario.steps, scenario.names[-1]
    (500, 'T7')
    """
    data, where, folder = read_named("scenarios", name_or_path)
    if "model" in data and "optimizer" in data:
        raise ScenarioError(
            "is a gradient run", where=where, expected="a scenario (to train it: domino-sim train)"
        )
    return Scenario.from_dict(data, where=where, folder=folder, overrides=overrides)


def save_scenario(scenario: Scenario, path: Path) -> None:
    """Write a scenario file; relative paths in it are rewritten to hold from its folder."""
    data = scenario.to_dict()
    for key, value in _paths(scenario).items():
        data[key] = Path(os.path.relpath(value, path.parent)).as_posix()
    import tomli_w

    atomic_write(path, tomli_w.dumps(data))


def _paths(scenario: Scenario) -> dict[str, Path]:
    """Return the files that a scenario names by a relative path."""
    folder = scenario._folder or Path()
    found: dict[str, Path] = {}
    if isinstance(scenario.graph, str) and not Path(scenario.graph).is_absolute():
        file = resolve("graphs", scenario.graph, folder)
        if list_bundled("graphs").get(scenario.graph) != file:
            found["graph"] = file
    if isinstance(scenario.correlation, str) and not Path(scenario.correlation).is_absolute():
        found["correlation"] = folder / scenario.correlation
    return found
