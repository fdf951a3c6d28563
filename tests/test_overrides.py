"""Overrides: which key a path means, what may be set, and that nothing is made by mistake."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.errors import DominoError, ScenarioError
from domino_sim.scenario import Scenario, load_scenario, parse_override

BASE = {
    "skills": {
        "A": {},
        "A.B": {},
        "KL divergence": {"requires": "A"},
        "frequency": {},
    },
    "interventions": [{"at": 5, "freeze": ["A"], "add": {"late one": {}}}],
}


def overridden(**overrides):
    return Scenario.from_dict(BASE, where="run.toml", overrides=overrides["of"])


def frequencies(of):
    s = overridden(of=of)
    return dict(zip(s.names, s.frequency_array().tolist(), strict=True))


def refusal(of, data=BASE):
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data, where="run.toml", overrides=of)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("pool.wasted=0.01", "pool.wasted", 0.01),
        ("pool.wasted = 1e-3", "pool.wasted", 1e-3),
        ("skills.T2.frequency=1", "skills.T2.frequency", 1),
        ("pool.law=norm", "pool.law", "norm"),
        ('pool.law="norm"', "pool.law", "norm"),
        ("title=two words", "title", "two words"),
        ("title=", "title", ""),
        ("title=a=b", "title", "a=b"),
        ("title=2024-01-01", "title", "2024-01-01"),
        ("title=1\nsteps = 2", "title", "1\nsteps = 2"),
        ("title=true", "title", True),
        ("record.steps=[0, 1, 2]", "record.steps", [0, 1, 2]),
        ("gate={kind='hard'}", "gate", {"kind": "hard"}),
        ('skills."a=b".frequency=2', 'skills."a=b".frequency', 2),
        ("skills.Bayes' rule.level=0", "skills.Bayes' rule.level", 0),
        ("record.steps=[0, 1", "record.steps", "[0, 1"),
    ],
)
def test_the_command_line_gives_a_toml_value_or_else_text(text, key, value):
    assert parse_override(text) == (key, value)


@pytest.mark.parametrize("text", ["pool.wasted", "", "=3", " = 3"])
def test_an_override_has_a_key_and_a_value(text):
    with pytest.raises(ScenarioError, match="expected KEY=VALUE"):
        parse_override(text)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("skills.A.frequency", "A"),
        ("skills.A.B.frequency", "A.B"),
        ('skills."A.B".frequency', "A.B"),
        ("skills.'A.B'.frequency", "A.B"),
        ("skills.KL divergence.frequency", "KL divergence"),
        (r'skills."KL\u0020divergence".frequency', "KL divergence"),
        ("skills.frequency.frequency", "frequency"),
        ("interventions.0.add.late one.frequency", "late one"),
    ],
)
def test_a_path_finds_names_that_are_not_plain_words(path, name):
    expected = dict.fromkeys(["A", "A.B", "KL divergence", "frequency", "late one"], 1.0)
    assert frequencies({path: 2}) == {**expected, name: 2.0}


def test_a_skill_of_a_graph_is_found_by_its_name():
    s = load_scenario("fig17-3", {"skills.T2.frequency": 5})
    assert s.frequency_array()[1] == 5.0


def test_a_table_that_is_not_there_is_made_and_whole_tables_are_replaced():
    assert overridden(of={"pool.wasted": 0.5}).pool.wasted == 0.5
    s = load_scenario("two-pairs", {"gate": {"kind": "hard"}, "record": {"every": 5}})
    assert (s.gate.kind, s.gate.leak, s.record.every, s.record.points) == ("hard", 0.0, 5, None)


def test_the_number_of_skills_of_a_family_can_be_set():
    assert len(load_scenario("layered-1000", {"graph.n": 50}).names) == 50


def test_entries_of_lists_are_counted_from_zero():
    assert overridden(of={"interventions.0.at": 8}).interventions[0].at == 8.0


def test_numbers_of_numpy_are_numbers():
    s = overridden(of={"pool.rate": np.float64(0.5), "steps": np.int64(7), "seed": np.uint8(3)})
    assert (s.pool.rate, s.steps, s.seed) == (0.5, 7, 3)
    record = {"steps": np.array([0, 3, 7])}
    assert overridden(of={"record": record}).record_steps().tolist() == [0, 3, 7]


def test_overrides_of_a_scenario_leave_it_as_it_was():
    s = load_scenario("two-pairs")
    other = s.with_overrides({"pool.wasted": 0.5})
    assert (s.pool.wasted, other.pool.wasted) == (1e-3, 0.5)
    assert other == load_scenario("two-pairs", {"pool.wasted": 0.5})
    assert other.with_overrides({"pool.wasted": 1e-3}) == s


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (
            {"pool.lawx": "sum"},
            "pool.lawx: unknown key; expected one of law, wasted, noise, rate, "
            "lr, n_dim, g0; did you mean 'pool.law'?",
        ),
        ({"stepz": 5}, None),
        (
            {"skills.KL divergance.frequency": 1},
            'skills."KL divergance": there is no \'KL '
            "divergance' to change; expected one of A, A.B, KL divergence, frequency; did you mean "
            "'KL divergence'?",
        ),
        (
            {"skills.A.frequenzy": 1},
            "skills.A.frequenzy: unknown key; expected one of frequency, "
            "requires, level, module; did you mean 'skills.A.frequency'?",
        ),
        ({"modules.left.share": 1}, None),
        ({"steps.x": 1}, "steps: is not a table: it has no 'x'"),
        (
            {"interventions.1.at": 1},
            "interventions: there is no entry '1'; expected a number from 0 to 0",
        ),
        ({"interventions.x.at": 1}, None),
        ({"interventions.-1.at": 1}, None),
        ({"interventions.0.add.new.frequency": 1}, None),
        ({'skills."A.frequency': 1}, None),
        ({'skills."A"x': 1}, None),
        ({"": 1}, "'' is not a key path; expected e.g. 'pool.wasted'"),
        ({"pool.": 1}, None),
        ({"pool..law": 1}, None),
        ({3: 1}, None),
        ({"pool": {3: 4}}, None),
        ({"pool.rate": 0.1, "pool.lr": 0.1}, None),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(of, message):
    data = {**BASE, "steps": 10}
    found = refusal(of, data)
    assert "\n" not in found
    if message:
        assert found == f"run.toml: {message}"


def test_overrides_are_a_mapping():
    assert "expected a value by key path" in refusal([("steps", 5)])


def test_an_unknown_skill_of_a_graph_is_refused():
    with pytest.raises(ScenarioError, match=r"skills\.T22: there is no skill 'T22'; did you mean"):
        load_scenario("fig17-3", {"skills.T22.frequency": 5})


def test_a_rate_beside_a_learning_rate_is_refused_not_replaced():
    with pytest.raises(ScenarioError, match=r"pool\.rate: rate and lr are given together"):
        load_scenario("geometry-mse", {"pool.rate": 0.1})


PARTS = st.sampled_from(
    ["pool", "skills", "A", "A.B", "frequency", "interventions", "0", "add", "set", "freeze", "x"]
) | st.text(max_size=4)


@given(
    st.dictionaries(st.lists(PARTS, max_size=5).map(".".join), st.none() | st.integers() | PARTS)
)
def test_any_overrides_are_a_scenario_or_our_error(of):
    try:
        overridden(of=of)
    except DominoError as error:
        assert "\n" not in str(error)


@given(st.text(max_size=30))
def test_any_text_is_an_override_or_our_error(text):
    try:
        key, _ = parse_override(text)
    except ScenarioError:
        return
    assert key
