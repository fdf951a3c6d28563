"""What is said of a search and of what it was told, beside the graph."""

from __future__ import annotations

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

__all__ = ["AGAINST", "against_prior", "doubted", "without_skills"]

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
