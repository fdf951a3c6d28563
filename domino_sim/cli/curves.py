"""``curves``: what was understood of files of learning curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from domino_sim.cli.output import check_folder, staged
from domino_sim.cli.reading import stem_of
from domino_sim.files import atomic_write

__all__ = ["show_curves"]

CURVE_FILES = ("figure.png", "curves.nc", "summary.json")


def show_curves(
    paths: Sequence[str], reading: Mapping[str, Any], out: Path | None, as_json: bool
) -> int:
    """Read curves, write what they are into a folder, say it, and return the exit code."""
    folder = out or Path("results") / f"curves-{stem_of(paths[0])}"
    check_folder(folder, CURVE_FILES)
    from domino_sim.cli.tables import print_curves
    from domino_sim.curves import save_curves
    from domino_sim.plot import learning_figure, save_figure
    from domino_sim.readers import read_curves, summarise_curves

    curves = read_curves(*paths, **reading)
    summary = summarise_curves(curves)
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with staged(folder) as temporary:
        save_curves(curves, temporary / "curves.nc")
        atomic_write(temporary / "summary.json", text)
        save_figure(learning_figure(curves), temporary / "figure.png")
    if as_json:
        print(text, end="")
    else:
        print_curves(summary, [folder / file for file in CURVE_FILES])
    return 0
