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


@st.composite
def intervened(draw: st.DrawFn) -> Scenario:
    """Random graphs with random interventions, often at the same moment."""
    skills = draw(skill_tables(most=6))
    names = list(skills)
    steps = draw(st.sampled_from([50, 1000]))
    items = []
    for k in range(draw(st.integers(1, 4))):
        item: dict[str, Any] = {}
        if draw(st.booleans()):
            item["at"] = draw(st.sampled_from([0, steps, 2 * steps, steps // 2, 0.3 * steps, 7.25]))
        else:
            level = draw(st.sampled_from([0.0, 0.2, 0.5, 0.9, 0.99]))
            item["when"] = f"{draw(st.sampled_from(names))} > {level}"
        some = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        kind = draw(st.sampled_from(["frequency", "rate", "wasted", "freeze", "unfreeze", "add"]))
        if kind == "frequency":
            value = draw(st.sampled_from([0.0, 0.5, 2.0]))
            item["set"] = {f"skills.{some[0]}.frequency": value}
        elif kind in ("rate", "wasted"):
            item["set"] = {f"pool.{kind}": draw(st.sampled_from([0.005, 0.05]))}
        elif kind == "add":
            new: dict[str, Any] = {"frequency": 1.0}
            if draw(st.booleans()):
                new["requires"] = " and ".join(some)
            if draw(st.booleans()):
                new["level"] = draw(st.sampled_from([0.3, 0.999]))
            item["add"] = {f"new{k}": new}
            names.append(f"new{k}")
        else:
            item[kind] = some
        items.append(item)
    return Scenario.from_dict(
        {
            "steps": steps,
            "mastery": draw(st.sampled_from([0.5, 0.9, 0.99])),
            "loss": draw(st.sampled_from(["mse", "ce"])),
            "pool": {
                "law": draw(st.sampled_from(["sum", "norm", "constant", "domino"])),
                "rate": draw(st.sampled_from([1e-2, 0.1])),
                "wasted": draw(st.sampled_from([1e-3, 0.1])),
            },
            "gate": {"leak": draw(st.sampled_from([0.0, 0.0, 0.1]))},
            "record": {"points": 9},
            "skills": skills,
            "interventions": items,
        }
    )


@st.composite
def modular(
    draw: st.DrawFn, laws: tuple[str, ...] = ("sum", "norm", "constant")
) -> Scenario:
    """Hard gates that cross between two or three modules."""
    skills = draw(skill_tables(most=7))
    count = draw(st.integers(2, 3))
    places = [draw(st.integers(0, count - 1)) for _ in skills]
    members: dict[int, list[str]] = {}
    for name, place in zip(skills, places, strict=True):
        members.setdefault(place, []).append(name)
    return Scenario.from_dict(
        {
            "steps": draw(st.sampled_from([100, 2000])),
            "mastery": draw(st.sampled_from([0.5, 0.9, 0.99])),
            "loss": draw(st.sampled_from(["mse", "ce"])),
            "pool": {
                "law": draw(st.sampled_from(laws)),
                "rate": draw(st.sampled_from([1e-2, 0.1])),
                "wasted": draw(st.sampled_from([1e-3, 0.1])),
            },
            "gate": {"leak": draw(st.sampled_from([0.0, 0.05]))},
            "record": {"points": 11},
            "skills": skills,
            "modules": {
                f"m{place}": {"skills": names, "share": draw(st.sampled_from([0.1, 0.3]))}
                for place, names in members.items()
            },
        }
    )
