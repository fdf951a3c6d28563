"""Sweeps that several tests use."""

from __future__ import annotations

from typing import Any

import pytest

from domino_sim.cli import main

#: The 7-skill graph of Fig. 17 with hard gates, quick by any engine.
HARD: dict[str, Any] = {
    "title": "hard", "steps": 9000, "graph": "two-pairs", "pool": {"rate": 1e-3},
    "record": {"points": 5},
}  # fmt: skip

#: A gradient run that takes no time.
RUN: dict[str, Any] = {
    "title": "run", "steps": 40, "record": {"points": 5}, "seeds": 2,
    "model": {"kind": "geometry", "n_dim": 30}, "optimizer": {"name": "sgd", "lr": 0.1},
    "noise": 0.01, "skills": {"A": {}, "B": {"frequency": 0.5}},
    "mixtures": {"plain": {}, "even": {"B": 1.0}},
}  # fmt: skip


def command(capsys, *args: str) -> tuple[int, str, str]:
    """Return the exit code of ``domino-sim sweep``, and what it wrote to both streams."""
    with pytest.raises(SystemExit) as ended:
        main(["sweep", *args])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err
