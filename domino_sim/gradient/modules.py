"""Modules of a network: which skills, and which of the parameters, each has. Needs no Torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domino_sim.errors import ScenarioError
from domino_sim.gradient.tables import Geometry
from domino_sim.scenario.crosschecks import ROUNDING, check_members
from domino_sim.scenario.places import Place

if TYPE_CHECKING:
    from domino_sim.gradient.run import Run

__all__ = ["Support", "supports_of"]


class Support(NamedTuple):
    """Skills of the geometry model (their numbers), and from where to where their parameters go."""

    skills: tuple[int, ...]
    parameters: tuple[int, int]

    @property
    def n_dim(self) -> int:
        """How many parameters they have."""
        return self.parameters[1] - self.parameters[0]


def supports_of(run: Run) -> list[Support]:
    """Return the modules of a geometry run; one with everything if the file names none.

    Raises
    ------
    ScenarioError
        If they do not have each skill once, a share is no parameter, or orthogonal task vectors do
        not fit.

    Examples
    --------
    >>> from domino_sim.gradient.run import Run
    >>> run = Run.from_dict({"model": {"kind": "geometry", "n_dim": 10, "modules": {
    ...     "left": {"skills": ["A"], "share": 0.3}, "right": {"skills": ["B"], "share": 0.7}}},
    ...     "optimizer": {"lr": 1e-3}, "skills": {"A": {}, "B": {}}})
    >>> [support.parameters for support in supports_of(run)]
    [(0, 3), (3, 10)]
    """
    model, place, names = run.model, Place(run.where), run.names
    assert isinstance(model, Geometry)
    if not model.modules:
        return [Support(tuple(range(len(names))), (0, model.n_dim))]
    check_members(model.modules, run.skill_graph(), place, "model", "modules")
    found, start = [], 0
    for title, module in model.modules.items():
        count = int(module.share * model.n_dim + ROUNDING)
        where = place.of("model", "modules", title, "share")
        if not count:
            raise ScenarioError(
                f"a share of {module.share:g} is none of {model.n_dim} parameters", where=where,
                expected=f"a share ≥ {1 / model.n_dim:g}",
            )  # fmt: skip
        if model.vectors == "orthogonal" and count < len(module.skills):
            raise ScenarioError(
                f"{len(module.skills)} orthogonal task vectors do not fit into {count} parameters",
                where=where, expected="a larger share, or vectors = 'random'",
            )  # fmt: skip
        skills = tuple(names.index(name) for name in module.skills)
        found.append(Support(skills, (start, start + count)))
        start += count
    return found
