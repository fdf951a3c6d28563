"""Overrides: single keys of a scenario replaced before it is checked."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import numpy as np

from domino_sim.errors import ScenarioError, nearest_name
from domino_sim.scenario.keys import skill_of, split_first
from domino_sim.wording import key_path, shown

_KEY = re.compile(r"""(?P<key>(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^="'])+)=(?P<value>.*)\Z""", re.DOTALL)


def parse_override(text: str) -> tuple[str, Any]:
    """Split ``KEY=VALUE`` of the command line; VALUE is a TOML value, else plain text.

    Examples
    --------
    >>> parse_override("pool.wasted=0.01"), parse_override("pool.law=norm")
    (('pool.wasted', 0.01), ('pool.law', 'norm'))
    """
    quoted = _KEY.match(text)
    # A single quote in a name that is not quoted, as in `Bayes' rule`, is part of it.
    key, equals, value = (quoted["key"], "=", quoted["value"]) if quoted else text.partition("=")
    key, value = key.strip(), value.strip()
    if not (key and equals):
        raise ScenarioError(f"{shown(text)} is not an override", expected="KEY=VALUE")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return key, value
    plain = len(parsed) != 1 or isinstance(
        parsed["value"], datetime.date | datetime.time | datetime.datetime
    )
    return key, value if plain else parsed["value"]


def plain(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    """Return a copy of `value` of plain dicts, lists, numbers and strings.

    NumPy's scalars and arrays become Python's, so that values computed by a caller may be used.
    """
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ScenarioError(f"the key {shown(key)} is not text", where=key_path(*path))
        return {str(k): plain(v, (*path, k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, (*path, i)) for i, v in enumerate(value)]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def override(data: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` (plain tables) with each key path of `overrides` set to its value.

    Keys that no scenario has are left for its check to refuse; what is refused here is a path
    through something that is not a table, and a skill or module that is not there.

    Raises
    ------
    ScenarioError
        If a path leads nowhere.
    """
    if not isinstance(overrides, Mapping):
        raise ScenarioError(f"{shown(overrides)} are no overrides", expected="a value by key path")
    data = plain(data)
    for path, value in overrides.items():
        if not isinstance(path, str) or not path:
            raise ScenarioError(f"{shown(path)} is not a key path", expected="e.g. 'pool.wasted'")
        _set(data, path, plain(value))
    return data


def _set(data: dict[str, Any], path: str, value: Any) -> None:
    table: Any = data
    done: list[str | int] = []
    rest: str | None = path
    while rest is not None:
        part, rest = _split(table, rest, done, "graph" in data)
        if isinstance(table, list):
            part = _index(table, part, done)
        done.append(part)
        if rest is None:
            table[part] = value
        else:
            if isinstance(table, dict):
                table.setdefault(part, {})
            table = table[part]
            if not isinstance(table, dict | list):
                raise ScenarioError(
                    f"is not a table: it has no {shown(rest)}", where=key_path(*done)
                )


def _split(table: Any, rest: str, done: list[str | int], has_graph: bool) -> tuple[Any, str | None]:
    known = [k for k in table if isinstance(k, str)]
    part, after = split_first(rest, known)
    # The keys of these tables are the user's names: an override changes an entry, it adds none.
    of_names = done in (["skills"], ["modules"], ["frequencies"]) or done[-1:] == ["add"]
    if of_names and part not in known:
        part, after = skill_of(rest)
        if done[-1] != "frequencies" and not (done == ["skills"] and has_graph):
            listed = ", ".join(known[:8]) + (", …" if known[8:] else "")
            raise ScenarioError(
                f"there is no {shown(part)} to change",
                where=key_path(*done, part),
                expected=f"one of {listed}" if known else "",
                nearest=nearest_name(part, known),
            )
    return part, after


def _index(table: list[Any], part: str, done: list[str | int]) -> int:
    if not part.isdecimal() or len(part) > 9 or int(part) >= len(table):
        raise ScenarioError(
            f"there is no entry {shown(part)}",
            where=key_path(*done),
            expected=f"a number from 0 to {len(table) - 1}" if table else "",
        )
    return int(part)
