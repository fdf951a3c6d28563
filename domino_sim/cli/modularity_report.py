"""``modularity``: what is compared, and the page that answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domino_sim.cli.modularity_tables import print_modularity
from domino_sim.cli.output import check_folder, staged
from domino_sim.cli.reading import stem_of
from domino_sim.errors import ArgumentError
from domino_sim.files import atomic_write, list_bundled, read_named
from domino_sim.progress import RichMeter
from domino_sim.scenario import Scenario, load_scenario, parse_override

if TYPE_CHECKING:
    import xarray as xr

    from domino_sim.gradient.run import Run

__all__ = ["MODULARITY_FILES", "Asked", "compare_ways"]

#: Files of every comparison, of those with losses, scaling, misassigned skills, gradient runs.
MODULARITY_FILES = (
    "modularity.json", "modularity.nc", "times.png", "skills.png", "loss.png", "scaling.png",
    "wrong.png", "trained.png",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What the options ask for."""

    partitions: Sequence[str]
    shares: str
    modules: int | None
    budget: float | None
    quick: bool
    train: int
    seed: int


def compare_ways(
    name: str | None, independent: Mapping[str, Any] | None, settings: Sequence[str], asked: Asked,
    out: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Compare, write and print, and return the exit code."""
    overrides = dict(parse_override(setting) for setting in settings)
    subject, label = _subject(name, independent, overrides)
    folder = out or Path("results") / f"modularity-{label}"
    check_folder(folder, MODULARITY_FILES)
    ds = _compared(subject, asked)
    from domino_sim.modularity import summarise

    summary = summarise(ds)
    text = json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    with staged(folder) as temporary:
        atomic_write(temporary / "modularity.json", text)
        _save(ds, temporary)
        made = [folder / file for file in MODULARITY_FILES if (temporary / file).exists()]
    if as_json:
        print(text, end="")
    else:
        print_modularity(summary, made)
    return 0


def _subject(
    name: str | None, independent: Mapping[str, Any] | None, overrides: Mapping[str, Any]
) -> tuple[Scenario | Run, str]:
    """Return what is compared, and what to call its results."""
    if (name is None) == (independent is None):
        raise ArgumentError(
            "neither a scenario nor --skills" if name is None else "a scenario and --skills",
            where="modularity", expected="one of them: SCENARIO, or --skills N --n-dim D",
        )  # fmt: skip
    if name is not None:
        return _loaded(name, overrides), stem_of(name)
    assert independent is not None
    for key, option in (("skills", "--skills"), ("n_dim", "--n-dim")):
        if independent[key] is None:
            raise ArgumentError("is missing", where=option, expected="--skills N --n-dim D")
    count, n_dim = independent["skills"], independent["n_dim"]
    data = {
        "title": f"{count} independent skills, {n_dim} parameters",
        "graph": {"family": "independent", "n": count},
        "frequencies": {"law": "power", "exponent": independent["exponent"]},
        "pool": {"law": independent["law"], "lr": independent["lr"], "n_dim": n_dim},
    }
    return Scenario.from_dict(data, overrides=overrides), f"{count}-skills"


def _loaded(name: str, overrides: Mapping[str, Any]) -> Scenario | Run:
    runs = list_bundled("runs")
    if name in runs or (Path(name).is_file() and "model" in read_named("scenarios", name)[0]):
        from domino_sim.gradient.run import load_run

        return load_run(name, overrides)
    return load_scenario(name, overrides)


def _compared(subject: Scenario | Run, asked: Asked) -> xr.Dataset:
    from domino_sim.modularity import compare_modularity

    simulated = isinstance(subject, Scenario)
    try:
        return compare_modularity(
            subject, list(asked.partitions) or ("all" if simulated else "each"),
            shares=asked.shares, modules=asked.modules, budget=asked.budget,
            scaling=not asked.quick, errors=not asked.quick, train=asked.train, seed=asked.seed,
            meter=RichMeter(),
        )  # fmt: skip
    except ArgumentError as error:
        options = {"partitions": "partition", "shares": "shares", "modules": "modules",
                   "budget": "budget", "train": "train"}  # fmt: skip
        if error.where not in options:
            raise
        raise ArgumentError(
            error.what, where=f"--{options[error.where]}", expected=error.expected,
            nearest=error.nearest,
        ) from None  # fmt: skip


def _save(ds: xr.Dataset, folder: Path) -> None:
    from domino_sim.netcdf import save_dataset
    from domino_sim.plot import save_figure
    from domino_sim.plot.modularity import loss_figure, skills_figure, times_figure
    from domino_sim.plot.modularity_cost import cost_figure, number_figure
    from domino_sim.plot.modularity_trained import trained_figure

    save_dataset(ds, folder / "modularity.nc")
    figures = []
    if "loss" in ds:
        figures += [("times", times_figure), ("skills", skills_figure), ("loss", loss_figure)]
    if "scaling_time" in ds:
        figures.append(("scaling", number_figure))
    if "wrong_time" in ds:
        figures.append(("wrong", cost_figure))
    if "trained_mastered_at" in ds:
        figures.append(("trained", trained_figure))
    for name, figure in figures:
        save_figure(figure(ds), folder / f"{name}.png")
