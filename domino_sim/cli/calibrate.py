"""``calibrate``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domino_sim.cli.output import check_folder, staged
from domino_sim.cli.reading import stem_of
from domino_sim.errors import ArgumentError

if TYPE_CHECKING:
    from domino_sim.calibration import Calibration

__all__ = ["CALIBRATE_FILES", "calibrate_files", "calibrated", "check_alone", "check_source"]

#: What messages say to a caller in Python, and how the command line has it.
AS_OPTIONS = {
    "fit={'frequencies'}": "--fit frequencies",
    "exponent=0.1": "--exponent 0.1",
    "all frequencies of all runs": "all frequencies of all runs (--mixtures FILE)",
}

CALIBRATE_FILES = ("figure.png", "calibration.json", "curves.nc")


def check_source(
    files: Sequence[str], gradient: str | None, settings: Sequence[str], sweep: Sequence[str]
) -> None:
    """Refuse anything but either files of curves or a gradient run.

    Raises
    ------
    ArgumentError
        If there is neither, or both, or settings of a gradient run where there is none.
    """
    if not files and gradient is None:
        raise ArgumentError(
            "nothing to calibrate", expected="files of learning curves, or --gradient RUN"
        )
    if files and gradient is not None:
        raise ArgumentError(
            f"stands beside files of curves ({files[0]})",
            where="--gradient",
            expected="one of both",
        )
    for option, given in (("--set", settings), ("--sweep", sweep)):
        if given and gradient is None:
            raise ArgumentError(
                "only a gradient run has keys to set", where=option, expected="--gradient RUN"
            )


def check_alone(given: Sequence[str]) -> None:
    """Refuse options of curves beside a gradient run, which says itself what they would say.

    Raises
    ------
    ArgumentError
        Which names the first of them.
    """
    for name in given:
        if name not in ("gradient", "law", "set_", "sweep", "out", "as_json"):
            raise ArgumentError(
                "does not go with --gradient",
                where=f"--{name}",
                expected="--law, --set, --sweep, --out or --json",
            )


def calibrate_files(
    files: Sequence[str],
    reading: Mapping[str, Any],
    options: Mapping[str, Any],
    out: Path | None,
    as_json: bool,
) -> int:
    """Calibrate the curves of files, write what was found, and return the exit code."""
    folder = out or Path("results") / f"calibrate-{stem_of(files[0])}"
    check_folder(folder, CALIBRATE_FILES)
    found = calibrated(files, reading, options)
    from domino_sim.calibration.storage import calibration_text, save_calibration
    from domino_sim.plot import save_figure
    from domino_sim.plot.calibration import calibration_figure

    with staged(folder) as temporary:
        save_calibration(found, temporary)
        save_figure(calibration_figure(found), temporary / "figure.png")
    if as_json:
        print(calibration_text(found), end="")
    else:
        from domino_sim.cli.calibration_tables import print_calibration

        print_calibration(found, [folder / file for file in CALIBRATE_FILES])
    return 0


def calibrated(
    files: Sequence[str], reading: Mapping[str, Any], options: Mapping[str, Any]
) -> Calibration:
    """Return the calibration of the curves of files, what was said on reading in its notes."""
    from domino_sim.calibration import calibrate
    from domino_sim.readers import read_curves

    curves = read_curves(*files, **reading)
    with _options_named(options):
        found = calibrate(curves, **options)
    read = [note for note in str(curves.attrs.get("notes", "")).split("\n") if note]
    return replace(found, notes=(*read, *found.notes))


@contextmanager
def _options_named(options: Mapping[str, Any]) -> Iterator[None]:
    """Name arguments in messages as the command line does."""
    try:
        yield
    except ArgumentError as error:
        where = f"--{error.where}" if error.where in options else error.where
        expected = error.expected
        for python, option in AS_OPTIONS.items():
            expected = expected.replace(python, option)
        raise ArgumentError(
            error.what, where=where, expected=expected, nearest=error.nearest
        ) from None
