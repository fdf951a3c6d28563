"""The JSON Schema of scenario files and run files, for editors."""

from __future__ import annotations

from typing import Any

from domino_sim.scenario.fields import Table
from domino_sim.scenario.scenario import Scenario


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file.

    Examples
    --------
    >>> scenario_schema()["properties"]["steps"]["default"]
    1000
    """
    return table_schema(Scenario)


def table_schema(table: type[Table]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file that holds `table`."""
    schema = _without_null(table.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_null(node: Any) -> Any:
    """Drop the null that pydantic allows where a key may be left out: TOML has none."""
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _without_null(value) for key, value in node.items()}
    if node.get("default", ...) is None:
        del node["default"]
    choices = node.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del node["anyOf"]
        node = {**node, "anyOf": rest} if len(rest) > 1 else {**rest[0], **node}
    return node
