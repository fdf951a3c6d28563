"""Reading and writing files: atomic writes, strict readers, bundled graphs and scenarios.

Every reader ends in a value or in a :class:`~domino_sim.errors.FileError`; every write leaves
either the old file or the new one, never half a file.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from domino_sim.errors import FileError, InputError, nearest_name
from domino_sim.parsing import parse_json, parse_toml
from domino_sim.wording import reason_of, shown

__all__ = [
    "atomic_write",
    "find_bundled",
    "list_bundled",
    "make_folder",
    "read_bytes",
    "read_json",
    "read_named",
    "read_text",
    "read_toml",
    "resolve",
]

Kind = Literal["experiments", "graphs", "runs", "scenarios"]

#: Where they are kept. Experiments (of inference) and gradient runs stand among the scenarios, and
#: are not listed with them.
FOLDERS: dict[Kind, str] = {
    "experiments": "scenarios/inference",
    "graphs": "graphs",
    "runs": "scenarios/gradient",
    "scenarios": "scenarios",
}

#: No text file of this program comes near this size; a larger one is a mistake.
MAX_BYTES = 512 * 2**20

#: What a path to a graph, a gradient run or a scenario ends in.
SUFFIXES: dict[str, tuple[str, ...]] = {
    "experiments": (".toml",),
    "graphs": (".toml", ".graphml", ".json"),
    "runs": (".toml",),
    "scenarios": (".toml",),
}


def atomic_write(path: str | Path, data: bytes | str | Callable[[Path], None]) -> None:
    """Write a file so that it holds either its old content or all of the new.

    Parameters
    ----------
    path
        The file to write; its folder must exist.
    data
        The content, or a function that writes it to the temporary path it is given.

    Raises
    ------
    FileError
        If the folder is missing or cannot be written, or the disk is full. Anything else that
        `data` raises passes.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> atomic_write(folder / "note.txt", "levels rise")
    >>> (folder / "note.txt").read_text()
    'levels rise'
    """
    path = Path(path)
    if not callable(data):
        content = data if isinstance(data, bytes) else _encoded(data, path)
    try:
        target = path.resolve()  # a link stays, and the file it means is replaced
        if target.is_dir():
            raise FileError("is a directory", where=str(path), expected="a file to write")
        handle, name = tempfile.mkstemp(prefix=".tmp-", suffix=path.suffix, dir=target.parent)
    except FileError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the path; links in a circle
        raise FileError(f"cannot be written: {reason_of(error)}", where=str(path)) from error
    temporary = Path(name)
    try:
        os.close(handle)
        data(temporary) if callable(data) else temporary.write_bytes(content)
        _sync(temporary)
        os.chmod(temporary, _mode_for(target))
        os.replace(temporary, target)
        _sync(target.parent)
    except OSError as error:
        raise FileError(f"cannot be written: {reason_of(error)}", where=str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, if they are not there.

    Raises
    ------
    FileError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"cannot be made: {reason_of(error)}"
        raise FileError(what, where=str(folder), expected="a folder") from error


def _encoded(text: str, path: Path) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        what = shown(text[error.start : error.end])
        raise FileError(f"the text {what} has no UTF-8 form", where=str(path)) from None


def _sync(path: Path) -> None:
    """Push a file, or the entry of a renamed file in its folder, to the disk."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _mode_for(path: Path) -> int:
    # mkstemp makes private files; a written file should look like any other the user writes.
    return path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()


def list_bundled(kind: Kind) -> dict[str, Path]:
    """Return the files of a kind that come with the program, by name (stem).

    Examples
    --------
    >>> "two-pairs" in list_bundled("graphs")
    True
    """
    folder = _bundle_folder(kind)
    others: tuple[Kind, ...] = ("experiments", "runs") if kind == "scenarios" else ()
    elsewhere = {_bundle_folder(other) for other in others}
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.suffix in SUFFIXES[kind] and path.is_file() and not elsewhere & {*path.parents}:
            if path.stem in found:
                raise FileError(
                    f"two bundled {kind} are named {path.stem!r}",
                    where=str(path),
                    expected="unique names",
                )
            found[path.stem] = path
    return dict(sorted(found.items()))


def find_bundled(kind: Kind, name: str) -> Path:
    """Return the path of a bundled graph, gradient run or scenario.

    Raises
    ------
    FileError
        If there is none of that name; the message has the nearest one.

    Examples
    --------
    >>> find_bundled("graphs", "two-pairs").name
    'two-pairs.toml'
    """
    bundled = list_bundled(kind)
    if name not in bundled:
        others = [other for other in FOLDERS if name in list_bundled(other)]
        also = f" ({name!r} is a bundled {' and '.join(o[:-1] for o in others)})" if others else ""
        raise FileError(
            f"no bundled {kind[:-1]} is named {name!r}{also}",
            expected=f"a bundled name or the path of a {' or '.join(SUFFIXES[kind])} file",
            nearest=None if also else nearest_name(name, bundled),
        )
    return bundled[name]


@cache
def _bundle_folder(kind: Kind) -> Path | None:
    package = Path(__file__).resolve().parent
    installed = package / "_data" / FOLDERS[kind]
    if installed.is_dir():
        return installed
    try:
        project = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    checkout = package.parent / FOLDERS[kind]
    named = project.get("project", {}).get("name") == "domino-sim"
    return checkout if named and checkout.is_dir() else None


def resolve(kind: Kind, name_or_path: str | Path, relative_to: Path | None = None) -> Path:
    """Return the file that a bundled name or a path means.

    A `Path`, anything with a path separator or with a suffix of its kind, and anything that
    exists as a file is a path, relative to `relative_to` (default: the working directory); all
    else is a bundled name.

    Raises
    ------
    FileError
        If there is no such file or bundled name.

    Examples
    --------
    >>> resolve("graphs", "two-pairs") == find_bundled("graphs", "two-pairs")
    True
    """
    text = str(name_or_path)
    path = (relative_to or Path()) / text
    try:
        is_file = path.is_file()
    except (OSError, ValueError) as error:
        raise FileError(f"not a usable path: {reason_of(error)}", where=text) from error
    if is_file:
        return path
    looks_like_path = (
        isinstance(name_or_path, Path)
        or "/" in text
        or os.sep in text
        or text.endswith(SUFFIXES[kind])
    )
    if not looks_like_path and text:
        return find_bundled(kind, text)
    if text and path.is_dir():
        raise FileError("is a directory", where=str(path), expected="a file")
    raise FileError(
        "no such file",
        where=str(path) if text else "''",
        expected=f"the path of a {' or '.join(SUFFIXES[kind])} file, or a bundled name",
        nearest=nearest_name(Path(text).stem, list_bundled(kind)),
    )


def read_named(kind: Kind, name_or_path: str | Path) -> tuple[dict[str, Any], str, Path]:
    """Return the tables of a bundled file or of a path, what to call it, and its folder.

    Raises
    ------
    FileError
        If there is no such file, or it is not valid TOML.
    """
    path = resolve(kind, name_or_path)
    bundled = list_bundled(kind).get(str(name_or_path)) == path
    where = path.name if bundled else str(path)
    return parse_toml(read_text(path), where), where, path.parent


def read_text(path: str | Path) -> str:
    """Return the text of a UTF-8 file; a byte order mark is dropped.

    Raises
    ------
    FileError
        As :func:`read_bytes`, or if the file is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"not UTF-8 text (byte {error.start})",
            where=str(path),
            expected="a UTF-8 text file",
        ) from None


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file.

    Raises
    ------
    FileError
        If the file is missing, a directory, not readable or above 512 MiB.
    """
    path = Path(path)
    where = str(path)
    try:
        if path.is_dir():
            raise FileError("is a directory", where=where, expected="a file")
        # One byte more than allowed tells of too large ones, endless ones (pipes) included.
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise FileError("no such file", where=where) from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise FileError(f"cannot be read: {reason_of(error)}", where=where) from error
    if len(raw) > MAX_BYTES:
        raise FileError("is too large", where=where, expected=f"at most {MAX_BYTES >> 20} MiB")
    return raw


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises
    ------
    FileError
        If it cannot be read, or is not valid TOML (with line and column).
    """
    return parse_toml(read_text(path), str(path))


def read_json(path: str | Path) -> Any:
    """Return the value in a JSON file; see :func:`domino_sim.parsing.parse_json`."""
    return parse_json(read_text(path), str(path))
