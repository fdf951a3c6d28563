"""The main numbers of gradient runs, as plain values."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from domino_sim.curves import mastered_at

__all__ = ["summarise_training"]


def summarise_training(curves: xr.Dataset) -> dict[str, Any]:
    """Return the main numbers of what `train` gave, ready for JSON.

    Returns
    -------
    dict
        title, model, optimizer, lr, version, steps, mastery; ``runs``, how many there are;
        ``diverged``, a table of the runs that did, each with its step; and ``mixtures``: for each
        its name, its runs and ``skills``: for each its skill, ``mastered`` (by how many of the
        mixture's runs that did not diverge), the ``earliest``, ``median`` and ``latest`` step of
        mastery (the median counts a run without mastery as later than any; null where it is such a
        run), the median ``final_level`` of runs that did not diverge, and, if the curves have
        ``predicted`` levels, the step ``predicted`` for its mastery (null: none within the run).
    """
    head = ("title", "model", "optimizer", "lr", "version", "steps", "mastery")
    at = mastered_at(curves, float(curves.attrs["mastery"])).values
    predicted = None
    if "predicted" in curves:
        mean = curves.drop_vars("level").rename(predicted="level")
        predicted = mastered_at(mean, float(curves.attrs["mastery"])).values
    diverged = curves["diverged_at"].values
    at[np.isfinite(diverged)] = np.nan  # what shot past mastery did not stay there
    mixtures = curves["mixture"].values
    tables = []
    for mixture in dict.fromkeys(mixtures.tolist()):
        rows = np.flatnonzero(mixtures == mixture)
        final = curves["level"].values[rows, -1]
        final = final[np.isnan(diverged[rows])]
        skills = [
            {
                "skill": name,
                **_times(at[rows, i]),
                **({} if predicted is None else {"predicted": _number(predicted[rows[0], i])}),
                "final_level": _number(np.median(final[:, i])) if len(final) else None,
            }
            for i, name in enumerate(curves["skill"].values.tolist())
        ]
        tables.append({"mixture": mixture, "runs": len(rows), "skills": skills})
    return {
        **{key: curves.attrs[key] for key in head},
        "runs": curves.sizes["run"],
        "diverged": {
            name: int(step)
            for name, step in zip(curves["run"].values.tolist(), diverged, strict=True)
            if np.isfinite(step)
        },
        "mixtures": tables,
    }


def _times(at: np.ndarray) -> dict[str, Any]:
    done = np.isfinite(at)
    late = np.sort(np.where(done, at, np.inf))
    middle = late[[(len(late) - 1) // 2, len(late) // 2]].mean()
    return {
        "mastered": int(done.sum()),
        "earliest": _number(late[0]),
        "median": _number(middle),
        "latest": _number(late[-1]),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
