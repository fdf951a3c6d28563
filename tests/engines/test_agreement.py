"""The engines solve the same model: what one says, the others must say."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from strategies import hard_scenarios

from domino_sim import simulate
from domino_sim.gates import Gate
from domino_sim.graph import make_graph
from domino_sim.scenario import Scenario

SAME_INSTANTS = 1e-9


def assert_same_instants(one: xr.Dataset, other: xr.Dataset, scenario: Scenario) -> None:
    """Openings and masteries agree to 1e-9, up to what happens at the very last step."""
    for name in ("opened_at", "mastered_at"):
        a, b = one[name].values, other[name].values
        at_end = (np.nan_to_num(np.fmax(a, b)) >= scenario.steps * (1 - 1e-9))
        assert (np.isnan(a) == np.isnan(b))[~at_end].all(), (name, a, b)
        both = ~np.isnan(a) & ~np.isnan(b)
        np.testing.assert_allclose(a[both], b[both], rtol=SAME_INSTANTS, atol=1e-12)


@given(hard_scenarios())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_events_and_clock_open_and_master_skills_at_the_same_instants(scenario: Scenario) -> None:
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    assert_same_instants(clock, events, scenario)
    np.testing.assert_allclose(clock.level, events.level, atol=1e-9)


#: Each needs escaping or quoting somewhere between GraphML, gates, TOML and netCDF.
AWKWARD = ('KL "divergence"', "it's <b>&amp;</b>", "№ 7 → und", "2 of (a, b)", "a\\b = [1]")


def awkward_graph(path: Path, n: int) -> None:
    """A layered graph of `n` awkwardly named skills with three kinds of gates, as GraphML."""
    layered = make_graph("layered", n=n, seed=3)
    names = {name: f"{AWKWARD[i % len(AWKWARD)]} {i}" for i, name in enumerate(layered)}
    graph = nx.DiGraph()
    graph.add_nodes_from(names.values())
    graph.add_edges_from((names[a], names[b]) for a, b in layered.edges)
    for i, (name, before) in enumerate(graph.pred.items()):
        if len(before) > 1 and i % 3:
            gate = Gate((*before, (i % 3, len(before))))
            graph.nodes[name]["requires"] = str(gate)
        graph.nodes[name]["frequency"] = 1.0 / (1 + i % 17)
    nx.write_graphml(graph, path)


@pytest.mark.parametrize("law", ["sum", "norm", "constant", "domino"])
def test_hundreds_of_skills_with_names_that_are_not_words(tmp_path: Path, law: str) -> None:
    awkward_graph(tmp_path / "graph.graphml", n=600)
    scenario = Scenario.from_dict(
        {
            "steps": 10**7,
            "graph": "graph.graphml",
            "pool": {"law": law, "rate": 0.01, "wasted": 1e-3},
            "record": {"points": 3},
        },
        folder=tmp_path,
    )
    assert len(scenario.names) == 600
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    assert clock.mastered_at.notnull().all()
    assert list(clock.skill.values) == list(scenario.names)
    assert_same_instants(clock, events, scenario)


@given(hard_scenarios())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("engine", ["events", "clock", "euler"])
def test_shares_and_waste_add_up_to_one(engine: str, scenario: Scenario) -> None:
    ds = simulate(scenario, engine)
    total = ds.share.sum("skill", skipna=False) + ds.wasted.sel(module="all")
    if scenario.pool.law == "constant":
        assert np.isnan(total).all()
    else:
        np.testing.assert_allclose(total, 1.0, atol=1e-9)
