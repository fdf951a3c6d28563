"""Onsets as a report keeps them, so that next runs can be planned from its file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.networks.onsets import Onsets
from domino_sim.levels import Floats

__all__ = ["kept_onsets", "read_onsets"]


def kept_onsets(
    runs: Sequence[str], skills: Sequence[str], at: Floats, last: Floats, rules: Rules
) -> dict[str, Any]:
    """Return what a report says: steps of onsets (None where never), last steps, what was ruled."""

    def table(values: Floats) -> dict[str, dict[str, float | None]]:
        return {
            run: {
                name: round(float(step), 3) if np.isfinite(step) else None
                for name, step in zip(skills, row, strict=True)
            }
            for run, row in zip(runs, values, strict=True)
        }

    n = len(skills)
    forbidden = rules.forbidden & ~np.eye(n, dtype=bool)
    return {
        "onsets": table(at),
        "last_steps": table(last),
        "rules": {
            "most_prerequisites": rules.most,
            "forbidden": [[skills[j], skills[i]] for j, i in np.argwhere(forbidden).tolist()],
            "required": [[skills[j], skills[i]] for i in range(n) for j in rules.required[i]],
        },
    }


def read_onsets(report: Mapping[str, Any]) -> tuple[tuple[str, ...], Onsets, Rules]:
    """Return skills, onsets and rules from a report that was checked (`checked.check_report`)."""
    model, mixtures = report["model"], report["mixtures"]
    skills = tuple(next(iter(mixtures.values())))
    place = {name: i for i, name in enumerate(skills)}

    def rows(table: Mapping[str, Mapping[str, float | None]]) -> Floats:
        return np.array(
            [
                [np.inf if (x := table[run][name]) is None else x for name in skills]
                for run in mixtures
            ]
        )

    forbidden = np.zeros((len(skills), len(skills)), dtype=bool)
    for a, b in model["rules"]["forbidden"]:
        forbidden[place[a], place[b]] = True
    required: list[list[int]] = [[] for _ in skills]
    for a, b in model["rules"]["required"]:
        required[place[b]].append(place[a])
    rules = Rules.of(len(skills), forbidden, required, model["rules"]["most_prerequisites"])
    onsets = Onsets.of(rows(model["onsets"]), rows(model["last_steps"]), rows(mixtures))
    return skills, onsets, rules
