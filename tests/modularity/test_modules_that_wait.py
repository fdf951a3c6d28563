"""A dependency between modules: nothing if the prerequisite is there, else one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modular_worlds import chains

from domino_sim.modularity import Partition
from domino_sim.modularity.partition import with_shares
from domino_sim.modularity.proposals import components
from domino_sim.modularity.simulated import mastery_times, total_time
from domino_sim.modularity.variants import in_modules
from domino_sim.modularity.ways import Way
from domino_sim.scenario import Scenario


def two(law: str, share: float, needs: bool, level: float = 0.0, wasted: float = 0.0) -> np.ndarray:
    """Return when A and B are mastered, each with a module of its own."""
    second = {"frequency": 0.2, **({"requires": "A"} if needs else {})}
    skills = {"A": {"frequency": 0.5, "level": level}, "B": second}
    pool = {"law": law, "rate": 0.01, "wasted": wasted}
    parts = Partition("two", {"left": ["A"], "right": ["B"]}, {"left": share, "right": 1 - share})
    return mastery_times(in_modules(Scenario.from_dict({"pool": pool, "skills": skills}), parts))


def alone(law: str, share: float, p: float, wasted: float) -> float:
    """Return the time of one skill with a pool of its own, in closed form."""
    if law == "domino":
        return 1.0 / (0.01 * share**0.5)
    if law == "sum":
        return 0.99 / (0.01 * share**0.5) + wasted * np.log(100.0) / (p * 0.01)

    # ∫ √(p² e^(−2pτ) + N₀²) dτ from u = 1 to 0.01, by x = p u: √(x² + N₀²)/(p x) dx.
    def primitive(x: float) -> float:
        root = np.hypot(x, wasted)
        return root - (wasted * np.arcsinh(wasted / x) if wasted else 0.0)

    return (primitive(p) - primitive(0.01 * p)) / (p * 0.01 * share**0.5)


LAWS = st.sampled_from(["sum", "norm", "domino"])


@given(LAWS, st.floats(0.05, 0.95))
def test_a_slow_prerequisite_serialises_the_modules(law: str, share: float) -> None:
    """B takes as long as it would alone, from the step at which A is mastered."""
    at = two(law, share, needs=True)
    first, second = alone(law, share, 0.5, 0.0), alone(law, 1 - share, 0.2, 0.0)
    assert at == pytest.approx([first, first + second], rel=1e-9)


@given(LAWS, st.floats(0.05, 0.95))
def test_an_instant_prerequisite_changes_nothing(law: str, share: float) -> None:
    level = 1.0 if law == "domino" else 0.99
    assert two(law, share, needs=True, level=level)[1] == two(law, share, needs=False)[1]


@pytest.mark.parametrize("law", ["sum", "norm"])
def test_with_waste_too(law: str) -> None:
    """N₀ of a module goes with √share, as η does: its own part of the time is that of one pool."""
    share, wasted = 0.3, 0.05
    parts = [share, 1.0 - share]
    at = two(law, share, needs=True, wasted=wasted)
    if law == "sum":
        first, second = (alone(law, s, p, wasted) for s, p in zip(parts, (0.5, 0.2), strict=True))
    else:
        first, second = (alone(law, s, p, wasted * s**0.5)
                         for s, p in zip(parts, (0.5, 0.2), strict=True))  # fmt: skip
    assert at == pytest.approx([first, first + second], rel=1e-6)


def times_of_chains(law: str, k: int, length: int) -> np.ndarray:
    """Return η T of k chains: one pool, a chain a module, a generation a module."""
    scenario = chains(k, length, law)
    p = dict.fromkeys(scenario.names, 1.0)
    generations = {
        str(g): [name for name in scenario.names if name[1:] == str(g)]
        for g in range(1, length + 1)
    }
    parts = (components(scenario.skill_graph()), Partition("across", generations))
    split = [with_shares(part, p, "equal", None) for part in parts]
    ways = [Way("", scenario, part) for part in (None, *split)]
    return 0.01 * np.array([total_time(way.mastery()) for way in ways])


@pytest.mark.parametrize(("k", "length"), [(4, 4), (2, 5), (4, 2)])
def test_chains_in_modules_of_their_own_gain(k: int, length: int) -> None:
    """k chains of L skills: k L/η in one pool, L √k/η with a module each (`domino`).

    With a module for each generation they pass through the modules as through a pipeline, which is
    full for most of the time: (k + L − 1) √L/η.
    """
    expected = [k * length, length * k**0.5, (k + length - 1) * length**0.5]
    assert times_of_chains("domino", k, length) == pytest.approx(expected)


@pytest.mark.parametrize(("k", "length"), [(4, 4), (2, 5)])
def test_a_pool_that_learns_side_by_side_leaves_the_next_module_waiting(
    k: int, length: int
) -> None:
    """Under `sum` all skills of a generation are mastered together: one module works at a time."""
    one, right, across = times_of_chains("sum", k, length)
    assert right == pytest.approx(one / k**0.5, rel=1e-3)
    assert across == pytest.approx(0.99 * k * length**1.5, rel=1e-6)


@pytest.mark.parametrize("law", ["sum", "norm"])
def test_a_chain_cut_into_modules_loses_by_the_root_of_their_number(law: str) -> None:
    scenario = chains(1, 9, law)
    each = Partition("each", {name: [name] for name in scenario.names})
    cut = with_shares(each, dict.fromkeys(scenario.names, 1.0), "equal", None)
    one, split = (total_time(Way("", scenario, part).mastery()) for part in (None, cut))
    assert split == pytest.approx(9 * 3 * 99.0)
    # In one pool a skill that is mastered but not perfect still takes a little.
    assert one == pytest.approx(9 * 99.0, rel=0.02)
