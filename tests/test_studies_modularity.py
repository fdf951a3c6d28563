"""The validation of modularity, quick: its pieces, and that its verdicts can fail."""

from __future__ import annotations

import numpy as np
import pytest

from validation.studies import modularity, modularity_gradient


def test_simulated_tables_are_right_and_say_so() -> None:
    rows = list(modularity._simulated(16))
    assert len(rows) == 9 and {row[-1] for row in rows} == {"ok"}
    assert modularity._fits("sum", 1.0, (1.0, 0.98, 0.5)) == "apart"
    assert modularity._fits("norm", 0.0, (0.52, 0.5, 0.5)) == "apart"
    assert modularity._fits("norm", 2.0, (0.55, 0.5, 0.5)) == "ok"
    (even, *_) = modularity._coefficients(16)
    assert even == ("0", "1", "1.0000", "(of 256)")


def test_gradient_runs_take_as_long_as_simulated() -> None:
    times = []
    for n in (4, 16):
        one, cut = modularity_gradient.ways_of(n, 1.0)
        times.append([np.median(modularity_gradient.trained_times(w, 1, 1.3)) for w in (one, cut)])
    slopes = np.log(np.array(times[1]) / times[0]) / np.log(4)
    assert slopes == pytest.approx([0.557, 0.5], abs=0.06)


def test_a_run_that_is_cut_short_is_never_done() -> None:
    one, _ = modularity_gradient.ways_of(4, 1.0)
    assert modularity_gradient.trained_times(one, 1, 0.2) == np.inf
