"""A figure as a module declares it, and what checking it gives."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from validation.row import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["BEYOND", "NAMES", "PAPER", "Checked", "Figure", "module_of"]



def _modules(room: str) -> tuple[str, ...]:
    """Return the figures of a room; a module with an underscore in its name is a part of one."""
    found = (Path(__file__).parent / room).glob("*.py")
    return tuple(sorted(path.stem for path in found if "_" not in path.stem))


#: The figures of the paper, in its order.
PAPER = _modules("figures")

#: What the paper does not have.
BEYOND = _modules("beyond")

NAMES = PAPER + BEYOND


@dataclass(frozen=True, slots=True)
class Figure:
    """What a module checks.

    Attributes
    ----------
    name
        As on the command line and of the module.
    title
        A few words.
    claim
        What the paper (or we, in `beyond/`) say.
    source
        Where it is said.
    minutes
        About how long the full mode takes on one core: the longest begin first.
    """

    name: str
    title: str
    claim: str
    source: str
    minutes: float


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows of a figure and its drawing; `note` says what a reader must know of the run."""

    rows: tuple[Row, ...]
    drawing: Drawing
    note: str = ""


def module_of(name: str) -> ModuleType:
    """Return the module of a figure: it has `FIGURE` and ``check(setting) -> Checked``."""
    room = "figures" if name in PAPER else "beyond"
    return import_module(f"validation.{room}.{name}")
