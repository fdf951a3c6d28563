"""Settings all tests share."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Workers side by side, and the processes they start, have a thread each: more of them would only
# wait for one another. Read when NumPy and Torch are imported, which is later than this.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

# Strategies live beside the tests that use them.
sys.path.insert(0, str(Path(__file__).parent / "engines"))

settings.register_profile(
    "suite", deadline=None, derandomize=True, print_blob=True, max_examples=50
)
settings.load_profile("suite")


#: Files that take longest: they begin first, so that workers that are given whole files end
#: together (``--no-loadscope-reorder``: by default those with the fewest tests would come last).
LONG = (
    "test_inference_recovery.py", "test_sweep_processes.py", "test_published_runs.py",
    "test_infer_frequencies.py", "test_benchmarks.py", "test_validation_figures.py",
    "test_interventions.py", "test_cli_infer.py", "test_calibration_reference.py",
    "test_training.py", "test_docs.py", "test_mlp.py", "test_readme.py", "test_cli_calibrate.py",
    "test_sweep_dask.py", "test_plot_calibration.py", "test_storage.py", "test_cli.py",
    "test_inference_odd_curves.py", "test_cli_train.py", "test_events.py",
    "test_inference_pieces.py", "test_validation_scaling.py", "test_packaging.py",
    "test_validation_running.py", "test_plot_modularity.py", "test_plot.py",
)  # fmt: skip


def pytest_collection_finish() -> None:
    """Look no more for garbage among what is imported, and not so often among the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of `LONG` first, in that order."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.name, len(LONG)))


@pytest.fixture
def sketched_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw figures that are saved once, small, and not laid out, which takes most of the time.

    How figures look is tested where they are made.
    """
    from matplotlib.figure import Figure

    save = Figure.savefig

    def sketch(figure: Figure, path: Any, **how: Any) -> None:
        figure.set_layout_engine("none")
        save(figure, path, **{**how, "dpi": 30})

    monkeypatch.setattr(Figure, "savefig", sketch)


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save an empty figure in place of each: for tests of what is written and said.

    Figures are drawn where they are made (``test_plot*``), for any names and numbers.
    """
    from matplotlib.figure import Figure

    save = Figure.savefig

    def blank(figure: Figure, path: Any, **how: Any) -> None:
        save(Figure(figsize=(1, 1)), path, **{**how, "dpi": 30})

    monkeypatch.setattr(Figure, "savefig", blank)
