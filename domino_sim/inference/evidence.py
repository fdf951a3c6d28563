"""How sure each edge is, which runs say so, and what cannot be told from these runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.gates import ancestors
from domino_sim.inference.odds import FOUND, Odds
from domino_sim.inference.proposals import Allowed, Scored
from domino_sim.inference.rates import costs, fit
from domino_sim.inference.rating import exchange
from domino_sim.inference.response import Response
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = [
    "BAD_FIT", "EXCLUDED", "FOUND", "IMPLIED", "NOISY", "OTHERS", "POSSIBLE", "SHOWS", "STOPPED",
    "SUREST", "UNDECIDED", "UNSEEN", "Edge", "weigh",
]  # fmt: skip

#: From this probability an edge counts as possible.
POSSIBLE = 0.05

#: χ² a level above which a fit is bad, and the most that an edge's probability can be then (the
#: model is wrong, or the search has not come near the best graph) and with one run alone, where
#: other clocks let other graphs fit as well: nine in ten of the surest edges are real there.
BAD_FIT, SUREST = 1.5, 0.89

#: An edge that would cost less χ² than this is not excluded by the data.
EXCLUDED = 9.0

#: Newton's steps of the clock without an edge.
_STEPS = 10

#: An edge whose presence moves no level by more than this cannot be seen.
SHOWS = 0.05

#: Why an edge is not decided.
IMPLIED = "implied by others: it is a prerequisite of one"
UNSEEN = "never binding in these runs"
OTHERS = "other prerequisites explain these runs as well"
UNDECIDED = "the data do not decide"
NOISY = "too noisy, or too few records where it would show"
STOPPED = "the search was stopped before it was weighed"


@dataclass(frozen=True)
class Edge:
    """An edge that is there or may be.

    Attributes
    ----------
    prerequisite, dependent
        Indices of skills.
    probability
        That it is there, in [0, 1].
    status
        ``found``, ``possible`` or ``undetermined``.
    reason
        Why it is not decided; empty for a found edge.
    gain
        How much less χ² is with it than without it; below 0 where it speaks against it. The clock
        answers: of an edge of the graph whole, of others to first order.
    by_run : (runs,) array
        The same by run.
    """

    prerequisite: int
    dependent: int
    probability: float
    status: str
    reason: str
    gain: float
    by_run: Floats


def weigh(
    structure: Structure,
    scored: Mapping[int, Scored],
    odds: Odds,
    allowed: Allowed,
    *,
    most: float = 1.0,
) -> list[Edge]:
    """Return all edges that are found, possible or cannot be told.

    Parameters
    ----------
    structure
        The graph that is told of, on the records that `scored` was reckoned with.
    scored
        Of each skill, gates and their scores (χ² and the price of edges).
    odds
        How likely gates are.
    allowed
        What prior knowledge forbids, and requires.
    most
        The most that a probability can be.
    """
    edges, scale = [], odds.scale
    alone = structure.records.runs == 1
    surest = min(SUREST, most) if alone or scale >= BAD_FIT else most
    response, now = Response(structure), costs(structure)
    for skill, gate in structure.gates.items():
        if skill not in scored:
            edges += [
                _unweighed(structure, skill, j, sure=j in allowed.required[skill])
                for j in gate.skills
            ]
            continue
        probability = odds.prerequisites(skill, scored[skill])
        instead = odds.instead(scored[skill], gate)
        above = ancestors(structure.gates, skill)
        cut = structure.descendants(skill)
        for j in structure.gates:
            if j in cut or allowed.forbidden[j, skill]:
                continue
            p = 1.0 if j in allowed.required[skill] else min(probability.get(j, 0.0), surest)
            if j in gate.skills:
                edges.append(_present(structure, now, skill, j, p, scale))
                continue
            share, other = instead.get(j, (0.0, gate))
            if p < FOUND and share >= POSSIBLE:
                errors = response.errors(skill, [gate, other])
                by_run = (errors[0] - errors[1]) / scale
                edges.append(Edge(j, skill, p, "possible", OTHERS, float(by_run.sum()), by_run))
            elif len(gate.skills) < allowed.most or p >= FOUND:
                edge = _absent(
                    structure, skill, j, p, j in above, odds, response, scored[skill]
                )
                if edge is not None:
                    edges.append(edge)
    return edges


def _unweighed(structure: Structure, skill: int, j: int, *, sure: bool) -> Edge:
    """Return an edge of a search that was stopped before other gates were weighed."""
    nothing = np.zeros(structure.records.runs)
    if sure:
        return Edge(j, skill, 1.0, "found", "", 0.0, nothing)
    return Edge(j, skill, 0.5, "possible", STOPPED, 0.0, nothing)


def _present(
    structure: Structure, now: Floats, skill: int, j: int, p: float, scale: float
) -> Edge:
    """Return an edge of the best graph, whose χ² in each run is `now`."""
    gate, other = structure.gates[skill], structure.copy()
    exchange(other, skill, Requires.of([k for k in gate.skills if k != j], gate.any))
    fit(other, _STEPS)
    by_run = (costs(other) - now) / scale
    status = "found" if p >= FOUND else "possible" if p >= POSSIBLE else "undetermined"
    reason = "" if status == "found" else OTHERS
    return Edge(j, skill, p, status, reason, float(by_run.sum()), by_run)


def _absent(
    structure: Structure, skill: int, j: int, p: float, implied: bool, odds: Odds,
    response: Response, scored: Scored,
) -> Edge | None:  # fmt: skip
    """Return an edge that is not in the best graph, if the data do not exclude it."""
    gate = structure.gates[skill]
    wider = [Requires.of((*gate.skills, j), gate.any and len(gate.skills) > 1)]
    if len(gate.skills) == 1:
        wider.append(Requires.of((*gate.skills, j), True))
    errors = response.errors(skill, [gate, *wider])
    best = int(np.argmin(errors[1:].sum(axis=1)))
    by_run = (errors[0] - errors[1 + best]) / odds.scale
    gain = float(by_run.sum())
    # Where it was judged whole it may cost more than it seems to first order.
    whole = scored.score_of(gate) + odds.price - min(map(scored.score_of, wider))
    if p < POSSIBLE and (gain < -EXCLUDED or -math.inf < whole < -EXCLUDED * odds.scale):
        return None
    moved = _moved(structure, skill, wider[best])
    if p >= FOUND:
        return Edge(j, skill, p, "found", "", gain, by_run)
    if implied:
        status, reason = "undetermined", IMPLIED
    elif moved < SHOWS:
        status, reason = "undetermined", UNSEEN
    elif p >= POSSIBLE:
        status, reason = "possible", UNDECIDED
    else:
        status, reason = "undetermined", NOISY
    return Edge(j, skill, p, status, reason, gain, by_run)


def _levels(structure: Structure, skill: int, gate: Requires) -> Floats:
    courses, tau = structure.courses, structure.tau
    track = structure.track_of(skill, gate)
    return courses.levels(skill, track, tau, courses.place(tau))[0]


def _moved(structure: Structure, skill: int, gate: Requires) -> float:
    """Return the most that another gate moves a level of the skill."""
    before = _levels(structure, skill, structure.gates[skill])
    return float(np.abs(_levels(structure, skill, gate) - before).max(initial=0.0))
