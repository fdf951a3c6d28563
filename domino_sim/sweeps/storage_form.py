"""The tables of a store, and how a store of another sweep differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from domino_sim.wording import key_path, shown

__all__ = ["COLUMNS", "CREATE", "FORMAT", "differences"]

#: The form of the tables below; a store of another form cannot be read.
FORMAT = "2"

CREATE = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE labels (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE points (
    number INTEGER PRIMARY KEY,
    parameters TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('done', 'failed')),
    skills INTEGER REFERENCES labels (id),
    mastered_at TEXT,
    mastered INTEGER,
    fell INTEGER,
    all_mastered_at REAL,
    final_loss REAL,
    engine TEXT,
    version TEXT NOT NULL,
    seed INTEGER,
    seconds REAL,
    error TEXT
);
CREATE INDEX failed_points ON points (number) WHERE status = 'failed';
CREATE TABLE curves (
    number INTEGER PRIMARY KEY REFERENCES points (number) ON DELETE CASCADE,
    steps INTEGER NOT NULL REFERENCES labels (id),
    loss BLOB NOT NULL,
    level BLOB
);
"""

#: The columns of a point, in the order of the table.
COLUMNS = (
    "number", "parameters", "status", "skills", "mastered_at", "mastered", "fell",
    "all_mastered_at", "final_loss", "engine", "version", "seed", "seconds", "error",
)  # fmt: skip

#: Differences that a message tells.
MOST_TOLD = 4

_WORDS = {
    "version": "the version of the program",
    "kind": "the kind of file",
    "files": "the content of the graph or matrix it names",
    "values": "the axes and their values",
}


def differences(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """Return how the sweep of a store differs from another, in words; empty if it does not."""
    found: list[str] = []
    for key, word in _WORDS.items():
        if key in ("version", "kind") and there.get(key) != here[key]:
            found.append(f"{word}: {there.get(key)} there, {here[key]} here")
    for key in ("scenario", "sweep"):
        old, new = _flat(json.loads(there[key])), _flat(json.loads(here[key]))
        prefix = "sweep." if key == "sweep" else ""
        for path in dict.fromkeys([*old, *new]):
            if old.get(path, ...) != new.get(path, ...):
                values = [shown(v[path]) if path in v else "nothing" for v in (old, new)]
                found.append(f"{prefix}{path}: {values[0]} there, {values[1]} here")
        for path, names in _orders(json.loads(there[key]), json.loads(here[key]), ()):
            told = [", ".join(some[:MOST_TOLD]) for some in names]
            found.append(f"{prefix}{path}: the order is {told[0]} there, {told[1]} here")
    if not found:
        for key in ("files", "values"):
            if there.get(key) != here[key]:
                found.append(_WORDS[key])
    if len(found) > MOST_TOLD:
        found = [*found[:MOST_TOLD], f"{len(found) - MOST_TOLD} more"]
    return "; ".join(found)


def _orders(
    old: Any, new: Any, path: tuple[str, ...]
) -> Iterator[tuple[str, tuple[list[str], list[str]]]]:
    """Give the tables whose keys are the same in another order: of skills and axes it counts."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return
    names = list(old), list(new)
    if names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
        yield key_path(*path), names
    for key in old.keys() & new.keys():
        yield from _orders(old[key], new[key], (*path, key))


def _flat(value: Any) -> dict[str, Any]:
    return {key_path(*path): leaf for path, leaf in _leaves(value, ())}


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path, value
