"""Perceptron runs for the tests, and the state of their problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from domino_sim.gradient import mlp
from domino_sim.gradient.mlp import MlpRuns
from domino_sim.gradient.run import Run
from domino_sim.gradient.streams import Streams

PARITY: dict[str, Any] = {
    "steps": 100,
    "batch_size": 40,
    "dtype": "float64",
    "model": {"kind": "mlp", "task": "parity", "n_bits": 6, "hidden": [8], "held_out": 50},
    "optimizer": {"name": "adam", "lr": 0.01},
    "skills": {"A": {"bits": [0, 1]}, "B": {"bits": [2, 3]}, "AB": {"requires": "A and B"}},
}
POWERS: dict[str, Any] = {
    "steps": 100,
    "dtype": "float64",
    "model": {
        "kind": "mlp", "task": "powers", "samples": 50, "hidden": [10, 8], "activation": "silu"
    },
    "optimizer": {"name": "adam", "lr": 5e-4},
    "skills": {"often": {"power": 2, "frequency": 0.9}, "rare": {"power": 3, "frequency": 0.1}},
}  # fmt: skip
ADDITION: dict[str, Any] = {
    "steps": 100,
    "loss": "ce",
    "dtype": "float64",
    "model": {"kind": "mlp", "task": "addition", "modulus": 5, "embedding": 4, "hidden": [20]},
    "optimizer": {"name": "adamw", "lr": 0.01, "weight_decay": 0.03},
    "skills": {"train": {"share": 0.8}, "test": {"share": 0.2, "frequency": 0.0}},
}


def run_of(base: Mapping[str, Any], **overrides: Any) -> Run:
    """Return the run of `base` with new values by key path, with ``__`` for a dot."""
    changes = {key.replace("__", "."): value for key, value in overrides.items()}
    return Run.from_dict(base, overrides=changes)


def built(run: Run, members: slice = slice(None)) -> MlpRuns:
    """Return some of the runs of a file as one problem."""
    chosen = run.members()[members]
    streams = [Streams.from_seed(member.seed) for member in chosen]
    return mlp.build(run, chosen, streams, torch.device("cpu"), getattr(torch, run.dtype))
