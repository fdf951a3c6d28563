"""The scenario file: what it means, what is refused and how, and that it survives a round trip."""

from __future__ import annotations

import pickle
import tomllib

import jsonschema
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim.errors import DominoError, FileError, GateError, GraphError, ScenarioError
from domino_sim.files import list_bundled
from domino_sim.scenario import Scenario, load_scenario, scenario_schema

PAIR = {"skills": {"A": {}, "B": {"requires": "A"}}}
BUNDLED = sorted(list_bundled("scenarios"))


def scenario(**tables):
    return Scenario.from_dict({**PAIR, **tables}, where="run.toml")


def refusal(error=ScenarioError, **tables):
    with pytest.raises(error) as caught:
        scenario(**tables)
    text = str(caught.value)
    assert text.startswith("run.toml: ")
    assert "\n" not in text
    return text.removeprefix("run.toml: ")


# What a scenario means


def test_a_scenario_of_two_skills_needs_nothing_else():
    s = scenario()
    assert s.names == ("A", "B")
    assert s.base_count == 2
    assert list(s.skill_graph().edges) == [("A", "B")]
    assert s.frequency_array().tolist() == [1.0, 1.0]
    assert s.level_array().tolist() == [0.0, 0.0]
    assert s.gram() is None
    assert (s.steps, s.mastery, s.loss, s.seed) == (1000, 0.99, "mse", 0)
    assert (s.pool.law, s.pool.rate, s.pool.wasted, s.gate.kind) == ("sum", 0.01, 0.0, "hard")


def test_an_unlearned_skill_starts_at_one_half_under_cross_entropy():
    assert scenario(loss="ce").level_array().tolist() == [0.5, 0.5]


def test_frequencies_given_by_hand_are_never_renormalised():
    s = scenario(skills={"A": {"frequency": 3.0}, "B": {}})
    assert s.frequency_array().tolist() == [3.0, 1.0]


def test_frequencies_of_a_law_add_up_to_one():
    p = scenario(frequencies={"law": "power", "exponent": 2.0}).frequency_array()
    np.testing.assert_allclose(p, [0.8, 0.2])


def test_a_graph_without_frequencies_is_trained_evenly():
    s = Scenario.from_dict({"graph": {"family": "chain", "n": 4}})
    assert s.frequency_array().tolist() == [0.25] * 4


def test_a_graph_file_brings_its_own_frequencies_and_a_law_replaces_them():
    tables = {"graph": "two-pairs"}
    own = Scenario.from_dict(tables).frequency_array()
    assert own.tolist() == [1.0, 0.1, 2.0, 0.2, 1.0, 1.0, 1.0]
    even = Scenario.from_dict({**tables, "frequencies": {"law": "uniform"}}).frequency_array()
    np.testing.assert_allclose(even, np.full(7, 1 / 7))


def test_single_skills_of_a_graph_may_be_changed():
    s = Scenario.from_dict(
        {"graph": "two-pairs", "skills": {"T2": {"frequency": 5.0}, "T4": {"level": 0.3}}}
    )
    assert s.frequency_array()[1] == 5.0
    assert s.level_array().tolist() == [0, 0, 0, 0.3, 0, 0, 0]


def test_a_table_of_frequencies_may_name_a_skill_called_law():
    s = Scenario.from_dict(
        {"skills": {"law": {}, "order": {}}, "frequencies": {"law": 2, "order": 1}}
    )
    assert s.frequency_array().tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("record", "steps", "expected"),
    [
        ({"points": 3}, 10, [0, 5, 10]),
        ({"points": 1000}, 3, [0, 1, 2, 3]),
        ({"every": 4}, 10, [0, 4, 8, 10]),
        ({"every": 5}, 10, [0, 5, 10]),
        ({"every": 50}, 10, [0, 10]),
        ({"steps": [1, 2, 9]}, 10, [1, 2, 9]),
        ({"points": 2}, 10**15, [0, 10**15]),
    ],
)
def test_the_record_names_the_recorded_steps(record, steps, expected):
    found = scenario(record=record, steps=steps).record_steps()
    assert found.dtype == np.int64
    assert found.tolist() == expected


@given(st.integers(1, 10**15), st.integers(2, 300))
def test_evenly_spaced_points_begin_at_the_start_and_end_at_the_last_step(steps, points):
    found = scenario(steps=steps, record={"points": points}).record_steps()
    assert found[0] == 0
    assert found[-1] == steps
    assert (np.diff(found) > 0).all()
    assert len(found) == min(points, steps + 1)


def test_added_skills_come_after_the_base_and_may_require_each_other():
    s = scenario(
        interventions=[
            {"at": 5, "add": {"C": {"requires": "B and D", "frequency": 2}}},
            {"when": "A > 0.5", "add": {"D": {"requires": "A", "level": 0.25}}},
        ]
    )
    assert s.names == ("A", "B", "C", "D")
    assert s.base_count == 2
    assert s.frequency_array().tolist() == [1, 1, 2, 1]
    assert s.level_array().tolist() == [0, 0, 0, 0.25]
    assert nx.is_directed_acyclic_graph(s.skill_graph())
    assert s.interventions[0].trigger == ("at", 5.0)
    assert s.interventions[1].trigger == ("when", "A", 0.5)


def test_a_condition_may_name_any_skill():
    name = "KL >= 'divergence' > 0.5"
    s = Scenario.from_dict(
        {
            "skills": {name: {}},
            "interventions": [
                {
                    "when": "\"KL >= 'divergence' > 0.5\" >= 0.25",
                    "set": {f"skills.{name}.frequency": 2, "pool.wasted": 0.5},
                }
            ],
        }
    )
    (change,) = s.interventions
    assert change.trigger == ("when", name, 0.25)
    assert change.changes == (("frequency", name, 2.0), ("wasted", None, 0.5))


def test_modules_share_out_the_skills():
    s = scenario(
        modules={
            "left": {"skills": ["B"], "share": 0.25},
            "right": {"skills": ["A"], "share": 0.75},
        },
        interventions=[{"at": 1, "add": {"C": {"module": "right"}}}],
    )
    titles, shares, index = s.module_of()
    assert titles == ("left", "right")
    assert shares.tolist() == [0.25, 0.75]
    assert index.tolist() == [1, 0, 1]


def test_random_task_vectors_have_length_one_and_come_from_the_seed():
    skills = {f"s{i}": {} for i in range(5)}
    data = {"skills": skills, "correlation": {"n_dim": 3, "seed": 7}}
    gram = Scenario.from_dict(data).gram()
    vectors = np.random.default_rng(7).standard_normal((5, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_array_equal(gram, vectors @ vectors.T)
    assert np.linalg.matrix_rank(gram) == 3


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_a_matrix_file_gives_the_correlation(tmp_path, suffix):
    matrix = np.array([[1.0, 0.5], [0.5, 1.0]])
    file = tmp_path / f"gram{suffix}"
    if suffix == ".csv":
        np.savetxt(file, matrix, delimiter=",")
    else:
        np.save(file, matrix)
    data = {"skills": {"A": {}, "B": {}}, "correlation": file.name}
    np.testing.assert_array_equal(Scenario.from_dict(data, folder=tmp_path).gram(), matrix)


def test_a_large_family_is_not_built_skill_by_skill():
    s = Scenario.from_dict({"graph": {"family": "layered", "n": 20_000, "seed": 1}})
    assert len(s.names) == 20_000


# Reading, writing, equality


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_scenario_loads_has_its_papers_and_survives_a_round_trip(name):
    s = load_scenario(name)
    assert s.title and s.source
    again = Scenario.from_dict(tomllib.loads(s.to_toml()))
    assert again == s
    assert hash(again) == hash(s)
    assert again.to_toml() == s.to_toml()
    assert 2 <= len(s.record_steps()) <= 5000


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_scenario_fits_the_schema_for_editors(name):
    data = tomllib.loads(list_bundled("scenarios")[name].read_text(encoding="utf-8"))
    jsonschema.validate(data, scenario_schema(), cls=jsonschema.Draft202012Validator)


def test_the_schema_is_one_and_describes_every_key():
    schema = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for table in (schema, *schema["$defs"].values()):
        for key, value in table["properties"].items():
            assert value.get("description"), f"{table['title']}.{key}"


@pytest.mark.parametrize(
    "data",
    [
        {"stepz": 1},
        {"pool": {"lawx": 1}},
        {"steps": 0},
        {"steps": "5"},
        {"mastery": 1},
        {"graph": 3},
    ],
)
def test_the_schema_refuses_what_the_program_refuses(data):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**PAIR, **data}, scenario_schema())
    refusal(**data)


def test_the_bundled_scenarios_are_the_papers_and_ours():
    assert {
        *("two-pairs", "fig17-1", "fig17-3", "resource-mse", "resource-ce", "geometry-mse"),
        *("geometry-ce", "domino-ten", "fig9-serial", "fig9-parallel", "sparse-parity-dependent"),
        *("sparse-parity-independent", "wrong-frequency", "curriculum", "layered-1000"),
        "modular-pair",
    } <= set(BUNDLED)


def test_the_resource_scenario_has_the_published_frequencies():
    p = load_scenario("resource-mse").frequency_array()
    expected = 1 / np.arange(1, 11) ** 2.0
    np.testing.assert_allclose(p, expected / expected.sum(), rtol=1e-15)


def test_a_saved_scenario_loads_back_equal(tmp_path):
    s = load_scenario("curriculum", {"pool.rate": 0.25})
    s.save(tmp_path / "copy.toml")
    assert load_scenario(tmp_path / "copy.toml") == s
    assert [f.name for f in tmp_path.iterdir()] == ["copy.toml"]


def test_a_saved_scenario_still_finds_the_files_that_it_names(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "own.toml").write_text("[skills]\nX = { frequency = 2.0 }\n")
    (tmp_path / "a" / "gram.csv").write_text("1.0\n")
    (tmp_path / "a" / "run.toml").write_text('graph = "own.toml"\ncorrelation = "gram.csv"\n')
    s = load_scenario(tmp_path / "a" / "run.toml")
    s.save(tmp_path / "b" / "moved.toml")
    moved = load_scenario(tmp_path / "b" / "moved.toml")
    assert moved.graph == "../a/own.toml"
    assert moved.names == ("X",)
    np.testing.assert_array_equal(moved.gram(), [[1.0]])


def test_only_what_was_given_is_written():
    assert tomllib.loads(scenario(pool={"wasted": 0.5}).to_toml()) == {
        **PAIR,
        "pool": {"wasted": 0.5},
    }


def test_scenarios_are_compared_by_what_they_say():
    assert scenario(steps=10) == scenario(steps=10)
    assert scenario(steps=10) != scenario(steps=11)
    assert len({scenario(steps=10), scenario(steps=10)}) == 1


def test_a_scenario_cannot_be_changed_and_can_travel_to_another_process():
    s = scenario()
    with pytest.raises(ValueError, match="frozen"):
        s.steps = 5
    assert pickle.loads(pickle.dumps(s)) == s
    s.frequency_array()[:] = 7
    assert s.frequency_array().tolist() == [1.0, 1.0]


# Errors, read aloud


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"pool": {"law": "summ"}},
            "pool.law: unknown: 'summ'; expected 'sum', 'norm', 'constant' "
            "or 'domino'; did you mean 'sum'?",
        ),
        (
            {"pool": {"wated": 1}},
            "pool.wated: unknown key; expected one of law, wasted, noise, "
            "rate, lr, n_dim, g0; did you mean 'pool.wasted'?",
        ),
        ({"steps": True}, "steps: True is a truth value; expected a whole number"),
        ({"steps": "10"}, "steps: '10' is text; expected a whole number"),
        ({"steps": 1.5}, "steps: 1.5 is a number; expected a whole number"),
        ({"pool": {"rate": -1.0}}, "pool.rate: -1.0 is out of range; expected a number > 0"),
        (
            {"pool": {"rate": float("nan")}},
            "pool.rate: nan is not finite; expected a finite number",
        ),
        (
            {"pool": {"rate": 1, "lr": 1, "n_dim": 1}},
            "pool.rate: rate and lr are given together; expected one of them",
        ),
        ({"pool": {"lr": 1e-3}}, "pool.lr: lr is given without n_dim; expected n_dim too"),
        (
            {"pool": {"noise": 1e-3, "n_dim": 5}},
            "pool.noise: noise is given with the law 'sum'; expected law = 'norm', or wasted in "
            "its place",
        ),
        ({"pool": 3}, "pool: 3 is a number; expected a table"),
        (
            {"gate": {"exponent": 2.0}},
            "gate.exponent: exponent is given with kind = 'hard'; "
            "expected kind = 'soft' (or replace the whole table: gate = {kind = 'hard'})",
        ),
        (
            {"gate": {"kind": "soft"}, "pool": {"law": "domino"}},
            "gate.kind: soft gates with the law 'domino'; expected kind = 'hard': domino serves "
            "skills whose gate is open",
        ),
        ({"record": {"steps": [0, 5, 5]}}, "record.steps.2: 5 follows 5; expected rising steps"),
        (
            {"record": {"steps": [0, 2000]}},
            "record.steps.1: 2000 is beyond the last step; expected steps up to 1000",
        ),
        (
            {"steps": 10**15, "record": {"every": 1}},
            "record.every: would record 1000000000000002 steps; expected at most 10000000: every ≥ "
            "100000001",
        ),
        ({"skills": {}}, "there are no skills; expected [skills], or graph = …"),
        (
            {"skills": {"A": {"level": 0.0}}, "loss": "ce"},
            "skills.A.level: the level of 'A' is 0; expected a level above 0 with loss = 'ce' "
            "(unlearned is 0.5)",
        ),
        (
            {"skills": {"KL term": {"frequency": -1}}},
            'skills."KL term".frequency: -1 is out of range; expected a number ≥ 0',
        ),
        (
            {"frequencies": 3},
            "frequencies: 3 is a number; expected {law = …} or a table of frequencies by name",
        ),
        (
            {"frequencies": {"law": "uniform"}, "skills": {"A": {"frequency": 1}}},
            "skills.A.frequency: the frequency is given here and by `frequencies`; expected one of "
            "them",
        ),
        ({"graph": {"n": 3}}, "graph.family: this key is missing"),
        (
            {"graph": "two-pairs", "skills": {"T2x": {"level": 0.5}}},
            "skills.T2x: there is no skill 'T2x'; did you mean 'T2'?",
        ),
        (
            {"graph": "two-pairs", "skills": {"T2": {"requires": "T1"}}},
            "skills.T2.requires: the graph has the gates of its skills; expected frequency or "
            "level",
        ),
        (
            {"modules": {"m": {"skills": ["A"], "share": 1}}},
            "modules: 'B' is in no module; expected each skill in exactly one module",
        ),
        (
            {
                "modules": {
                    "m": {"skills": ["A", "B"], "share": 0.5},
                    "n": {"skills": ["A"], "share": 0.5},
                }
            },
            "modules.n.skills.0: 'A' is in the module 'm' already; expected each skill in exactly "
            "one module",
        ),
        (
            {
                "modules": {
                    "m": {"skills": ["A"], "share": 0.9},
                    "n": {"skills": ["B"], "share": 0.2},
                }
            },
            "modules: the shares add up to 1.1; expected ≤ 1",
        ),
        (
            {"modules": {"m": {"skills": [], "share": 1}}},
            "modules.m.skills: is empty; expected at least 1",
        ),
        (
            {"interventions": [{"freeze": ["A"]}]},
            "interventions.0: neither at nor when is given; expected one of them",
        ),
        (
            {"interventions": [{"at": 1}]},
            "interventions.0: it changes nothing; expected one or more of set, freeze, unfreeze, "
            "add",
        ),
        (
            {"interventions": [{"at": 1, "freeze": ["AA"]}]},
            "interventions.0.freeze.0: there is no skill 'AA'; did you mean 'A'?",
        ),
        (
            {"interventions": [{"when": "A < 0.5", "freeze": ["A"]}]},
            "interventions.0.when: 'A < 0.5' is not a condition; expected a skill and a level from "
            '0 to 1, e.g. "T5 > 0.5" or "\'KL term\' > 0.5"',
        ),
        (
            {"interventions": [{"at": 1, "set": {"pool.law": 1}}]},
            'interventions.0.set."pool.law": the pool law cannot change during a run; expected '
            "skills.NAME.frequency, pool.wasted, pool.noise, pool.rate or pool.lr",
        ),
        (
            {"interventions": [{"at": 1, "set": {"pool": {"rate": 1}}}]},
            "interventions.0.set.pool: a table where a number belongs; expected the whole key in "
            'quotes: set = {"skills.T1.frequency" = 1.0}',
        ),
        (
            {"interventions": [{"at": 1, "set": {"pool.lr": 1}}], "pool": {"rate": 1}},
            'interventions.0.set."pool.lr": the scenario gives pool.rate; expected pool.rate',
        ),
        (
            {"interventions": [{"at": 1, "add": {"A": {}}}]},
            "interventions.0.add.A: there is a skill 'A' already; expected a new name",
        ),
        (
            {"interventions": [{"at": 1, "add": {"C": {"module": "m"}}}]},
            "interventions.0.add.C.module: there is no module 'm'; expected no module key",
        ),
        (
            {"correlation": {"n_dim": 2}},
            "correlation: correlated tasks have no gates, but 'B' has prerequisites; expected "
            "skills without prerequisites",
        ),
        (
            {"correlation": "gram.txt", "skills": {"A": {}}},
            "correlation: 'gram.txt' is not the path of a matrix; expected a .csv or .npy file",
        ),
        ({"stepz": 1, "poll": 2}, None),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tables, message):
    found = refusal(**tables)
    if message is not None:
        assert found == message


@pytest.mark.parametrize(
    ("error", "tables", "message"),
    [
        (
            GraphError,
            {"skills": {"A": {"requires": "B"}, "B": {"requires": "A"}}},
            "skills: the prerequisites go in a circle: ",
        ),
        (
            GraphError,
            {"skills": {"A": {}, "B": {"requires": "AA"}}},
            "skills.B.requires: unknown skill 'AA'",
        ),
        (GateError, {"skills": {"A": {}, "B": {"requires": "A or"}}}, "skills.B.requires: "),
        (
            GateError,
            {"interventions": [{"at": 1, "add": {"C": {"requires": "A or"}}}]},
            "interventions.0.add.C.requires: ",
        ),
        (
            GraphError,
            {"interventions": [{"at": 1, "add": {"C": {"requires": "D"}, "D": {"requires": "C"}}}]},
            "interventions: the prerequisites go",
        ),
        (
            FileError,
            {"skills": {}, "graph": "two-pears"},
            "graph: no bundled graph is named 'two-pears'",
        ),
        (GraphError, {"skills": {}, "graph": {"family": "layred", "n": 3}}, "graph: family: "),
        (
            FileError,
            {"correlation": "none.npy", "skills": {"A": {}}},
            "correlation: none.npy: no such",
        ),
    ],
)
def test_graphs_gates_and_files_keep_their_error_and_say_the_key_path(error, tables, message):
    assert refusal(error, **tables).startswith(message)


def test_the_first_of_several_mistakes_is_told_and_the_rest_are_counted():
    assert "(and 1 more)" in refusal(steps="x", seed="y")


def test_an_unknown_scenario_is_refused_with_the_nearest():
    with pytest.raises(FileError, match="did you mean 'two-pairs'"):
        load_scenario("two-pair")


def test_deeply_nested_and_circular_tables_are_refused():
    deep: dict = {}
    for _ in range(100_000):
        deep = {"pool": deep}
    assert "nested too deeply" in refusal(pool=deep)
    circular: dict = {}
    circular["pool"] = circular
    assert "nested too deeply" in refusal(pool=circular)


@pytest.mark.parametrize(
    "text",
    ["1,2\n3", "1,x\n2,1", "", "1,2\n0,1", "nan,0\n0,1", "1,2\n2,1", "0,0\n0,1", "1,0,0\n0,1,0"],
)
def test_what_is_not_a_gram_matrix_is_refused(tmp_path, text):
    (tmp_path / "gram.csv").write_text(text)
    data = {"skills": {"A": {}, "B": {}}, "correlation": "gram.csv"}
    with pytest.raises(DominoError, match="correlation"):
        Scenario.from_dict(data, folder=tmp_path)


def test_a_pickled_matrix_is_refused(tmp_path):
    np.save(tmp_path / "gram.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(FileError, match="cannot be read as a matrix"):
        Scenario.from_dict({"skills": {"A": {}}, "correlation": "gram.npy"}, folder=tmp_path)


# Anything at all


KEYS = sorted(
    {k for t in (scenario_schema(), *scenario_schema()["$defs"].values()) for k in t["properties"]}
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["A", "B", "A > 0.5", "A and B", "norm", "soft", "ce", "two-pairs", "chain"])
    | st.sampled_from([10**400, -(10**400), 2**64, np.float64(0.5), np.int64(3), b"x", 1j, ...]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*KEYS, "A", "B", "n"]) | st.text(max_size=3), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), VALUES, max_size=5) | VALUES)
def test_any_tables_are_a_scenario_or_our_error(data):
    valid_or_refused(lambda: Scenario.from_dict(data, where="run.toml"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_scenario_with_one_value_replaced_is_valid_or_refused(data):
    tables = tomllib.loads(FULL)
    node = tables
    while True:
        key = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))
        )
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
            node = node[key]
        else:
            break
    node[key] = data.draw(VALUES)
    valid_or_refused(lambda: Scenario.from_dict(tables, where="run.toml"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_scenario_file_is_valid_or_refused(tmp_path_factory, data):
    text = bytearray(FULL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4))
    file = tmp_path_factory.getbasetemp() / "damaged.toml"
    file.write_bytes(bytes(text))
    valid_or_refused(lambda: load_scenario(file))


def valid_or_refused(make):
    try:
        made = make()
    except DominoError as error:
        assert "\n" not in str(error)
        return
    assert Scenario.from_dict(tomllib.loads(made.to_toml()), folder=made._folder) == made
    assert np.isfinite(made.frequency_array()).all()
    assert len(made.record_steps()) >= 1


FULL = """
title = "all of it"
steps = 100
[pool]
law = "norm"
noise = 1e-3
lr = 3e-4
n_dim = 100
[gate]
kind = "soft"
exponent = 0.5
leak = 0.1
[record]
every = 7
[skills]
A = { frequency = 1.0, level = 0.1 }
"B b" = { frequency = 2.0, requires = "A" }
[modules]
left = { skills = ["A"], share = 0.5 }
right = { skills = ["B b"], share = 0.25 }
[[interventions]]
at = 3
set = { 'skills."B b".frequency' = 1.0, "pool.noise" = 1e-4 }
[[interventions]]
when = "'B b' > 0.5"
freeze = ["A"]
add = { C = { requires = "A or 'B b'", module = "left" } }
"""
