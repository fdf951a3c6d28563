"""What is said of a search and of what it was told, beside the graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from domino_sim.inference.curve_table import several
from domino_sim.inference.evidence import BAD_FIT, SUREST
from domino_sim.inference.forms import Form
from domino_sim.inference.prior import Prior
from domino_sim.inference.proposals import allowed_by
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study

__all__ = [
    "AGAINST", "against_prior", "by_how_much", "doubted", "farthest", "of_unknown",
    "without_skills",
]  # fmt: skip

#: How what is said of required edges begins that the curves speak against.
AGAINST = "prior knowledge requires "

#: The least mastery that is tried: what has begun before that was reached did not wait for it.
_MASTERY = 0.7


def doubted(study: Study, *doubts: tuple[bool, str]) -> Study:
    """Return a study with what is said of each doubt that there is; no edge is sure then."""
    for doubt, told in doubts:
        if doubt:
            # One skill alone has no edge that could be sure.
            remarks = study.remarks if len(study.skills) == 1 else (*study.remarks, told)
            study = replace(study, surest=min(study.surest, SUREST), remarks=remarks)
    return study


def without_skills(study: Study, prior: Prior) -> Study:
    """Return a study that says which required edges are not there, for want of a skill."""
    told = [
        f"{AGAINST}{prior.names[j]} for {prior.names[i]}: no such edge, for "
        f"{several(out)} {'is' if len(out) == 1 else 'are'} left out"
        for i, prerequisites in enumerate(prior.required)
        for j in sorted(prerequisites)
        if (out := [prior.names[k] for k in (j, i) if prior.names[k] in study.left_out])
    ]
    return replace(study, remarks=(*study.remarks, *told))


def against_prior(
    study: Study, structure: Structure, required: Sequence[Sequence[int]]
) -> Study:
    """Return a study that says which required edges the curves speak against, if nothing fits.

    Parameters
    ----------
    structure
        The best graph under gates, on nodes.
    required
        Of each skill, what prior knowledge says that it needs.
    """
    nodes = structure.records
    if structure.error < BAD_FIT * nodes.values:
        return study
    form, free = structure.courses.form, np.zeros((len(required),) * 2, dtype=bool)
    ready = allowed_by(nodes, Form("hard", _MASTERY, form.loss), free, required, 1).ready
    told = []
    for i, prerequisites in enumerate(required):
        for j in prerequisites:
            if not ready[j, i].all():
                runs = several(study.runs[r] for r in np.flatnonzero(~ready[j, i]))
                told.append(
                    f"{AGAINST}{study.skills[j]} for {study.skills[i]}, which "
                    f"begins before that is learned in {runs}: no graph with this edge was found "
                    "to fit"
                )
    return replace(study, remarks=(*study.remarks, *told))


def farthest(study: Study, whole: Structure) -> str:
    """Say which curve the model is farthest from."""
    residual, _ = whole.residuals(whole.tau)
    order = list(whole.gates)
    count = (whole.records.weight > 0.0).sum(axis=1).T[order]
    each = np.einsum("irk,irk->ir", residual, residual) / np.maximum(count, 1)
    i, r = np.unravel_index(each.argmax(), each.shape)
    return (
        f"; the farthest off is {study.skills[order[i]]!r} in {study.runs[r]!r} (χ² "
        f"{each[i, r]:.3g} a level)"
    )


def by_how_much(study: Study, misfit: float) -> str:
    """Say what a model of networks leaves, where that is more than noise."""
    if misfit < BAD_FIT:
        return ""
    return (
        f"; it misses levels by {study.sigma * math.sqrt(misfit):.2g}, where noise is "
        f"{study.sigma:.2g}, and pairs that are not named are excluded by this model alone"
    )


def of_unknown(study: Study, *, serial: bool) -> list[str]:
    """Say in which runs mixtures are not known, and what is made of them."""
    if study.free is None:
        return []
    runs = np.flatnonzero(study.free.any(axis=1))
    every = len(runs) == len(study.runs) > 1
    names = "every run" if every else several(study.runs[r] for r in runs)
    what = "the mixture" if study.free[runs].all() else "part of the mixture"
    told = (
        "what it serves tells what was open, but not what was closed"
        if serial
        else "it is fitted with the clock and the graph; frequencies of one run are taken to "
        "differ by about a factor of e, and under soft gates no probability is above 0.89 for that"
    )
    return [f"{what} of {names} is not known: {told}"]
