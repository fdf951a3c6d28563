"""What the modules and interventions of a scenario say of its skills, checked against them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from domino_sim.errors import ScenarioError, nearest_name
from domino_sim.scenario.places import Names, Place
from domino_sim.wording import shown

if TYPE_CHECKING:
    from domino_sim.scenario.interventions import Change
    from domino_sim.scenario.scenario import Scenario
    from domino_sim.scenario.tables import Module, Pool


#: How far the shares of modules or pairs may pass 1 by rounding.
ROUNDING = 1e-9


def check_interventions(scenario: Scenario, names: Names, place: Place) -> None:
    """Raise ScenarioError if an intervention names an unknown skill or an unused pool key."""
    for i, intervention in enumerate(scenario.interventions):
        for key, frozen in (("freeze", intervention.freeze), ("unfreeze", intervention.unfreeze)):
            for j, name in enumerate(frozen):
                place.know(name, names, "interventions", i, key, j)
        if intervention.trigger.kind == "when":
            place.know(intervention.trigger.skill, names, "interventions", i, "when")
        for written, change in zip(intervention.set, intervention.changes, strict=True):
            path = ("interventions", i, "set", written)
            if change.skill is not None:
                place.know(change.skill, names, *path)
            else:
                _check_pool_change(change, scenario.pool, place.of(*path))


def _check_pool_change(change: Change, pool: Pool, where: str) -> None:
    # The pool goes on as it began: by rate or by lr, by wasted or by noise.
    used = {
        "rate": "lr" if pool.lr is not None else "rate",
        "lr": "rate" if pool.was_given("rate") else "lr",
        "wasted": "noise" if pool.noise is not None else "wasted",
        "noise": "wasted" if pool.was_given("wasted") else "noise",
    }[change.key]
    if used != change.key:
        raise ScenarioError(f"the scenario gives pool.{used}", where=where, expected=f"pool.{used}")
    if change.key in ("lr", "noise") and pool.n_dim is None:
        raise ScenarioError("pool.n_dim is not given", where=where, expected="pool.n_dim too")
    if change.key == "noise" and pool.law != "norm":
        raise ScenarioError(
            f"noise with the law {pool.law!r}", where=where, expected="pool.wasted, or law = 'norm'"
        )


def module_of_each(
    scenario: Scenario, names: tuple[str, ...], base_count: int, place: Place
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.int64]]:
    """Return the modules' names, their shares, and the index of each skill's module.

    Raises
    ------
    ScenarioError
        If a skill is unknown, in no module or in two, or the shares add up to more than 1.
    """
    modules = scenario.modules
    of_added = _modules_of_added(scenario, place)
    if not modules:
        return ("all",), np.ones(1), np.zeros(len(names), dtype=np.int64)
    found = check_members(modules, dict.fromkeys(names[:base_count]), place, "modules")
    found |= of_added
    titles = tuple(modules)
    shares = np.array([module.share for module in modules.values()])
    order = {title: m for m, title in enumerate(titles)}
    return titles, shares, np.array([order[found[name]] for name in names], dtype=np.int64)


def check_members(
    modules: Mapping[str, Module], names: Names, place: Place, *path: str
) -> dict[str, str]:
    """Return the module of each skill; modules stand at `path` of the file.

    Raises
    ------
    ScenarioError
        If a skill is unknown, in no module or in two, or the shares add up to more than 1.
    """
    found: dict[str, str] = {}
    for title, module in modules.items():
        for j, name in enumerate(module.skills):
            here: tuple[str | int, ...] = (*path, title, "skills", j)
            place.know(name, names, *here)
            if name in found:
                raise ScenarioError(
                    f"{shown(name)} is in the module {shown(found[name])} already",
                    where=place.of(*here),
                    expected="each skill in exactly one module",
                )
            found[name] = title
    for name in names:
        if name not in found:
            raise ScenarioError(
                f"{shown(name)} is in no module",
                where=place.of(*path),
                expected="each skill in exactly one module",
            )
    total = math.fsum(module.share for module in modules.values())
    if total > 1 + ROUNDING:
        raise ScenarioError(
            f"the shares add up to {total:g}", where=place.of(*path), expected="≤ 1"
        )
    return found


def _modules_of_added(scenario: Scenario, place: Place) -> dict[str, str]:
    modules = scenario.modules
    found: dict[str, str] = {}
    for i, intervention in enumerate(scenario.interventions):
        for name, skill in intervention.add.items():
            where = place.of("interventions", i, "add", name, "module")
            if skill.module is None:
                if modules:
                    raise ScenarioError(
                        "is missing", where=where, expected=f"one of {', '.join(modules)}"
                    )
            elif skill.module not in modules:
                raise ScenarioError(
                    f"there is no module {shown(skill.module)}",
                    where=where,
                    expected=f"one of {', '.join(modules)}" if modules else "no module key",
                    nearest=nearest_name(skill.module, modules),
                )
            else:
                found[name] = skill.module
    return found
