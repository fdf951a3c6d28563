"""What the command ``sweep`` writes: checked before anything runs."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from domino_sim.cli.sweep_report import print_rows, rerun
from domino_sim.errors import ArgumentError, FileError

if TYPE_CHECKING:
    from domino_sim.sweeps.plan import Plan
    from domino_sim.sweeps.swept import Sweep

__all__ = ["Outputs", "check_outputs", "write_outputs"]


@dataclass(frozen=True)
class Outputs:
    """What is printed and written of a sweep."""

    table: bool = False
    csv: Path | None = None
    netcdf: Path | None = None
    figure: Path | None = None
    scaling: bool = False
    of: str | None = None
    over: str | None = None
    rerun: int | None = None

    def wanted(self) -> bool:
        """Whether any of them is."""
        printed = self.table or self.scaling or self.rerun is not None
        return printed or self.csv is not None or bool(self.files())

    def files(self) -> dict[str, Path]:
        """Return the files that are written, by option."""
        files = {"--csv": self.csv, "--netcdf": self.netcdf, "--figure": self.figure}
        return {k: path for k, path in files.items() if path is not None and str(path) != "-"}

    def check_options(self) -> None:
        """Refuse options that say how to draw where nothing is drawn."""
        if self.of is not None and self.figure is None and not self.scaling:
            raise ArgumentError("is given without --figure", where="--of", expected="both")
        if self.over is not None and not self.scaling:
            raise ArgumentError("is given without --scaling", where="--over", expected="both")


def check_outputs(outputs: Outputs, plan: Plan, store: Path, name: str) -> None:
    """Refuse what could not be written or drawn of a sweep, before it runs.

    Raises
    ------
    ArgumentError
        If a file is the store, the scenario or another output, or cannot be written; or there is
        no such point, quantity or kind of figure.
    """
    taken = {store.resolve(): "the store", Path(name).resolve(): "the scenario"}
    for option, path in outputs.files().items():
        _check_file(option, path)
        known = taken.setdefault(path.resolve(), f"the file of {option}")
        if known != f"the file of {option}":
            raise ArgumentError(f"{path} is {known}", where=option, expected="a file of its own")
    if outputs.rerun is not None and not 0 <= outputs.rerun < plan.points.count:
        raise ArgumentError(
            f"there is no point {outputs.rerun}",
            where="--rerun",
            expected=f"a number from 0 to {plan.points.count - 1:,}",
        )
    if outputs.figure is not None or outputs.scaling:
        _check_figure(outputs, plan)


def _check_file(option: str, path: Path) -> None:
    from domino_sim.sweeps.opening import is_store

    folder = path.parent
    what = None
    if path.is_dir():
        what = "is a folder"
    elif not folder.is_dir():
        what = f"cannot be written: there is no folder {folder}"
    elif not os.access(folder, os.W_OK):
        what = f"cannot be written: nothing can in {folder}"
    elif is_store(path):
        what = "is the store of a sweep"
    if what is not None:
        raise ArgumentError(f"{path} {what}", where=option, expected="a file that can be written")


def _check_figure(outputs: Outputs, plan: Plan) -> None:
    if outputs.figure is not None:
        _check_kind(outputs.figure)
    drawn = [axis for axis in plan.user_axes if axis.name not in ("seed", "mixture")]
    axes = [axis.name for axis in drawn if len(axis) > 1]
    most = 2 if outputs.scaling else 3
    if len(axes) > most:
        raise ArgumentError(
            f"{len(axes)} axes ({', '.join(axes)}) are too many to draw",
            where="--scaling" if outputs.scaling else "--figure",
            expected=f"at most {most}; --netcdf FILE has all of them",
        )
    keys = [key for axis in plan.user_axes for key in axis.keys]
    # Where skills are varied, only the rows know their names.
    if outputs.of is not None and not any(
        key == "skills" or key.startswith(("graph", "model")) for key in keys
    ):
        _check_quantity(outputs.of, plan)


def _check_kind(path: Path) -> None:
    from matplotlib.figure import Figure

    known = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() not in known:
        raise ArgumentError(
            f"unknown kind of figure {path.suffix!r}",
            where="--figure",
            expected=f"one of {', '.join(known)}",
        )


def _check_quantity(of: str, plan: Plan) -> None:
    from domino_sim.plot.sweep import check_quantity

    _, parameters, seed = plan.point(0)
    # The files that a store's scenario names may be gone; then the store knows the skills.
    with suppress(FileError):
        check_quantity(of, plan.subject.build(parameters, seed).names, "--of")


def write_outputs(sweep: Sweep, outputs: Outputs) -> None:
    """Print and write what is wanted, and say what was written."""
    if outputs.table:
        print_rows(sweep)
    if outputs.csv is not None:
        _write_csv(sweep, outputs.csv)
    # Beside a CSV on standard output there is nothing else.
    where = sys.stderr if str(outputs.csv) == "-" else sys.stdout
    if outputs.netcdf is not None or outputs.figure is not None or outputs.scaling:
        ds = sweep.to_xarray()
    if outputs.netcdf is not None:
        from domino_sim.netcdf import save_dataset
        from domino_sim.sweeps.dataset import storable

        save_dataset(storable(ds), outputs.netcdf)
        print(f"NetCDF   {outputs.netcdf}", file=where)
    if outputs.scaling:
        from domino_sim.plot.sweep_scaling import scaling_figure, scaling_of

        for line in scaling_of(ds, outputs.of, outputs.over):
            at = "".join(f", {key} = {value}" for key, value in line.at.items())
            print(f"Exponent over {line.over}{at}: {line.told()}", file=where)
    if outputs.figure is not None:
        from domino_sim.plot import save_figure
        from domino_sim.plot.sweep import sweep_figure

        if outputs.scaling:
            figure = scaling_figure(ds, outputs.of, outputs.over)
        else:
            figure = sweep_figure(ds, outputs.of)
        save_figure(figure, outputs.figure)
        print(f"Figure   {outputs.figure}", file=where)
    if outputs.rerun is not None:
        rerun(sweep, outputs.rerun)


def _write_csv(sweep: Sweep, path: Path) -> None:
    from domino_sim.files import atomic_write

    text = sweep.to_frame().to_csv(index=False, lineterminator="\n")
    if str(path) == "-":
        print(text, end="")
        return
    atomic_write(path, text)
    print(f"CSV      {path}")
