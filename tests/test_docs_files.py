"""``docs/files.md`` says of every key what the program says."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import pytest

from domino_sim.gradient.run import Run
from domino_sim.graph import FAMILIES, build_graph
from domino_sim.scenario import Scenario, scenario_schema, table_schema

PAGE = (Path(__file__).parents[1] / "docs" / "files.md").read_text(encoding="utf-8")
SCHEMA, RUNS = scenario_schema(), table_schema(Run)
TABLES = {"Scenario": SCHEMA, "Run": RUNS, **SCHEMA["$defs"], **RUNS["$defs"]}


def kind(value):
    """Return the type and range of a value in words."""
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    if "oneOf" in value:
        return " or ".join(dict.fromkeys(kind(choice) for choice in value["oneOf"]))
    if "$ref" in value or value["type"] == "object":
        return "table"
    if value["type"] == "array":
        return f"list: {kind(value['items'])}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "flag"}
    bounds = [
        f"{sign} {value[key]:g}"
        for key, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", "≥"),
            ("exclusiveMaximum", "<"),
            ("maximum", "≤"),
        )
        # What only keeps numbers from overflowing is said once, in the text.
        if key in value and value[key] not in (1e100, 2**63 - 1)
    ]
    return " ".join([words[value["type"]], ", ".join(bounds)]).strip()


def row(key, value):
    default = value.get("default", "")
    if isinstance(default, dict | list) or default == "":
        default = ""
    else:
        default = f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return f"| `{key}` | {kind(value)} | {default} | {value['description']} |"


@pytest.mark.parametrize("title", TABLES)
def test_the_page_has_the_table_of_every_part_of_a_scenario_and_a_run(title):
    section = re.search(rf"<!-- {title} -->\n(.*?)\n\n", PAGE, re.DOTALL)
    assert section, f"docs/files.md lacks the table <!-- {title} -->"
    expected = [row(k, v) for k, v in TABLES[title]["properties"].items()]
    assert section[1].splitlines() == [
        "| key | value | default | meaning |",
        "|---|---|---|---|",
        *expected,
    ]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_page_names_every_family_and_its_parameters(name):
    found = re.search(rf"^\| `{name}` \| (.*?) \|", PAGE, re.MULTILINE)
    assert found, f"docs/files.md lacks the family {name}"
    documented = re.findall(r"`(\w+)", found[1])
    assert documented == list(inspect.signature(FAMILIES[name]).parameters)


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_of_the_page_are_valid(text):
    tables = tomllib.loads(text)
    if "model" in tables:
        assert Run.from_dict(tables).names
    elif "steps" in tables:
        assert Scenario.from_dict(tables).names
    elif "skills" in tables:
        assert len(build_graph(tables["skills"]))
