"""Which column of a table is what: by its name, or as the user says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from domino_sim.errors import FileError, nearest_name
from domino_sim.readers.options import Options
from domino_sim.readers.records import KINDS
from domino_sim.readers.table import Table
from domino_sim.wording import shown

__all__ = ["Columns", "find_columns"]

#: Names that columns have in the field, by role; of a role the first is its own name.
NAMES: dict[str, tuple[str, ...]] = {
    "run": ("run", "run_id", "run_name", "model", "model_name", "seed", "experiment", "trial"),
    "step": ("step", "steps", "_step", "global_step", "training_step", "train_step", "iteration",
             "iter", "update"),
    "skill": ("skill", "task", "task_name", "benchmark", "subtask"),
    "metric": ("metric", "metric_name"),
    "value": ("value", "score"),
    "level": ("level",),
    "accuracy": ("accuracy", "acc"),
    "percent": ("percent",),
    "loss": ("loss", "nll", "cross_entropy"),
    "perplexity": ("perplexity", "ppl"),
    "frequency": ("frequency", "freq"),
    "se": ("se", "stderr", "std_err", "standard_error", "sem"),
}  # fmt: skip

VALUES = ("value", *KINDS)

#: Roles that tell a row from others; they stand first in `NAMES`.
HEADS = ("run", "step", "skill")


@dataclass(frozen=True)
class Columns:
    """The column of each role, of a run several; and of the standard errors, by role of value."""

    of: dict[str, tuple[str, ...]]
    se: dict[str, str] = field(default_factory=dict)

    def taken(self) -> list[str]:
        """Return what was taken for what, where it is not called that."""
        told = [f"{role}: {'+'.join(names)}" for role, names in self.of.items()]
        return told + [f"standard error of {role}: {name}" for role, name in self.se.items()]

    def used(self) -> set[str]:
        """Return the names of the columns that have a role."""
        return {name for names in self.of.values() for name in names} | set(self.se.values())


def find_columns(table: Table, options: Options) -> Columns:
    """Return which column of a table is what.

    Raises
    ------
    FileError
        If a column that the user names is not there, or two columns could be the same thing.
    """
    of: dict[str, tuple[str, ...]] = {}
    for role, names in options.columns.items():
        for name in names:
            if name not in table.columns:
                raise FileError(
                    f"there is no column {shown(name)} (for {role})",
                    where=table.file,
                    expected=f"one of {_listed(table.columns)}",
                    nearest=nearest_name(name, table.columns),
                )
        of[role] = names
    given = {name for names in of.values() for name in names}
    folded = {name: _folded(name) for name in table.columns if name not in given}
    for role, known in NAMES.items():
        if role not in HEADS and "skill" not in of:
            break  # a wide table, whose other columns are skills, whatever they are called
        if role in of or (role == "value" and set(KINDS) & of.keys() & options.columns.keys()):
            continue
        found = [name for name, plain in folded.items() if plain in known]
        own = [name for name in found if folded[name] == role]
        if len(own) == 1 and role not in VALUES:
            found = own  # a column of the very name, whatever others may look like it
        if len(found) > 1:
            raise _ambiguous(table, role, found)
        if found:
            of[role] = (found[0],)
    if "value" in of:
        others = [of[kind][0] for kind in KINDS if kind in of]
        if others and "value" not in options.columns:
            raise _ambiguous(table, "value", [of["value"][0], *others])
    return Columns(of, _errors(table, of, folded))


def _errors(
    table: Table, of: dict[str, tuple[str, ...]], folded: dict[str, str]
) -> dict[str, str]:
    """Return the columns of standard errors by role of the value; take `se` out of `of`."""
    values = [role for role in VALUES if role in of]
    found: dict[str, str] = {}
    for role in values:
        if f"{role}_se" in of:
            found[role] = of.pop(f"{role}_se")[0]
            continue
        own = {f"{_folded(of[role][0])}_{word}" for word in NAMES["se"]}
        names = [name for name, plain in folded.items() if plain in own]
        if len(names) > 1:
            raise _ambiguous(table, f"{role}_se", names)
        if names:
            found[role] = names[0]
    if "se" in of:
        (column,) = of.pop("se")
        open_to = [role for role in values if role not in found]
        if len(open_to) > 1:
            raise FileError(
                f"the column {shown(column)} may be the standard error of {_listed(open_to)}",
                where=table.file,
                expected=f"to be told which: --column {open_to[0]}_se={column}",
            )
        if open_to:
            found[open_to[0]] = column
    return found


def _ambiguous(table: Table, role: str, found: list[str]) -> FileError:
    return FileError(
        f"the columns {_listed(found)} may each be the {role}",
        where=table.file,
        expected=f"to be told which: --column {role}={found[0]}"
        + (f", or together: --column run={'+'.join(found)}" if role == "run" else ""),
    )


def _folded(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(shown(name) for name in names)
