"""`compare_modularity`: the same skills as one pool, and in modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from domino_sim.errors import ArgumentError
from domino_sim.gradient.run import Run
from domino_sim.modularity.floor import time_with_floor
from domino_sim.modularity.misassignment import Cost, cost_of_errors
from domino_sim.modularity.partition import Partition, with_shares
from domino_sim.modularity.proposals import communities, components, each
from domino_sim.modularity.regime import regime_of
from domino_sim.modularity.requests import Request, requested
from domino_sim.modularity.result import Findings, dataset_of
from domino_sim.modularity.scaling import scaling_of
from domino_sim.modularity.simulated import loss_of, time_grid, total_time
from domino_sim.modularity.trained import check_trainable, compare_runs, trained_ways
from domino_sim.modularity.variants import base_of
from domino_sim.modularity.ways import Way, sampling_ways
from domino_sim.progress import Meter, NullMeter
from domino_sim.scenario import Scenario
from domino_sim.wording import shown

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["compare_modularity"]


def compare_modularity(
    scenario: Scenario | Run,
    partitions: Request | Sequence[Request] = "ladder",
    *,
    shares: str = "equal",
    modules: int | None = None,
    budget: float | None = None,
    scaling: bool = True,
    errors: bool = True,
    train: int = 0,
    seed: int = 0,
    meter: Meter | None = None,
) -> xr.Dataset:
    """Compare skills that share one pool with the same skills split into modules.

    Each way is simulated until all is mastered (`events` engine), whatever ``steps`` the scenario
    has. One pool is there three times: on the scenario's mixture, evenly sampled, and with balanced
    demands (``docs/modularity.md``).

    Parameters
    ----------
    scenario
        Without interventions and correlated tasks. Its own ``[modules]`` are one of the partitions.
        Or a run file (`load_run`), whose networks are trained and nothing is simulated: then
        `budget`, `scaling` and `errors` are not used, and `train` is its ``seeds`` unless given.
    partitions
        ``"ladder"`` (2, 4, 8, … modules, and one for each skill), ``"each"``, ``"components"``,
        ``"communities"``, ``"random"``, ``"wrong"`` (the slowest of several bad ones) or ``"all"``;
        the path of a TOML file with ``[modules]``; a mapping of modules, each a list of skills or a
        table with ``skills`` and ``share``; a `modularity.Partition`; or several of these.
    shares
        How parameters are shared where a partition does not say so: ``"equal"`` or ``"frequency"``.
    modules
        How many modules random and wrong partitions have; by default as many as the graph has
        components, or about √n.
    budget
        The step at which losses are compared; by default half of what one pool takes.
    scaling
        Whether total times are found for 4, 8, 16, … skills, too.
    errors
        Whether times with misassigned skills are found.
    train
        So many seeds of gradient runs (geometry model, SignGD; `constant`: SGD) of every way; needs
        Torch, and a pool with ``lr`` and ``n_dim``.
    seed
        Of random partitions and misassigned skills.
    meter
        Shows how far it is; by default nothing is shown.

    Returns
    -------
    xarray.Dataset
        By ``way``: ``all_mastered_at``, ``speed_up`` over one pool, ``with_floor`` (all mastered,
        with the step-size floor of SignGD), ``slower_until`` (the step up to which its loss is
        above that of one pool), ``loss_at_budget``, ``modules``, ``crossing`` (dependencies between
        modules);
        ``mastered_at`` and ``module`` (way, skill); ``loss`` (way, step); where asked for,
        ``scaling_time`` (scaled, size) with ``exponent``, its interval and ``slope_first``,
        ``slope_last`` (scaled); ``wrong_time`` (kind, fraction), ``wrong_ratio`` (kind, skew,
        fraction); ``trained_…``. Attributes: ``regime``, ``regime_text``, ``regime_rule``,
        ``remarks`` (JSON) and more. `modularity.summarise` makes plain numbers of it.

    Raises
    ------
    ArgumentError, FileError, ScenarioError
        What cannot be compared, by name: a skill in two modules or in none, an empty module, more
        modules than parameters, shares that add up to more than 1.

    Examples
    --------
    >>> ds = compare_modularity(Scenario.from_dict({
    ...     "graph": {"family": "independent", "n": 16}, "pool": {"law": "sum", "rate": 0.01}}),
    ...     errors=False)
    >>> ds.speed_up.sel(way=["2 modules", "4 modules", "a module each"]).values.round(3)
    array([1.414, 2.   , 4.   ])
    >>> ds.attrs["regime"]
    'n'
    """
    meter = meter or NullMeter()
    if isinstance(scenario, Run):
        return compare_runs(
            scenario,
            partitions,
            shares=shares,
            modules=modules,
            seeds=train,
            seed=seed,
            meter=meter,
        )
    if not isinstance(scenario, Scenario):
        raise ArgumentError(
            f"The 'scenario' parameter of compare_modularity is a {type(scenario).__name__}",
            expected="a Scenario (load_scenario) or a Run (load_run)",
        )
    if budget is not None and not 0.0 <= budget < np.inf:
        raise ArgumentError(f"is {shown(budget)}", where="budget", expected="a step ≥ 0")
    one = base_of(scenario)
    graph, p = one.skill_graph(), one.frequency_array()
    asked = requested(
        partitions, graph, p.tolist(), given=scenario.to_dict().get("modules", {}),
        modules=modules, seed=seed,
    )  # fmt: skip

    def shared(partition: Partition, base: Scenario) -> Partition:
        frequency = dict(zip(base.names, base.frequency_array().tolist(), strict=True))
        return with_shares(partition, frequency, shares, base.pool.n_dim)

    ways = [*sampling_ways(one), *(Way(x.title, one, shared(x, one)) for x in asked.partitions)]
    wrong = [Way(x.title, one, shared(x, one)) for x in asked.wrong]
    if train:
        check_trainable([*ways, *wrong])
    remarks = [*asked.remarks, *_about_runs(one, train)]
    if wrong:
        worst = max(wrong, key=lambda way: total_time(way.mastery()))
        if same := _same(worst, ways):
            remarks.append(f"{worst.title}: the same as {shown(same)}")
        else:
            ways.append(worst)
    mastery = [way.mastery() for way in ways]
    totals = np.array([total_time(at) for at in mastery])
    last = np.nanmax([np.nanmax(at, initial=0.0) for at in mastery])
    steps = time_grid(1.02 * float(last))
    loss = np.array([
        loss_of(_levels(way, steps, total), p, one.loss)
        for way, total in zip(ways, totals, strict=True)
    ])  # fmt: skip
    cost = None
    if errors and np.isfinite(totals[0]):
        cost = _cost(one, asked.right, shared, seed, meter)
    found = Findings(
        ways=ways,
        mastered_at=np.array(mastery),
        totals=totals,
        floored=np.array([time_with_floor(way) for way in ways]),
        steps=steps,
        loss=loss,
        regime=regime_of(ways[0], float(totals[0])),
        rule=shares,
        budget=budget,
        remarks=remarks,
        scaling=scaling_of(one, shares, meter) if scaling else None,
        cost=cost,
    )
    ds = dataset_of(found)
    if train:
        ds = ds.merge(trained_ways(ways, totals, train, meter), combine_attrs="no_conflicts")
    return ds


def _levels(way: Way, steps: np.ndarray, total: float) -> np.ndarray:
    """Return levels (steps, n_skills); long after all is mastered they stay as they are."""
    near = steps[: max(int(np.searchsorted(steps, 2.0 * total)), 2)]
    level = way.levels(near)
    return np.concatenate([level, np.repeat(level[-1:], len(steps) - len(near), axis=0)])


def _same(way: Way, others: Sequence[Way]) -> str | None:
    """Return the title of the way that has the same modules and shares."""

    def what(one: Way) -> object:
        part = one.partition
        return part and {frozenset(skills): part.shares[m] for m, skills in part.modules.items()}

    return next((other.title for other in others if what(other) == what(way)), None)


def _about_runs(one: Scenario, train: int) -> list[str]:
    """Return what gradient runs are of a law that no optimiser has."""
    if not train or one.pool.law not in ("sum", "domino"):
        return []
    return [f"no optimiser has the law {one.pool.law}: the gradient runs are of SignGD ('norm')"]


def _cost(
    one: Scenario,
    given: Partition | None,
    shared: Callable[[Partition, Scenario], Partition],
    seed: int,
    meter: Meter,
) -> Cost | None:
    """Return the cost of errors about the partition that counts as right.

    That is the one that was given; else the fastest of the components and the communities, or,
    without dependencies, a module for each skill. None where that is more modules than parameters.
    """
    graph = one.skill_graph()
    right = given
    if right is None:
        proposed = [components(graph), communities(graph)] if graph.number_of_edges() else []
        split = [x for x in proposed if x.count > 1] or [each(list(graph))]
        split = [x for x in split if 1 < x.count <= (one.pool.n_dim or len(graph))]
        if not split:
            return None
        right = min(split, key=lambda x: total_time(Way("", one, shared(x, one)).mastery()))
    return cost_of_errors(one, right, shared, seed=seed, meter=meter)
