"""Something unrelated in place of what is left out, where gates wait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_planning import decided, inferred, left, saved

from domino_sim import design_mixtures
from domino_sim.errors import DominoError


def test_a_stranger_among_gates_is_planned_with_and_never_in_doubt(tmp_path: Path) -> None:
    edges = {("A", "B"): (0.6, "found"), ("X", "B"): (0.4, "possible")}
    folder = saved(inferred("A B X", edges, {"B": "A"}), tmp_path)
    for stranger, names in (("noise", [*"ABX", "noise"]), ("X", [*"ABX"])):
        plan = design_mixtures(folder, 2, stranger=stranger)
        assert plan.mixtures["skill"].values.tolist() == names
        assert decided(plan) | set(left(plan)) == {pair for pair in edges if stranger not in pair}
        p = plan.mixtures.sel(skill=stranger).values
        others = plan.mixtures.drop_sel(skill=stranger).values
        np.testing.assert_allclose(p, (others == 0.0).mean(axis=1))
    with pytest.raises(DominoError, match="stranger: is 'T1', the name of a skill"):
        design_mixtures("two-pairs", stranger="T1")
