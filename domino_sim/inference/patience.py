"""How long a search goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Patience"]

#: Graphs that are judged whole, for each skill.
_JUDGED = 25


@dataclass
class Patience:
    """How many more graphs are judged whole when gates are changed, or skills put in.

    Ten a skill is much in the ordinary case; a search that is lost would go on for minutes. What is
    judged on the way (`reconsidered`) is not counted.
    """

    left: float = math.inf

    @classmethod
    def with_skills(cls, skills: int) -> Patience:
        """Return what a graph of so many skills may take."""
        return cls(_JUDGED * skills)
