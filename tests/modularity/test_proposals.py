"""Partitions that are proposed: from ladders, chance, and the graph."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from modular_worlds import chains, independent

from domino_sim.errors import ArgumentError
from domino_sim.modularity.partition import Partition, check_partition
from domino_sim.modularity.proposals import communities, components, ladder, wrong_splits
from domino_sim.modularity.requests import module_count, requested
from domino_sim.modularity.variants import crosses


def asked(what, scenario, **changes):
    options = {"given": {}, "modules": None, "seed": 0, **changes}
    return requested(what, scenario.skill_graph(), scenario.frequency_array().tolist(), **options)


@pytest.mark.parametrize("n", [2, 3, 7, 16])
def test_every_proposal_has_each_skill_once(n: int) -> None:
    scenario = independent(n, "sum")
    found = asked("all", scenario)
    for partition in [*found.partitions, *found.wrong]:
        check_partition(partition, scenario.names)


def test_a_ladder_doubles_its_modules_in_equal_parts() -> None:
    found = ladder(independent(20, "sum").skill_graph())
    assert [p.title for p in found] == [f"{k} modules" for k in (2, 4, 8, 16)] + ["a module each"]
    for partition in found:
        sizes = [len(skills) for skills in partition.modules.values()]
        assert max(sizes) - min(sizes) <= 1


def test_components_of_a_graph_are_cut_where_no_dependency_crosses() -> None:
    graph = chains(3, 4).skill_graph()
    assert sorted(map(len, components(graph).modules.values())) == [4, 4, 4]
    assert crosses(graph, components(graph)) == 0


def test_a_ladder_keeps_what_hangs_together_side_by_side() -> None:
    mixed = nx.DiGraph([("a", "c"), ("b", "d")])
    assert crosses(mixed, ladder(mixed)[0]) == 0


def test_communities_of_two_cliques_with_one_bridge_are_the_cliques() -> None:
    order = [f"s{i}" for i in range(8)]
    graph = nx.DiGraph()
    graph.add_nodes_from(order)
    graph.add_edges_from((order[i], order[j]) for h in (0, 4) for i in range(h, h + 4)
                         for j in range(i + 1, h + 4))  # fmt: skip
    graph.add_edge("s3", "s4")
    assert [set(m) for m in communities(graph).modules.values()] == [set(order[:4]), set(order[4:])]


def test_communities_without_dependencies_are_single_skills() -> None:
    assert communities(independent(5, "sum").skill_graph()).count == 5


def test_wrong_splits_have_as_many_modules_and_cross_where_they_can() -> None:
    scenario = chains(4, 4)
    graph = scenario.skill_graph()
    found = wrong_splits(graph, [1.0] * 16, 4)
    assert {p.count for p in found} == {4}
    across = next(p for p in found if "across" in p.title)
    assert crosses(graph, across) == graph.number_of_edges()


def test_what_is_asked_for_twice_is_there_once_and_what_is_no_split_is_said() -> None:
    found = asked(["each", "components", {"x": ["s1", "s2", "s3"]}], independent(3, "sum"))
    assert [p.title for p in found.partitions] == ["a module each"]
    assert found.remarks == [
        "given: one module with all skills, no split", "components: the same as 'a module each'",
    ]  # fmt: skip


def test_the_modules_of_the_scenario_are_compared_too() -> None:
    given = {"x": {"skills": ["s1"], "share": 0.9}, "y": {"skills": ["s2"], "share": 0.1}}
    found = asked("ladder", independent(2, "sum"), given=given)
    assert [p.title for p in found.partitions] == ["as in the scenario", "a module each"]
    assert found.partitions[0].shares == {"x": 0.9, "y": 0.1}


def test_what_is_given_comes_before_the_scenario_as_the_right_one() -> None:
    mine, scenario = Partition("mine", {"x": ["s1"], "y": ["s2"]}), independent(2, "sum")
    own = {"x": {"skills": ["s2"]}, "y": {"skills": ["s1"]}}
    assert asked(["each", mine], scenario, given=own).right == mine
    found = asked("each", scenario, given=own).right
    assert found is not None and found.title == "as in the scenario"
    assert asked("all", scenario).right is None
    whole = Partition("whole", {"x": ["s1", "s2"]})
    assert asked(whole, scenario).right is None


def test_a_partition_may_be_an_object_and_titles_stay_apart() -> None:
    halves = Partition("4 modules", {"x": ["s1"], "y": ["s2", "s3", "s4", "s5"]})
    found = asked([halves, "ladder"], independent(5, "sum"))
    assert [p.title for p in found.partitions] == ["4 modules", "2 modules", "4 modules′",
                                                    "a module each"]  # fmt: skip


def test_random_partitions_are_those_of_their_seed() -> None:
    scenario = independent(12, "sum")
    first, again, other = (asked("random", scenario, seed=s).partitions[0] for s in (1, 1, 2))
    assert first == again and first != other


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("laddr", "unknown partition 'laddr'.* did you mean 'ladder'"),
        (7, "partitions: is 7; expected ladder"),
        ([7], "partitions: is 7"),
        ({"x": ["s1"]}, "partition 'given': 's2' is in no module"),
    ],
    ids=["name", "number", "list", "missing"],
)
def test_what_is_no_partition_is_refused(what, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        asked(what, independent(2, "sum"))


def test_module_counts_follow_the_graph_and_are_bounded() -> None:
    assert module_count(chains(3, 4).skill_graph(), None) == 3
    assert module_count(independent(16, "sum").skill_graph(), None) == 4
    with pytest.raises(ArgumentError, match="17 modules of 16 skills; expected from 2 to 16"):
        module_count(independent(16, "sum").skill_graph(), 17)
    assert np.all([module_count(independent(n, "sum").skill_graph(), None) <= n for n in (2, 3)])
