"""Sweeps that several tests use."""

from __future__ import annotations

from typing import Any

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
