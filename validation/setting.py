"""What a figure works with: how much is wanted, the simulator, what is already computed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
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
    """

    quick: bool = True
    simulator: Simulator = field(default_factory=Simulator)
    figure: str = ""
    folder: Path | None = None

    def choose(self, quick: T, full: T) -> T:
        """Return the one of the two that is wanted."""
        return quick if self.quick else full

    def kept(self, name: str, make: Callable[[], Mapping[str, Any]]) -> Arrays:
        """Return the arrays that `make` gives, or those it gave before.

        Only for what does not go through the simulator, such as gradient runs: a part is kept for
        the code as it is, not for a simulator that was changed. `name` holds all that `make`
        depends on beside the code and `quick`.
        """
        if self.folder is None:
            return {key: np.asarray(value) for key, value in make().items()}
        path = self.folder / f"{name}.{'quick' if self.quick else 'full'}.npz"
        of = code_fingerprint(self.figure)
        found = _read(path, of)
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


@cache
def code_fingerprint(figure: str) -> str:
    """Return a digest of the code and the files that a figure depends on.

    These are the library, its files and references, what the figures share, and of the figures'
    modules those whose names begin with this one's.
    """
    digest = hashlib.sha256((ROOT / "constraints.txt").read_bytes())
    folders = ["domino_sim", "graphs", "scenarios", "tests/data", "validation"]
    if figure == "inference":
        folders.append("benchmarks/inference")  # its worlds and scores
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            of_figure = path.parent.name in ("figures", "beyond")
            if (
                path.is_file()
                and path.suffix not in (".pyc", ".md")
                and (not of_figure or path.name.startswith(figure))
            ):
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
