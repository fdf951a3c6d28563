"""Where something wrong stands: the file and the key path."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Protocol

from domino_sim.errors import ScenarioError, nearest_name
from domino_sim.wording import key_path, shown


class Names(Container[str], Iterable[str], Protocol):
    """A graph, a dictionary or a set of names."""


class Place:
    """A scenario file, for the messages of its errors.

    Examples
    --------
    >>> Place("run.toml").of("modules", "left", "skills", 0)
    'run.toml: modules.left.skills.0'
    """

    def __init__(self, file: str) -> None:
        self.file = file

    def of(self, *path: str | int) -> str:
        """Return the place of the value at a key path."""
        return f"{self.file}: {key_path(*path)}" if self.file else key_path(*path)

    def know(self, name: str, names: Names, *path: str | int) -> None:
        """Raise ScenarioError if the skill named at a key path is not one of `names`."""
        if name not in names:
            raise ScenarioError(
                f"there is no skill {shown(name)}",
                where=self.of(*path),
                nearest=nearest_name(name, names),
            )
