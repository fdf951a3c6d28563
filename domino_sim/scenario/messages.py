"""The first of pydantic's complaints, in one line of our own words."""

from __future__ import annotations

import math
import re
from typing import Any

from pydantic import ValidationError

from domino_sim.errors import ScenarioError, nearest_name
from domino_sim.scenario.choices import CHOICES
from domino_sim.wording import key_path, shown

_WANTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_unicode": "text that UTF-8 can hold",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "tuple_type": "a list",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", "≥"),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "≤"),
}


def scenario_error(error: ValidationError, where: str) -> ScenarioError:
    """Return the one-line error for what pydantic found wrong in the file `where`."""
    found = error.errors(include_url=False)
    first = found[0]
    context = first.get("ctx", {})
    path = _path(first["loc"]) + tuple(context.get("at", ()))
    what, expected, nearest = _words(first, context, path)
    if nearest and what == "unknown key":
        nearest = key_path(*path[:-1], nearest)
    if len(found) > 1:
        what += f" (and {len(found) - 1} more)"
    place = key_path(*path)
    if where and place:
        place = f"{where}: {place}"
    return ScenarioError(what, where=place or where, expected=expected, nearest=nearest)


def _path(location: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(location) > 1 and location[0] in CHOICES and location[1] in CHOICES[location[0]][0]:
        location = location[:1] + location[2:]
    if location and location[-1] == "[key]":
        location = location[:-1]
    return location


def _words(
    first: Any, context: dict[str, Any], path: tuple[Any, ...]
) -> tuple[str, str, str | None]:
    kind, value = first["type"], first["input"]
    if kind == "refused":
        return context["what"], context["expected"], context["nearest"]
    if kind == "missing":
        return "this key is missing", "", None
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        if isinstance(value, str):
            return f"unknown: {shown(value)}", context["expected"], nearest_name(value, choices)
        return f"{shown(value)} is {named(value)}", context["expected"], None
    if kind in _BOUNDS:
        key, sign = _BOUNDS[kind]
        return f"{shown(value)} is out of range", f"a number {sign} {context[key]:g}", None
    if kind == "too_short":
        return "is empty", f"at least {context['min_length']}", None
    if kind in _WANTED:
        wanted = CHOICES[path[0]][1] if len(path) == 1 and path[0] in CHOICES else _WANTED[kind]
        return f"{shown(value)} is {named(value)}", wanted, None
    return first["msg"][:1].lower() + first["msg"][1:], "", None


def named(value: object) -> str:
    """Return what kind of value this is, in the words of TOML."""
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return "too large"
    kinds = ((bool, "a truth value"), (int | float, "a number"), (str, "text"), (dict, "a table"))
    for kind, name in (*kinds, (list | tuple, "a list")):
        if isinstance(value, kind):
            return name
    return f"of type {type(value).__name__}"
