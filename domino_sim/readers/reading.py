"""read_curves: files of learning curves, whoever wrote them, as one labelled dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

from domino_sim.curves import join_curves
from domino_sim.errors import ArgumentError, FileError, nearest_name
from domino_sim.levelling import with_levels
from domino_sim.normalisation import Normalisation, make_normalisation
from domino_sim.readers.assembly import assemble
from domino_sim.readers.columns import find_columns
from domino_sim.readers.csv_text import read_csv
from domino_sim.readers.jsonl import read_jsonl
from domino_sim.readers.mixture_table import with_mixture, with_mixture_tables
from domino_sim.readers.options import Options, make_options
from domino_sim.readers.ours import read_netcdf
from domino_sim.readers.parquet import read_parquet
from domino_sim.readers.records import Records
from domino_sim.readers.review import review
from domino_sim.readers.sources import Source, find_sources, text_of
from domino_sim.readers.table import Table
from domino_sim.readers.tensorboard import read_events
from domino_sim.readers.tidy import read_tidy
from domino_sim.readers.trainer_state import read_trainer_state
from domino_sim.readers.wide import read_wide
from domino_sim.wording import key_path, shown

__all__ = ["read_curves"]


def read_curves(
    *paths: str | Path,
    mixtures: str | Path | Sequence[str | Path] | Mapping[str, float] | None = None,
    normalise: str | Path | Normalisation = "auto",
    columns: Mapping[str, str] | None = None,
    metrics: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    kind: str | None = None,
    keep: str | None = None,
) -> xr.Dataset:
    """Read learning curves from files, as labelled curves with levels (``docs/curves.md``).

    Parameters
    ----------
    *paths
        Tidy or wide CSV, JSON Lines or Parquet, ``trainer_state.json``, TensorBoard event files,
        netCDF files of this program; or folders that hold one kind of these.
    mixtures
        How often each skill is trained: the path of a table with the columns run (absent, or
        ``*``: every run), skill, frequency, or several, of other runs; or a mapping by skill, for
        all runs.
    normalise
        How accuracies and losses become levels: ``"auto"`` (estimated), ``"none"``, the path of a
        TOML file, or a :class:`~domino_sim.normalisation.Normalisation`.
    columns
        The column by what it is to be taken for: ``{"skill": "task", "run": "model+seed"}``.
    metrics
        What the metrics of a column ``metric`` are: ``"level"``, ``"accuracy"``, ``"percent"``,
        ``"loss"``, ``"perplexity"`` or ``"skip"``, by name.
    tags
        For wide tables and logs, what is a skill: the kind by a pattern that its name matches,
        whose first group is the skill: ``{"eval/(.*)_err": "loss"}``.
    kind
        What values are whose name does not tell.
    keep
        ``"first"`` or ``"last"``, of several values at a step.

    Returns
    -------
    xarray.Dataset
        ``level`` (run, step, skill); ``accuracy`` and ``loss`` where that is what was measured;
        ``…_se``, standard errors; ``frequency`` (run, skill), and how levels were made. The
        attributes ``columns``, ``left_out`` and ``notes`` say how the files were understood.

    Raises
    ------
    ArgumentError
        If an option is not valid.
    FileError
        If a file cannot be read or understood without guessing, values are none or stand twice,
        or no curve is left; with file and row.

    Examples
    --------
    >>> text = "run,step,task,accuracy\\n" + "".join(
    ...     f"a,{step},copy,{value}\\n" for step, value in [(0, 0.2), (10, 0.6), (20, 1.0)])
    >>> _ = Path("a.csv").write_text(text)
    >>> curves = read_curves("a.csv", normalise=Normalisation(chance=0.2))
    >>> curves.level.sel(run="a", skill="copy").values
    array([0. , 0.5, 1. ])
    >>> curves.attrs["columns"]
    'a.csv: skill: task'
    """
    options = make_options(columns, metrics, tags, kind, keep)
    how = make_normalisation(normalise)
    sources = find_sources(paths)
    records: list[Records] = []
    ours: list[xr.Dataset] = []
    for source in sources:
        part = _read(source, options)
        if isinstance(part, Records):
            records.append(part)
        else:
            ours.append(part)
    _check_metrics(options, records)
    parts = [assemble(records, options.keep)] if records else []
    curves = _joined([*parts, *ours], sources)
    notes: list[str] = []
    if isinstance(mixtures, Mapping):
        curves = with_mixture(curves, mixtures)
    elif mixtures is not None:
        files = [mixtures] if isinstance(mixtures, str | Path) else mixtures
        if not isinstance(files, list | tuple) or not all(isinstance(f, str | Path) for f in files):
            raise ArgumentError(
                f"is {shown(files)}", where="mixtures",
                expected="paths of tables, or frequencies by skill for all runs (`infer` and "
                "others take those by run)",
            )  # fmt: skip
        curves, notes = with_mixture_tables(curves, [_mixture_table(file) for file in files])
    return review(with_levels(curves, how), how, sources, records, notes)


def _read(source: Source, options: Options) -> Records | xr.Dataset:
    """Return what a file holds."""
    path, file = source.path, str(source.path)
    if source.format == "netcdf":
        return read_netcdf(path, source.run)
    if source.format == "tensorboard":
        return read_events(path, options, source.run)
    if source.format == "trainer_state":
        table = read_trainer_state(text_of(path), file)
        only = replace(options, columns={k: v for k, v in options.columns.items() if k == "step"})
        return read_wide(table, find_columns(table, only), options, source.run, log=True)
    table, left_out = _table(source)
    found = find_columns(table, options)
    read = read_tidy if "skill" in found.of else read_wide
    records = read(table, found, options, source.run)
    records.left_out += left_out
    return records


def _table(source: Source) -> tuple[Table, list[str]]:
    """Return the table of a file, and what of it was left out."""
    if source.format == "parquet":
        return read_parquet(source.path), []
    if source.format == "jsonl":
        return read_jsonl(text_of(source.path), str(source.path))
    return read_csv(text_of(source.path), str(source.path)), []


def _mixture_table(path: str | Path) -> Table:
    sources = find_sources([path])
    if len(sources) != 1 or sources[0].format not in ("csv", "jsonl", "parquet"):
        expected = "one CSV, JSONL or Parquet file: run, skill, frequency"
        raise FileError("is no table of mixtures", where=str(path), expected=expected)
    return _table(sources[0])[0]


def _check_metrics(options: Options, records: Sequence[Records]) -> None:
    """Refuse metrics of the user that no file has."""
    met = dict.fromkeys(name for part in records for name in part.metrics)
    for name in options.metrics:
        if name not in met:
            raise ArgumentError(
                f"no file has a metric {shown(name)}",
                where=f"metrics.{key_path(name)}",
                expected=f"one of {', '.join(map(shown, met))}" if met else "files with metrics",
                nearest=nearest_name(name, met),
            )


def _joined(parts: Sequence[xr.Dataset], sources: Sequence[Source]) -> xr.Dataset:
    try:
        return join_curves(*parts) if len(parts) > 1 else parts[0]
    except ArgumentError as error:
        where = ", ".join(str(source.path) for source in sources)
        raise FileError(error.what, where=where, expected=error.expected) from None
