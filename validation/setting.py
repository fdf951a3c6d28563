"""What a figure works with: how much is wanted, the simulator, what is already computed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from domino_sim.files import atomic_write
from validation.simulator import Simulator

__all__ = ["ROOT", "Arrays", "Setting", "code_fingerprint"]

Arrays = dict[str, NDArray[Any]]
T = TypeVar("T")

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Setting:
    """How a figure is to be checked.

    Attributes
    ----------
    quick
        Fewer seeds and smaller cases.
    simulator
        What simulates; a changed one shows whether rows notice.
    figure
        The figure's name.
    folder
        Where computed parts are kept, so that an interrupted figure goes on; None: nowhere.
    fresh
        Whether parts that are there are made anew.
    """

    quick: bool = True
    simulator: Simulator = field(default_factory=Simulator)
    figure: str = ""
    folder: Path | None = None
    fresh: bool = False

    def choose(self, quick: T, full: T) -> T:
        """Return the one of the two that is wanted."""
        return quick if self.quick else full

    def kept(self, name: str, make: Callable[[], Mapping[str, Any]]) -> Arrays:
        """Return the arrays that `make` gives, or those it gave before.

        Only for what does not go through `simulator`, such as gradient runs: a part is kept for the
        code as it is, not for a simulator that was changed. `name` holds all that `make` depends on
        beside the code and `quick`.
        """
        if self.folder is None:
            return {key: np.asarray(value) for key, value in make().items()}
        path = self.folder / f"{name}.{'quick' if self.quick else 'full'}.npz"
        of = code_fingerprint(self.figure)
        found = None if self.fresh else _read(path, of)
        if found is None:
            found = {key: np.asarray(value) for key, value in make().items()}
            data = io.BytesIO()
            np.savez_compressed(data, **found, fingerprint=np.array(of))
            self.folder.mkdir(parents=True, exist_ok=True)
            atomic_write(path, data.getvalue())
        return found


def _read(path: Path, fingerprint: str) -> Arrays | None:
    """Return the arrays of a part, or None if there are none of this code."""
    try:
        # Opened here: numpy leaves a file open that is not all there.
        with path.open("rb") as data, np.load(data, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, BadZipFile):
        return None
    return arrays if str(arrays.pop("fingerprint", "")) == fingerprint else None


#: Of what figures share, what only says and shows results.
SHOWN = ("__main__.py", "outcome.py", "report.py", "running.py")


@cache
def code_fingerprint(figure: str) -> str:
    """Return a digest of what the results of a figure depend on.

    That is the library with its files, references, what figures share, versions of what computes,
    and of modules and data that are a figure's own those whose names begin with this one's.
    """
    digest = hashlib.sha256()
    for package in ("numpy", "scipy", "torch"):
        digest.update(f"{package} {version(package)}".encode())
    folders = ["domino_sim", "graphs", "scenarios", "tests/data", "validation"]
    if figure == "inference":
        folders.append("benchmarks/inference")  # its worlds, scores and aims
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*")):
        if _counts(path, figure):
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _counts(path: Path, figure: str) -> bool:
    """Say whether a figure depends on a file of the folders above."""
    if not path.is_file() or path.suffix in (".pyc", ".md"):
        return False
    within = path.parent.relative_to(ROOT).as_posix()
    if within in ("validation/figures", "validation/beyond"):
        return path.name.startswith(figure)
    if within == "validation/data":
        return path.suffix == ".npz" or path.stem == figure
    return within != "validation" or path.name not in SHOWN
