"""Families of graphs: their shapes, their seeds, their limits."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.errors import GraphError
from domino_sim.graph import FAMILIES, check_graph, gate_of, generations, load_graph, make_graph
from domino_sim.graph.families import _distinct


def test_shapes_of_the_plain_families():
    assert not make_graph("independent", n=4).edges
    assert list(make_graph("chain", n=4).edges) == [("s1", "s2"), ("s2", "s3"), ("s3", "s4")]
    tree = make_graph("tree", n=7)
    assert {name: list(tree.succ[name]) for name in ("s1", "s2", "s3")} == {
        "s1": ["s2", "s3"],
        "s2": ["s4", "s5"],
        "s3": ["s6", "s7"],
    }
    assert list(make_graph("tree", n=4, branching=3).succ["s1"]) == ["s2", "s3", "s4"]


@given(st.integers(1, 80), st.integers(1, 6), st.integers(0, 99), st.data())
def test_a_layered_skill_requires_skills_of_the_layer_above_only(n, parents, seed, data):
    layers = data.draw(st.none() | st.integers(1, n))
    graph = make_graph("layered", n=n, layers=layers, parents=parents, seed=seed)
    found = generations(graph)
    assert len(graph) == n
    assert len(found) == (layers or round(n**0.5))
    assert max(map(len, found)) - min(map(len, found)) <= 1
    for above, layer in pairwise(found):
        for name in layer:
            assert set(graph.pred[name]) <= set(above)
            assert len(graph.pred[name]) == min(parents, len(above))


@pytest.mark.parametrize("family", ["independent", "chain", "tree", "layered", "random"])
@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_every_member_is_a_checked_graph_with_prerequisites_first(family, n):
    graph = make_graph(family, n=n)
    assert list(graph) == [f"s{i}" for i in range(1, n + 1)]
    assert all(int(a[1:]) < int(b[1:]) for a, b in graph.edges)
    assert nx.utils.graphs_equal(check_graph(graph), graph)


def test_a_random_graph_has_the_mean_number_of_parents_and_the_share_of_gates_asked_for():
    graph = make_graph("random", n=4000, parents=3.0, alternatives=0.5, seed=1)
    assert graph.number_of_edges() / len(graph) == pytest.approx(3.0, rel=0.05)
    several = [name for name in graph if len(graph.pred[name]) > 1]
    gated = [name for name in several if "requires" in graph.nodes[name]]
    assert len(gated) / len(several) == pytest.approx(0.5, abs=0.05)
    kinds = {gate_of(graph, name).program[-1] for name in gated}
    assert {(1, 2), (1, 3), (2, 3)} <= kinds
    assert not any(k == n for k, n in kinds)
    assert nx.utils.graphs_equal(check_graph(graph), graph)
    assert not any("requires" in data for data in make_graph("random", n=99).nodes.values())


@pytest.mark.parametrize("family", ["layered", "random"])
def test_a_seed_means_one_graph(family):
    first, again, other = (make_graph(family, n=60, seed=seed) for seed in (1, 1, 2))
    assert nx.utils.graphs_equal(first, again)
    assert not nx.utils.graphs_equal(first, other)


def test_the_choice_of_parents_is_uniform_and_without_repetition():
    chosen = _distinct(np.random.default_rng(0), np.full(30_000, 5), 3)
    assert all(len(set(row)) == 3 for row in chosen[:1000].tolist())
    counts = np.bincount((1 << chosen).sum(axis=1))
    assert np.count_nonzero(counts) == 10
    assert counts[counts > 0] == pytest.approx(np.full(10, 3000), rel=0.08)


def test_the_graphs_of_the_paper_are_the_bundled_ones():
    for name in ("chain-of-three", "two-pairs", "one-of-two"):
        assert nx.utils.graphs_equal(make_graph(name), load_graph(name))
    assert nx.get_node_attributes(make_graph("two-pairs"), "requires") == {
        "T5": "T1 and T2",
        "T6": "T3 and T4",
        "T7": "T5 and T6",
    }
    assert nx.get_node_attributes(make_graph("one-of-two"), "requires") == {
        "T5": "T1 and T2",
        "T6": "T3 or T4",
        "T7": "T5 or T6",
    }


@pytest.mark.parametrize(
    ("family", "params", "message"),
    [
        ("tre", {}, "unknown family 'tre'; expected one of .*did you mean 'tree'"),
        (["tree"], {}, "unknown family"),
        ("tree", {}, "'tree' needs the parameter 'n'"),
        ("tree", {"n": 3, "branchin": 2}, "'branchin'; expected one of n, branching.*'branching'"),
        ("two-pairs", {"n": 3}, "'two-pairs' has no parameter 'n'; expected none"),
        ("tree", {"n": 0}, "n: is 0; expected a whole number from 1 to 10,000,000"),
        ("tree", {"n": 10**9}, "n: is 1000000000"),
        ("tree", {"n": 10**5000}, "n: is an integer of"),
        ("tree", {"n": True}, "n: is True"),
        ("tree", {"n": 2.0}, "n: is 2.0"),
        ("tree", {"n": "3"}, "n: is '3'"),
        ("layered", {"n": 3, "layers": 4}, "layers: is 4; expected a whole number from 1 to 3"),
        ("layered", {"n": 3, "seed": -1}, "seed: is -1; expected a whole number ≥ 0"),
        ("layered", {"n": 3, "seed": 1.5}, "seed: is 1.5"),
        ("layered", {"n": 100_000, "parents": 1000}, "parents: makes .* edges; expected at most"),
        ("random", {"n": 1000, "parents": float("nan")}, "parents: is nan"),
        ("random", {"n": 3, "parents": 10**400}, "parents: is 1000"),
        ("random", {"n": 3, "alternatives": 1.5}, "alternatives: is 1.5; expected a number from"),
        ("random", {"n": 10_000, "parents": 1e6}, "parents: makes .* edges; expected at most"),
    ],
)
def test_what_names_no_member_is_refused(family, params, message):
    with pytest.raises(GraphError, match=message):
        make_graph(family, **params)


@given(
    st.sampled_from(sorted(FAMILIES)),
    st.dictionaries(
        st.sampled_from(["n", "layers", "parents", "seed", "branching", "alternatives", "m"]),
        st.integers(-3, 30) | st.floats(-3, 30) | st.none() | st.booleans() | st.text(max_size=2),
    ),
)
def test_any_parameters_give_a_graph_or_an_error(family, params):
    try:
        graph = make_graph(family, **params)
    except GraphError as error:
        assert "\n" not in str(error)
    else:
        assert nx.utils.graphs_equal(check_graph(graph), graph)
