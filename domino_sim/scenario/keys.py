"""Key paths such as ``skills."KL divergence".frequency``, taken apart."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

from domino_sim.errors import ScenarioError
from domino_sim.wording import shown

#: The keys of one skill: what may follow its name in a key path.
SKILL_KEYS = ("frequency", "requires", "level", "module")

_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""")


def split_first(path: str, known: Iterable[str]) -> tuple[str, str | None]:
    """Split a key path after its first part.

    A quoted part is a TOML string. A bare part is the longest of the `known` keys that the path
    begins with (names may hold dots and spaces), else what comes before the first dot.

    Returns
    -------
    tuple
        The first part, and the rest of the path, or None if nothing follows.
    """
    quoted = _QUOTED.match(path)
    if quoted:
        rest = path[quoted.end() :]
        if rest and not rest.startswith("."):
            raise ScenarioError(
                f"{shown(path)} is not a key path", expected="a dot after the quotes"
            )
        return _unquote(quoted[0]), rest[1:] if rest else None
    fits = [k for k in known if path == k or path.startswith(f"{k}.")]
    part = max(fits, key=len) if fits else path.partition(".")[0]
    return part, path[len(part) + 1 :] if len(path) > len(part) else None


def skill_of(path: str) -> tuple[str, str | None]:
    """Split ``NAME.frequency`` into the skill's name, which may hold dots, and what follows."""
    if path.startswith(('"', "'")) and _QUOTED.match(path):
        return split_first(path, ())
    name, dot, key = path.rpartition(".")
    return (name, key) if dot and key in SKILL_KEYS else (path, None)


def _unquote(text: str) -> str:
    try:
        return str(tomllib.loads(f"key = {text}")["key"])
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{shown(text)} is not a quoted key: {error}") from None
