"""Something unrelated in place of what is left out, where gates wait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_planning import decided, inferred, left, saved

from domino_sim import design_mixtures
from domino_sim.errors import DominoError
from domino_sim.inference.remarks import AGAINST


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


def test_what_was_found_of_a_stranger_is_said_to_count_for_nothing(tmp_path: Path) -> None:
    edges = {("A", "B"): (0.6, "found"), ("X", "B"): (0.7, "found"), ("A", "X"): (0.2, "possible")}
    table = inferred("A B X", edges, {"B": "A and X"})
    folder = saved(table, tmp_path)
    (told,) = design_mixtures(folder, 1, stranger="X").report["remarks"]
    assert "X is taken as a stranger" in told and "found X → B:" in told
    assert not design_mixtures(folder, 1, stranger="noise").report["remarks"]
    # What an inference says of the prior knowledge that it was made with goes for its plans, too.
    table["remarks"] = ["one run only", AGAINST + "X for B"]
    plan = design_mixtures(saved(table, tmp_path), 1)
    assert plan.report["remarks"] == [AGAINST + "X for B"]
