"""Scenario files: what a run simulates, read from TOML, checked, overridden, written."""

from domino_sim.scenario.overrides import parse_override
from domino_sim.scenario.scenario import Scenario
from domino_sim.scenario.schema import scenario_schema, table_schema
from domino_sim.scenario.storage import load_scenario

__all__ = ["Scenario", "load_scenario", "parse_override", "scenario_schema", "table_schema"]
