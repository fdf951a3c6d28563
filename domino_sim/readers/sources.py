"""Which files a path means, and of what format each of them is."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from domino_sim.errors import ArgumentError, FileError
from domino_sim.files import MAX_BYTES, read_bytes
from domino_sim.wording import reason_of, shown

__all__ = ["Source", "find_sources", "text_of"]

EVENTS = "tfevents"

#: Formats by the suffix of a file; a further ``.gz`` does not count.
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".nc": "netcdf",
    ".json": "trainer_state",
}

#: Formats by the first bytes of a file, which are believed more than its suffix.
MAGIC = {b"\x89HDF": "netcdf", b"PAR1": "parquet"}

GZIP = b"\x1f\x8b"

EXPECTED = (
    "CSV, JSONL, Parquet, netCDF, a trainer_state.json, TensorBoard event files, or a folder of one"
)


@dataclass(frozen=True)
class Source:
    """A file, or a folder of event files: its format, and what its run is called by default."""

    path: Path
    format: str
    run: str
    note: str = ""


def find_sources(paths: Sequence[str | Path]) -> list[Source]:
    """Return the files that paths mean, in order; of a folder all files of its one kind.

    Raises
    ------
    ArgumentError
        If there is no path, or one is none.
    FileError
        If there is no such file, it is of no known format, or a folder has several kinds.
    """
    if not paths:
        raise ArgumentError("no files", where="paths", expected="at least one")
    found: list[Source] = []
    for path in paths:
        if not isinstance(path, str | Path):
            raise ArgumentError(f"is {shown(path)}", where="paths", expected="the path of a file")
        try:
            is_folder, there = Path(path).is_dir(), Path(path).exists()
        except (OSError, ValueError) as error:
            what = f"not a usable path: {reason_of(error)}"
            raise FileError(what, where=str(path)) from None
        if not there:
            raise FileError("no such file or folder", where=str(path), expected=EXPECTED)
        found += _in_folder(Path(path)) if is_folder else [_file(Path(path))]
    seen: set[Path] = set()
    for source in found:
        if source.path.resolve() in seen:
            raise FileError("is given twice", where=str(source.path), expected="each file once")
        seen.add(source.path.resolve())
    return _told_apart(found)


def text_of(path: Path) -> str:
    """Return the text of a UTF-8 file, unpacked if it is gzipped.

    Raises
    ------
    FileError
        If it cannot be read, is too large, or not UTF-8.
    """
    raw = read_bytes(path)
    if raw.startswith(GZIP):
        try:
            with gzip.open(path) as file:
                raw = file.read(MAX_BYTES + 1)
        except (OSError, EOFError, ValueError) as error:
            raise FileError(f"cannot be unpacked: {error}", where=str(path)) from None
        if len(raw) > MAX_BYTES:
            limit = f"at most {MAX_BYTES >> 20} MiB"
            raise FileError("is too large when unpacked", where=str(path), expected=limit)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"not UTF-8 text (byte {error.start})", where=str(path), expected=EXPECTED
        ) from None


def _file(path: Path) -> Source:
    """Return a file as a source; its format is told by its first bytes, then by its suffix."""
    name = path.name.removesuffix(".gz")
    stem = name.removesuffix(Path(name).suffix) or name
    if EVENTS in path.name:
        return Source(path, "tensorboard", path.absolute().parent.name)
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise FileError(f"cannot be read: {reason_of(error)}", where=str(path)) from None
    if not head:
        raise FileError("is empty", where=str(path), expected=EXPECTED)
    suffix = Path(name).suffix.lower()
    kind = MAGIC.get(head) or SUFFIXES.get(suffix)
    if kind is None or (kind in MAGIC.values() and head not in MAGIC):
        what = f"of unknown kind {shown(suffix)}" if kind is None else f"is no {kind} file"
        raise FileError(what, where=str(path), expected=EXPECTED)
    if kind == "trainer_state":
        stem = _folder_name(path)
    elif stem in ("result", "curves"):
        stem = path.absolute().parent.name or stem
    return Source(path, kind, stem)


def _folder_name(path: Path) -> str:
    """Return the name of the folder of a trainer's state; not that of one of its checkpoints."""
    folder = path.absolute().parent
    if re.fullmatch(r"checkpoint-\d+", folder.name):
        folder = folder.parent
    return folder.name or path.stem


def _in_folder(folder: Path) -> list[Source]:
    """Return the sources of a folder: a result, logs, a trainer's state, or files of one kind."""
    ours = [name for name in ("curves.nc", "result.nc") if (folder / name).is_file()]
    if len(ours) > 1:
        what = f"has both {ours[0]} and {ours[1]}"
        raise FileError(what, where=str(folder), expected="the path of one of them")
    if ours:
        return [_file(folder / ours[0])]
    logs = sorted({path.parent for path in folder.rglob(f"*{EVENTS}*") if path.is_file()})
    if logs:
        names = [_relative(log, folder) for log in logs]
        return [
            Source(log, "tensorboard", name) for log, name in zip(logs, names, strict=True)
        ]
    states = _states(folder)
    if states:
        more = f" (of {len(states)} checkpoints the last)" if len(states) > 1 else ""
        note = f"{folder}: read {states[-1].relative_to(folder)}{more}"
        return [Source(states[-1], "trainer_state", _folder_name(states[-1]), note)]
    files = sorted(path for path in folder.iterdir() if path.is_file())
    kinds: dict[str, list[Path]] = {}
    for path in files:
        kind = SUFFIXES.get(Path(path.name.removesuffix(".gz")).suffix.lower())
        if kind not in (None, "trainer_state") and path.suffix != ".txt":
            kinds.setdefault(str(kind), []).append(path)
    if not kinds:
        raise FileError("has no learning curves", where=str(folder), expected=EXPECTED)
    if len(kinds) > 1:
        named = ", ".join(of[0].name for of in kinds.values())
        what = f"has files of several kinds ({named})"
        raise FileError(what, where=str(folder), expected="the paths of the files that are meant")
    return [_file(path) for of in kinds.values() for path in of]


def _states(folder: Path) -> list[Path]:
    """Return the trainer's states in a folder, the last checkpoint last."""
    if (folder / "trainer_state.json").is_file():
        return [folder / "trainer_state.json"]
    found = [path for path in folder.glob("checkpoint-*/trainer_state.json") if path.is_file()]

    def number(path: Path) -> int:
        return int("".join(re.findall(r"\d+$", path.parent.name)) or 0)

    return sorted(found, key=number)


def _relative(log: Path, folder: Path) -> str:
    inner = log.relative_to(folder).as_posix()
    return folder.absolute().name if inner == "." else inner


def _told_apart(sources: list[Source]) -> list[Source]:
    """Return sources whose default names of runs differ: with more of the path where needed."""
    names = [source.run for source in sources]
    depth = 1
    while len(set(names)) < len(names) and depth < 8:
        twice = {name for name in names if names.count(name) > 1}
        depth += 1
        for i, source in enumerate(sources):
            if names[i] in twice:
                parts = source.path.absolute().parent.parts[1:]
                names[i] = "/".join([*parts[-depth + 1 :], source.run])
    return [
        Source(source.path, source.format, name, source.note)
        for source, name in zip(sources, names, strict=True)
    ]
