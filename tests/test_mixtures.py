"""Mixtures: laws add up to one and keep their ratios, tables are taken as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.errors import ScenarioError
from domino_sim.mixtures import frequencies

ABC = ("A", "B", "C")


def test_laws_have_the_written_formulas():
    i = np.arange(1, 4)
    raw = {"normalise": False}
    assert frequencies({"law": "power", "exponent": 2, **raw}, ABC) == pytest.approx(i**-2.0)
    exponential = frequencies({"law": "exponential", "exponent": 0.5, **raw}, ABC)
    assert exponential == pytest.approx(np.exp(-0.5 * i))
    assert frequencies({"law": "uniform", **raw}, ABC).tolist() == [1, 1, 1]
    assert frequencies({"law": "power"}, ABC) == pytest.approx(1 / i / (1 / i).sum())


@given(
    st.sampled_from(["power", "exponential", "uniform"]),
    st.floats(0, 1e308),
    st.integers(1, 200),
)
def test_a_law_adds_up_to_one_and_never_rises(law, exponent, n):
    p = frequencies({"law": law, "exponent": exponent}, [str(i) for i in range(n)])
    assert p.sum() == pytest.approx(1)
    assert np.all(np.diff(p) <= 0)
    assert np.all(np.isfinite(p))


def test_a_table_is_taken_in_the_order_of_the_skills_and_not_renormalised():
    assert frequencies({"C": 3, "A": 1.0, "B": 0}, ABC).tolist() == [1, 0, 3]


def test_a_skill_may_be_called_law():
    assert frequencies({"law": 0.5, "A": 2.0}, ("A", "law")).tolist() == [2.0, 0.5]
    assert frequencies({"law": "uniform"}, ("A", "law")).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"law": "powr"}, "f.law: unknown law 'powr'; expected one of.*did you mean 'power'"),
        ({"law": 3}, "f.law: unknown law 3"),
        ({"law": "power", "exponant": 1}, "unknown key 'exponant'; did you mean 'exponent'"),
        ({"law": "power", "exponent": -1}, "f.exponent: is -1; expected a finite number ≥ 0"),
        ({"law": "power", "exponent": True}, "f.exponent: is True"),
        ({"law": "power", "exponent": float("nan")}, "f.exponent: is nan"),
        ({"law": "power", "normalise": 1}, "f.normalise: is 1; expected true or false"),
        ({"A": 1.0, "B": 1.0}, "no frequency for the skill 'C'"),
        ({"A": 1, "B": 1, "C": 1, "D": 1}, "unknown skill 'D'"),
        ({"A": 1, "B": 1, "C": -1}, "f.C: is -1"),
        ({"A": 1, "B": "1", "C": 1}, "f.B: is '1'"),
        ({"A": 1, "B": 10**400, "C": 1}, "f.B: is 1000"),
        ({"A": 1, "B": 10**5000, "C": 1}, "f.B: is an integer of"),
        ([1, 2], "expected a law"),
    ],
)
def test_what_is_neither_law_nor_table_is_refused(spec, message):
    with pytest.raises(ScenarioError, match=message):
        frequencies(spec, ABC, where="f")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from(["law", "exponent", "normalise", "A", "B", "C"]) | st.text(max_size=3),
        values | st.sampled_from(["power", "exponential", "uniform"]),
    )
)
def test_any_table_gives_frequencies_or_an_error(spec):
    try:
        p = frequencies(spec, ABC)
    except ScenarioError as error:
        assert "\n" not in str(error)
    else:
        assert p.shape == (3,)
        assert np.all(np.isfinite(p) & (p >= 0))
