"""Earlier gates looked at again for a skill that nothing explains."""

from __future__ import annotations

from domino_sim.inference.building import ALIVE, Builder, Grown
from domino_sim.inference.reconsidering import reconsidered
from domino_sim.inference.structure import Structure

__all__ = ["contradicted", "reconsider"]

#: Skills, of those nearest to being explained, for which earlier gates are looked at again.
_RECONSIDERED = 2

#: Skills that are tried for it.
_TRIED = 4


def reconsider(tried: list[tuple[int, list[Grown]]], builder: Builder, clear: float) -> None:
    """Look at earlier gates again, for the skills that are nearest to being explained.

    Parameters
    ----------
    tried
        Skills and the structures with each, the nearest first; what is better is put in.
    builder
        What put them in.
    clear
        The most that a skill with the right gate adds (χ²).
    """
    for at, (skill, grown) in enumerate(tried[:_RECONSIDERED]):
        first = grown[0]
        before = first.structure.cost(builder.price)
        found = reconsidered(first.structure, builder.allowed, builder.price, builder.near)
        gain = before - found.cost(builder.price)
        if gain > 0.0:
            better = Grown(found, first.added - gain, first.total - gain)
            tried[at] = (skill, [better, *grown[: ALIVE - 1]])
            if better.added < clear:
                break


def contradicted(
    alive: list[Structure], skills: list[int], before: dict[int, list[Grown]], builder: Builder,
    clear: float,
) -> tuple[int, list[Grown]] | None:  # fmt: skip
    """Return one of `skills` that another earlier gate lets be explained, with it; or None.

    The known clock tests these skills, and no gate explains them. So what they need is still to
    come, or an earlier gate is wrong. A skill that nothing tests would be put in before them, for
    it fits all the same: with a wrong gate, if it needs one of them, and then nothing fits later.

    Parameters
    ----------
    alive, builder, clear
        The structures so far; what puts skills in; the most that one adds with the right gate (χ²).
    skills
        Which; a few of them are tried.
    before
        What they were tried with already.
    """
    tried = [(skill, before[skill]) for skill in skills if skill in before]
    for skill in [i for i in skills if i not in before][: max(_TRIED - len(tried), 0)]:
        grown = builder.grow(alive, skill, [], wide=False)
        if grown:
            tried.append((skill, grown))
    tried.sort(key=lambda one: one[1][0].added)
    reconsider(tried, builder, clear)
    return next((one for one in tried if one[1][0].added < clear), None)
