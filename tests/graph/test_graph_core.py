"""Skill graphs: what is one, what is not, and what the message says."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.errors import GateError, GraphError, InputError
from domino_sim.graph import build_graph, check_graph, gate_of, generations


def graph_of(*edges, **requires) -> nx.DiGraph:
    graph = nx.DiGraph(edges)
    for name, expression in requires.items():
        graph.add_node(name, requires=expression)
    return graph


def test_a_table_of_skills_becomes_a_graph_with_edges_to_the_dependents():
    graph = build_graph(
        {
            "T1": {"frequency": 2},
            "T2": {"level": 0.5},
            "KL divergence": {"requires": "T2 or (T1)"},
        }
    )
    assert list(graph.edges) == [("T1", "KL divergence"), ("T2", "KL divergence")]
    assert graph.nodes["T1"] == {"frequency": 2.0}
    assert graph.nodes["KL divergence"]["requires"] == "T2 or T1"
    assert list(graph.pred["KL divergence"]) == ["T2", "T1"]


def test_without_a_gate_all_predecessors_are_required_in_the_order_of_their_edges():
    graph = check_graph(graph_of(("B", "C"), ("A", "C")))
    assert str(gate_of(graph, "C")) == "B and A"
    assert gate_of(graph, "A") is None


def test_a_gate_gives_a_skill_its_edges():
    graph = nx.DiGraph()
    graph.add_nodes_from("AB")
    graph.add_node("C", requires="2 of (B, A)")
    assert list(check_graph(graph).pred["C"]) == ["B", "A"]


def test_the_graph_given_is_not_changed():
    graph = graph_of(("A", "B"), B="((A))")
    graph.nodes["A"]["frequency"] = 1
    before = graph.copy()
    checked = check_graph(graph)
    assert nx.utils.graphs_equal(graph, before)
    assert checked.nodes["B"]["requires"] == "A"
    assert checked.nodes["A"]["frequency"] == 1.0


def test_parallel_edges_collapse_and_ids_become_text():
    graph = nx.MultiDiGraph([(1, 2), (1, 2, {"weight": 3}), ((0, 1), 2)])
    checked = check_graph(graph)
    assert type(checked) is nx.DiGraph
    assert list(checked) == ["1", "2", "(0, 1)"]
    assert checked.edges["1", "2"] == {"weight": 3}


def test_other_attributes_are_kept():
    graph = graph_of(("A", "B"))
    graph.graph["year"] = 2025
    graph.nodes["A"]["colour"] = "red"
    graph.edges["A", "B"]["probability"] = 0.5
    assert nx.utils.graphs_equal(check_graph(graph), graph)


@pytest.mark.parametrize("number", [1, np.float32(1), np.int64(1), Fraction(1, 1), 1.0])
def test_any_real_number_becomes_a_float(number):
    graph = build_graph({"A": {"frequency": number, "level": number}})
    assert graph.nodes["A"] == {"frequency": 1.0, "level": 1.0}
    assert type(graph.nodes["A"]["frequency"]) is float


@pytest.mark.parametrize(
    ("skills", "message"),
    [
        ({}, "f: skills: has no skills"),
        ([], r"f: skills: is \[\]; expected a table"),
        ({"A": 3}, "f: skills.A: is 3; expected a table"),
        ({"A": {"frequencies": 1}}, "skills.A: unknown key 'frequencies'.*'frequency'"),
        ({"A B": {"frequency": -1}}, 'f: skills."A B".frequency: is -1; expected a finite number'),
        ({"A": {"frequency": math.inf}}, "skills.A.frequency: is inf"),
        ({"A": {"frequency": math.nan}}, "skills.A.frequency: is nan"),
        ({"A": {"frequency": True}}, "skills.A.frequency: is True"),
        ({"A": {"frequency": "1"}}, "skills.A.frequency: is '1'"),
        ({"A": {"frequency": None}}, "skills.A.frequency: is None"),
        ({"A": {"frequency": 10**400}}, "skills.A.frequency: is 1000"),
        ({"A": {"frequency": 10**5000}}, "skills.A.frequency: is an integer of"),
        ({"A": {"frequency": np.bool_(True)}}, "skills.A.frequency: is"),
        ({"A": {"level": 1.5}}, "skills.A.level: is 1.5; expected a number from 0 to 1"),
        ({"A": {"level": -0.1}}, "skills.A.level"),
        ({"abc": {}, "B": {"requires": "abd"}}, "B.requires: unknown skill 'abd'.*'abc'"),
        ({"A": {"requires": "A"}}, "f: skills.A: is its own prerequisite"),
        ({"": {}}, "f: skills: the name '' is empty"),
        ({"a\nb": {}}, "the name .* is not printable"),
    ],
)
def test_a_table_that_is_no_graph_is_refused_with_its_key_path(skills, message):
    with pytest.raises(GraphError, match=message):
        build_graph(skills, where="f")


@pytest.mark.parametrize("expression", ["", "B and", ["B"], None, 3])
def test_a_gate_that_cannot_be_parsed_keeps_its_class_and_its_place(expression):
    with pytest.raises(GateError, match=r"f: skills\.A\.requires: "):
        build_graph({"A": {"requires": expression}, "B": {}}, where="f")


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (nx.Graph([(1, 2)]), "is an undirected graph"),
        ("A -> B", "is 'A -> B'; expected a networkx.DiGraph"),
        (nx.DiGraph(), "has no skills"),
        (graph_of((1, 2), ("1", 2)), "two skills are named '1'"),
        (graph_of(("A", "A")), "f: A: is its own prerequisite"),
        (graph_of(("A", "C"), ("B", "C"), C="A"), "C.requires: does not name 'B', from which"),
        (graph_of(("A", "C"), ("B", "D"), C="A or B"), "C.requires: names 'B', from which"),
        (nx.DiGraph(title=3), "has no skills"),
    ],
)
def test_what_is_no_skill_graph_is_refused(graph, message):
    with pytest.raises(GraphError, match=message):
        check_graph(graph, where="f")


def test_a_title_is_a_text():
    graph = graph_of(("A", "B"))
    graph.graph["title"] = 3
    with pytest.raises(GraphError, match="f: title: is 3; expected a text"):
        check_graph(graph, where="f")


def test_a_cycle_is_named_from_its_first_skill():
    graph = graph_of(("X", "C"), ("C", "A"), ("A", "B"), ("B", "C"), ("B", "Y"))
    with pytest.raises(GraphError, match="in a circle: C → A → B → C;"):
        check_graph(graph)
    with pytest.raises(GraphError, match=r"skills: .*in a circle: A → B → A;"):
        build_graph({"A": {"requires": "B or C"}, "B": {"requires": "A"}, "C": {}})


def test_a_long_cycle_is_named_in_one_short_line():
    ring = nx.cycle_graph(20_000, create_using=nx.DiGraph)
    with pytest.raises(GraphError) as caught:
        check_graph(ring)
    assert "0 → 1 → 2 → 3 → … 19992 more … → 19996" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_very_deep_graph_is_no_problem():
    graph = check_graph(nx.path_graph(20_000, create_using=nx.DiGraph))
    assert len(generations(graph)) == 20_000


@given(st.integers(2, 12).flatmap(lambda n: st.lists(st.tuples(*[st.integers(0, n)] * 2))))
def test_a_named_cycle_is_one(edges):
    graph = nx.DiGraph([(str(a), str(b)) for a, b in edges if a != b])
    graph.add_node("start")
    try:
        check_graph(graph)
    except GraphError as error:
        cycle = error.what.removeprefix("the prerequisites go in a circle: ").split(" → ")
        assert cycle[0] == cycle[-1]
        if not any("more" in name for name in cycle):
            assert all(graph.has_edge(a, b) for a, b in pairwise(cycle))
    else:
        assert nx.is_directed_acyclic_graph(graph)


def test_generations_have_their_prerequisites_before_them():
    graph = build_graph({"C": {"requires": "A and B"}, "A": {}, "B": {"requires": "A"}, "D": {}})
    assert generations(graph) == [["A", "D"], ["B"], ["C"]]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
skill_names = st.sampled_from(["A", "B", "C", "x y"]) | st.text(max_size=3)
tables = st.fixed_dictionaries(
    {},
    optional={
        "frequency": st.floats(0, 5) | anything,
        "level": st.floats(0, 1) | anything,
        "requires": st.sampled_from(["A", "B or C", "A and 'x y'", "2 of (A, B, C)"]) | anything,
        "other": anything,
    },
)


@given(st.dictionaries(skill_names, tables | anything, max_size=5))
def test_any_table_is_a_checked_graph_or_an_error(skills):
    try:
        graph = build_graph(skills, where="f")
    except InputError as error:
        assert str(error).startswith("f: skills")
        assert "\n" not in str(error)
    else:
        assert nx.is_directed_acyclic_graph(graph)
        assert nx.utils.graphs_equal(check_graph(graph), graph)
