"""TOML and JSON text into values; whatever is wrong with it is an error with its place."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from domino_sim.errors import FileError, InputError
from domino_sim.wording import shown

__all__ = ["parse_json", "parse_toml"]


def parse_toml(
    text: str, where: str = "", error: type[InputError] = FileError
) -> dict[str, Any]:
    """Return the tables of TOML text; what is wrong with it is raised as an `error`.

    Examples
    --------
    >>> parse_toml("steps = 10")
    {'steps': 10}
    """
    try:
        # tomllib reads lines that end in \\n or \\r\\n; a lone \\r is refused by the format itself.
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        line = text.count("\n") + 1
        what = str(wrong).replace("at end of document", f"at the end, line {line}")
        if what.startswith(("Cannot overwrite", "Cannot declare", "Duplicate")):
            what = f"a key or table is given twice: {what}"
        raise error(f"not valid TOML: {what}", where=where) from None
    except RecursionError:
        raise error("not valid TOML: nested too deeply", where=where) from None
    except ValueError as wrong:
        raise error(f"not valid TOML: {wrong}", where=where) from None


def parse_json(text: str, where: str = "", error: type[InputError] = FileError) -> Any:
    """Return the value of JSON text; duplicate keys are refused.

    NaN and Infinity pass, so that the check of the number can name its place.

    Examples
    --------
    >>> parse_json('{"frequency": 1.0}')
    {'frequency': 1.0}
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key, value in pairs:
            if key in table:
                raise error(f"the key {shown(key)} is given twice in one object", where=where)
            table[key] = value
        return table

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as wrong:
        raise error(f"not valid JSON: {wrong}", where=where) from None
    except RecursionError:
        raise error("not valid JSON: nested too deeply", where=where) from None
    except InputError:
        raise
    except ValueError as wrong:
        raise error(f"not valid JSON: {wrong}", where=where) from None
