"""What there is to say about curves that were read, and what is too little to be curves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim.errors import FileError
from domino_sim.normalisation import ESTIMATE, Normalisation
from domino_sim.readers.mixture_table import NAMED
from domino_sim.readers.records import START, Records
from domino_sim.readers.sources import Source
from domino_sim.wording import shown

__all__ = ["LEAST_SIGNAL", "review"]

#: A curve that rises by fewer standard errors than this has no signal.
LEAST_SIGNAL = 3.0

Flags = NDArray[np.bool_]


def review(
    ds: xr.Dataset,
    normalisation: Normalisation | None,
    sources: Sequence[Source],
    records: Sequence[Records],
    notes: Sequence[str] = (),
) -> xr.Dataset:
    """Return curves with attributes that say how they were understood.

    ``files``, ``columns`` (what was taken for what), ``left_out``, ``normalisation`` (as JSON) and
    ``notes``: texts with a line for each thing to know, those of mixtures that are given last.

    Raises
    ------
    FileError
        If no curve has two records that differ.
    """
    counts, constant = _shape(ds)
    alone = counts == 1
    if not ((counts > 1) & ~constant).any():
        raise _nothing(ds, counts, alone, sources, records)
    notes = [
        *(source.note for source in sources if source.note),
        *_shared_runs(records),
        *_curves("have a single record", ds, alone, records),
        *_curves("are constant", ds, constant & (counts > 1), records),
        *_empty(ds, counts),
        *_start(ds, normalisation),
        *_ends(ds, normalisation),
        *_signals(ds, constant, counts),
        *_mixtures(ds),
        *notes,
    ]
    attrs = {
        "files": "\n".join(str(source.path) for source in sources),
        "columns": _lines((part.file, part.taken) for part in records),
        "left_out": _lines((part.file, part.left_out) for part in records),
        "normalisation": _spec(normalisation),
        "notes": "\n".join(notes),
    }
    return ds.assign_attrs(attrs)


def _shape(ds: xr.Dataset) -> tuple[NDArray[np.int64], Flags]:
    """Return how many records each curve (run, skill) has, and whether they are all the same."""
    made_of = ds["level_from"].values
    counts = np.zeros(made_of.shape, dtype=np.int64)
    constant = np.zeros(made_of.shape, dtype=bool)
    for kind in ("level", "accuracy", "loss"):
        if kind not in ds:
            continue
        values = ds[kind].values
        known = ~np.isnan(values)
        # Losses without a level count too: nothing was asked to be made of them.
        of_kind = (made_of == kind) | ((made_of == "") & (kind == "loss"))
        with np.errstate(invalid="ignore"):
            low = np.where(known, values, np.inf).min(axis=1, initial=np.inf)
            high = np.where(known, values, -np.inf).max(axis=1, initial=-np.inf)
        counts = np.where(of_kind, known.sum(axis=1), counts)
        constant = np.where(of_kind, low == high, constant)
    return counts, constant


def _nothing(
    ds: xr.Dataset,
    counts: NDArray[np.int64],
    alone: Flags,
    sources: Sequence[Source],
    records: Sequence[Records],
) -> FileError:
    """Return the refusal of curves none of which moves."""
    files = ", ".join(str(source.path) for source in sources)
    there = np.argwhere(counts > 0)
    if not len(there):
        return FileError("has no values", where=files, expected="levels, accuracies or losses")
    place = _place(ds, there[0], records) or files
    names = _of(ds, there[0])
    if alone.sum() == len(there):
        what = f"{names} has a single record" + (", and so has every other" * (len(there) > 1))
        return FileError(what, where=place, expected="curves: two or more steps")
    what = f"{names} is constant" + (", and no other curve moves" * (len(there) > 1))
    return FileError(what, where=place, expected="curves that move")


def _curves(what: str, ds: xr.Dataset, which: Flags, records: Sequence[Records]) -> list[str]:
    """Return a note that names curves, with the places of their first records."""
    found = np.argwhere(which)
    if not len(found):
        return []
    named = []
    for at in found[:NAMED]:
        place = _place(ds, at, records)
        named.append(_of(ds, at) + (f" ({place})" if place else ""))
    verb = what if len(found) > 1 else what.replace("have", "has").replace("are", "is")
    return [f"{_count(len(found), 'curve')} {verb}: {_and_more(named, len(found))}"]


def _empty(ds: xr.Dataset, counts: NDArray[np.int64]) -> list[str]:
    names = ds["skill"].values[(counts == 0).all(axis=0)].tolist()
    return [f"no values: {_and_more(names[:NAMED], len(names))}"] if names else []


def _start(ds: xr.Dataset, normalisation: Normalisation | None) -> list[str]:
    """Say where estimates of the start do not come from the start."""
    steps = ds["step"].values
    notes = []
    for kind, key in (("accuracy", "chance"), ("loss", "initial")):
        if normalisation is None or key not in ds or kind not in ds:
            continue
        known = ~np.isnan(ds[kind].values)
        first = np.where(known.any(axis=1), steps[np.argmax(known, axis=1)], -1).max(axis=0)
        late = [
            name for name, step in zip(ds["skill"].values.tolist(), first, strict=True)
            if step > 0 and normalisation.of(key, name) == ESTIMATE
        ]  # fmt: skip
        late = [n for n in late if not np.isnan(ds[key].sel(skill=n)).all()]
        if late:
            notes.append(
                f"{key} is estimated though some runs have no record at step 0: "
                f"{_and_more(late[:NAMED], len(late))}"
            )
    return notes


def _ends(ds: xr.Dataset, normalisation: Normalisation | None) -> list[str]:
    """Say which floors and ceilings are guesses, and which levels could not be made."""
    notes = []
    names = ds["skill"].values.tolist()
    for kind, key in (("accuracy", "ceiling"), ("loss", "floor")):
        if normalisation is None or key not in ds:
            continue
        of_kind = ds["level_from"].values == kind
        rests = (ds["at_rest"].values == 1) & of_kind
        guessed = [
            name for k, name in enumerate(names)
            if not np.isnan(ds[key].values[:, k]).all() and not rests[:, k].any()
            and normalisation.of(key, name) == ESTIMATE
        ]  # fmt: skip
        if guessed:
            notes.append(
                f"{key} is a guess: no run has come to rest, and levels may be too high; "
                f"{_and_more(guessed[:NAMED], len(guessed))}"
            )
    if "level" in ds and normalisation is not None:
        made = np.isin(ds["level_from"].values, ("accuracy", "loss"))
        lost = np.argwhere(made & np.isnan(ds["level"].values).all(axis=1))
        named = [_of(ds, at) for at in lost[:NAMED]]
        if len(lost):
            notes.append(
                "no level, start and end are the same within errors (give them with "
                f"--normalise): {_and_more(named, len(lost))}"
            )
        if (ds["level_from"].values == "loss").any() and normalisation.scale == "linear":
            notes.append(
                "losses become levels linearly; in the normalisation, scale = 'squared' suits mean "
                "squared errors, scale = 'likelihood' cross entropies"
            )
    return notes


def _signals(ds: xr.Dataset, constant: Flags, counts: NDArray[np.int64]) -> list[str]:
    signal = ds["signal"].values if "signal" in ds else np.full(constant.shape, np.nan)
    moving = ~np.isnan(signal) & (counts > 1)
    weak = ~((signal >= LEAST_SIGNAL) & moving).any(axis=0) & moving.any(axis=0)
    falls = ((signal <= -LEAST_SIGNAL) | ~moving).all(axis=0) & weak
    names = ds["skill"].values
    notes = []
    if (weak & ~falls).any():
        told = names[weak & ~falls].tolist()
        notes.append(
            f"no signal, in no run {LEAST_SIGNAL:g} standard errors above the start: "
            f"{_and_more(told[:NAMED], len(told))}"
        )
    if falls.any():
        told = names[falls].tolist()
        hint = " (losses? --kind loss)" if (ds["level_from"].values == "level").any() else ""
        notes.append(f"falls in every run{hint}: {_and_more(told[:NAMED], len(told))}")
    return notes


def _mixtures(ds: xr.Dataset) -> list[str]:
    known = ~np.isnan(ds["frequency"].values)
    if "frequency_at" in ds:
        known |= (~np.isnan(ds["frequency_at"].values)).any(axis=1)
    if known.any() and not known.all():
        lacking = ds["skill"].values[~known.all(axis=0)].tolist()
        return [f"frequency not known in all runs: {_and_more(lacking[:NAMED], len(lacking))}"]
    return []


def _shared_runs(records: Sequence[Records]) -> list[str]:
    """Say which runs are in several files."""
    files: dict[str, list[str]] = {}
    for part in records:
        for run in part.frame["run"].unique():
            files.setdefault(run, []).append(part.file)
    both = {run: of for run, of in files.items() if len(of) > 1}
    return [f"run {shown(run)} is in {', '.join(of)}" for run, of in both.items()]


def _place(ds: xr.Dataset, at: NDArray[Any], records: Sequence[Records]) -> str:
    run, skill = ds["run"].values[at[0]], ds["skill"].values[at[1]]
    for part in records:
        frame = part.frame
        here = (frame["run"] == run) & (frame["skill"] == skill) & frame["value"].notna()
        rows = frame["row"][here & (frame["step"] != START) & (frame["kind"] != "frequency")]
        if len(rows):
            return f"{part.file}: {part.unit} {rows.iloc[0]}"
    return ""


def _of(ds: xr.Dataset, at: NDArray[Any]) -> str:
    run, skill = ds["run"].values[at[0]], ds["skill"].values[at[1]]
    return f"skill {shown(skill)} of run {shown(run)}"


def _lines(parts: Iterable[tuple[str, Sequence[str]]]) -> str:
    return "\n".join(f"{file}: {', '.join(said)}" for file, said in parts if said)


def _spec(normalisation: Normalisation | None) -> str:
    if normalisation is None:
        return '"none"'
    given = {f.name: getattr(normalisation, f.name) for f in fields(normalisation)}
    given.pop("where")
    return json.dumps({k: dict(v) if not isinstance(v, str | int | float) else v
                       for k, v in given.items()}, ensure_ascii=False)  # fmt: skip


def _and_more(named: Sequence[str], count: int) -> str:
    more = f" and {count - NAMED:,} more" if count > NAMED else ""
    return f"{', '.join(named[:NAMED])}{more}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
