"""Random scenarios for the engines' tests: graphs, gates, numbers, interventions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from domino_sim.scenario import Scenario

#: Numbers of ordinary size, as people write them; extremes have tests of their own.
frequencies = st.one_of(st.just(0.0), st.floats(1e-3, 5.0).map(lambda x: float(f"{x:.3g}")))


def gates(names: list[str]) -> st.SearchStrategy[str]:
    """Gate expressions over some of `names`: AND, OR, k-of, nested."""
    leaf = st.sampled_from(names)

    def compose(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        parts = st.lists(inner, min_size=2, max_size=3)
        return st.one_of(
            parts.map(lambda p: "(" + " and ".join(p) + ")"),
            parts.map(lambda p: "(" + " or ".join(p) + ")"),
            parts.map(lambda p: f"2 of ({', '.join(p)})"),
        )

    return st.recursive(leaf, compose, max_leaves=4)


@st.composite
def skill_tables(draw: st.DrawFn, most: int = 8, levels: bool = True) -> dict[str, Any]:
    """A `[skills]` table whose gates look back, so that there is no cycle."""
    count = draw(st.integers(1, most))
    table: dict[str, Any] = {}
    names: list[str] = []
    for i in range(count):
        skill: dict[str, Any] = {"frequency": draw(frequencies)}
        if names and draw(st.booleans()):
            skill["requires"] = draw(gates(names))
        if levels and draw(st.integers(0, 5)) == 0:
            skill["level"] = draw(st.sampled_from([0.1, 0.5, 0.9, 0.99, 0.999]))
        table[f"s{i}"] = skill
        names.append(f"s{i}")
    return table


@st.composite
def hard_scenarios(
    draw: st.DrawFn, laws: tuple[str, ...] = ("sum", "norm", "constant", "domino")
) -> Scenario:
    """A hard-gated scenario under any of `laws`, either loss, with or without leak."""
    return Scenario.from_dict(
        {
            "steps": draw(st.sampled_from([50, 1000, 20000])),
            "mastery": draw(st.sampled_from([0.5, 0.9, 0.99, 0.999])),
            "loss": draw(st.sampled_from(["mse", "ce"])),
            "pool": {
                "law": draw(st.sampled_from(laws)),
                "rate": draw(st.sampled_from([1e-3, 1e-2, 0.1])),
                "wasted": draw(st.sampled_from([0.0, 1e-3, 0.1])),
            },
            "gate": {"leak": draw(st.sampled_from([0.0, 0.0, 0.01, 0.3]))},
            "record": {"points": 7},
            "skills": draw(skill_tables()),
        }
    )
