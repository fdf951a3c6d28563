"""Axes: what is varied, and what is refused before anything runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweep_cases import HARD, RUN

from domino_sim.errors import InputError
from domino_sim.sweeps.axes import Axis
from domino_sim.sweeps.checking import make_plan
from domino_sim.sweeps.plan import table_of
from domino_sim.sweeps.points import Points, key_of, spawned_seed
from domino_sim.sweeps.subject import load_subject


def plan(axes, scenario=HARD, **options):
    subject, given_table = load_subject(scenario)
    return make_plan(subject, table_of(axes, given_table, {}), **options)


def values(axes):
    return [axis.values for axis in plan(axes).user_axes]


LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=5)


@given(LENGTHS, st.data())
def test_every_combination_has_one_number_whatever_the_order_of_axes(lengths, data):
    axes = [Axis(f"a{i}", (f"a{i}",), tuple((v,) for v in range(n))) for i, n in enumerate(lengths)]
    fast = data.draw(st.lists(st.sampled_from([a.name for a in axes]), unique=True))
    points = Points(tuple(axes)).arranged(fast)
    found = {key_of(points.parameters(i)) for i in range(points.count)}
    assert len(found) == points.count == int(np.prod(lengths))
    inner = points.inner(fast)
    for start in range(0, points.count, inner):
        rest = {
            key_of({k: v for k, v in points.parameters(i).items() if k not in fast})
            for i in range(start, start + inner)
        }
        assert len(rest) == 1


@given(st.dictionaries(st.text(), st.integers() | st.text(), max_size=4), st.randoms())
def test_a_seed_follows_from_the_parameters_alone(parameters, random):
    shuffled = list(parameters.items())
    random.shuffle(shuffled)
    seed = spawned_seed(parameters)
    assert seed == spawned_seed(dict(shuffled)) and 0 <= seed < 2**63
    assert seed != spawned_seed({**parameters, "seed": "another"})


@given(
    st.floats(1e-6, 1e3), st.floats(1.01, 1e6), st.integers(2, 40),
    st.sampled_from(["linear", "log"]),
)  # fmt: skip
def test_a_range_has_its_ends_and_rises(low, factor, n, spacing):
    given_range = {"low": low, "high": low * factor, "n": n, "spacing": spacing}
    ((axis),) = values({"pool.wasted": given_range})
    numbers = np.array(axis)[:, 0]
    assert len(numbers) == n and (np.diff(numbers) > 0).all()
    assert np.allclose(numbers[[0, -1]], [low, low * factor], rtol=1e-11)
    ratios = numbers[1:] / numbers[:-1] if spacing == "log" else np.diff(numbers)
    assert np.allclose(ratios, ratios[0], rtol=1e-4)


def test_ranges_lists_zips_and_seeds_make_a_grid():
    found = plan({
        "axes": {
            "pool.wasted": {"low": 1e-3, "high": 1.0, "n": 4, "spacing": "log"},
            "steps": [100, 200, 300], "record.points": np.array([10, 20, 30]),
            "mastery": range(0) or [0.9],
        },
        "zip": [["steps", "record.points"]], "seeds": 2,
    })  # fmt: skip
    assert [(axis.name, len(axis)) for axis in found.user_axes] == [
        ("pool.wasted", 4), ("steps", 3), ("mastery", 1), ("seed", 2),
    ]  # fmt: skip
    assert found.user_axes[0].values == ((0.001,), (0.01,), (0.1,), (1.0,))
    assert found.user_axes[1].at(2) == {"steps": 300, "record.points": 30}
    assert found.points.count == 24


@pytest.mark.parametrize("sampling", ["random", "sobol"])
def test_drawn_points_fill_their_ranges_and_are_the_same_again(sampling):
    axes = {
        "pool.wasted": {"low": 1e-4, "high": 1.0, "spacing": "log"},
        "steps": {"low": 10, "high": 20, "whole": True},
        "pool.law": ["sum", "norm"],
    }
    table = {"axes": axes, "sampling": sampling, "count": 100}
    (axis,) = plan(table).user_axes
    assert (axis,) == plan(table).user_axes and axis.name == "sample" and len(axis) == 100
    wasted, steps, law = zip(*axis.values, strict=True)
    assert min(wasted) >= 1e-4 and max(wasted) <= 1.0
    assert 35 < sum(w < 1e-2 for w in wasted) < 65  # half of them below the middle
    assert set(steps) == set(range(10, 21)) and set(law) == {"sum", "norm"}
    assert plan({**table, "sample_seed": 1}).user_axes[0] != axis


def test_a_run_file_is_swept_over_its_mixtures_and_seeds():
    found = plan({"model.n_dim": [20, 30]}, RUN)
    assert [axis.name for axis in found.user_axes] == ["model.n_dim", "mixture", "seed"]
    assert found.points.count == 2 * 2 * 2
    run = found.subject.build(found.points.parameters(0), 7)
    assert [(m.mixture, m.seed) for m in run.members()] == [("plain", 7)]


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ({"pool.wastd": [0.1]}, "pool.wastd: the axis names nothing: unknown key; expected one of "
         "law, wasted, noise, rate, lr, n_dim, g0; did you mean 'pool.wasted'?"),
        ({"skills.T9.frequency": [0.1]}, "there is no skill 'T9'"),
        ({"pool.wasted": []}, "sweep: axes.\"pool.wasted\": is empty; expected one value or more"),
        ({}, "nothing is varied"),
        ({"pool.wasted": [0.1, -1.0]}, "-1.0 is out of range (an axis of the sweep"),
        ({"pool.wasted": [0.1, 0.1]}, "the value 0.1 is given twice"),
        ({"pool.wasted": {"low": 1.0, "high": 0.1, "n": 3}}, "0.1 is not above low"),
        ({"pool.wasted": {"low": 0, "high": 1, "n": 3, "spacing": "log"}}, "0 has no logarithm"),
        ({"pool.wasted": {"low": 0.0, "high": 0.1}}, "n is missing; expected how many numbers"),
        ({"pool.wasted": {"low": 0.0, "high": 0.1, "num": 3}}, "unknown key"),
        ({"pool.wasted": 0.1}, "is no axis; expected a list of values, or {low"),
        ({"pool": {"wasted": [0.1]}}, "expected the whole key in quotes"),
        ({"axes": {"steps": [10]}, "zip": [["steps", "seed"]]}, "there is no axis 'seed'"),
        ({"axes": {"steps": [10], "mastery": [0.5, 0.9]}, "zip": [["steps", "mastery"]]},
         "zipped axes differ in length: steps has 1, mastery has 2"),
        ({"axes": {"steps": [10]}, "sampling": "sobol"}, "sampling = 'sobol' without count"),
        ({"axes": {"steps": [10]}, "count": 3}, "count is given with sampling = 'grid'"),
        ({"axes": {"seed": [1]}, "seeds": 3}, "seeds beside an axis of seeds"),
        ({"axes": {"steps": [10]}, "engine": "clok"}, "unknown: 'clok'"),
        ({"axes": {"steps": [10]}, "seds": 3}, "did you mean 'seeds'?"),
    ],
)  # fmt: skip
def test_bad_axes_are_refused_in_words(axes, told):
    with pytest.raises(InputError) as error:
        plan(axes)
    assert told in str(error.value)


def test_more_than_a_million_points_must_be_asked_for():
    axes = {"pool.wasted": list(range(1, 1102)), "pool.rate": {"low": 1, "high": 2, "n": 1000}}
    with pytest.raises(InputError) as error:
        plan(axes)
    assert "these are 1,101,000 points: 1,101 (pool.wasted) × 1,000 (pool.rate)" in str(error.value)
    assert "--yes" in str(error.value)
    assert plan(axes, most=10**9).points.count == 1_101_000


def test_the_table_of_a_file_is_the_sweep():
    tables = {**HARD, "sweep": {"axes": {"mastery": [0.5, 0.9]}, "seeds": [3, 4]}}
    found = plan(None, tables)
    assert [axis.name for axis in found.user_axes] == ["mastery", "seed"]
    assert found.point(3).seed == 4
    assert "sweep" not in json.loads(found.meta()["scenario"])
