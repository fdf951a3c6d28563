"""Values of a JSON file with their places: what is not as it should be is refused by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from domino_sim.errors import FileError, nearest_name
from domino_sim.wording import key_path, shown

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """A value in a file.

    Attributes
    ----------
    value
        It, as JSON gives it.
    file, path
        Where it stands.
    """

    value: Any
    file: str
    path: tuple[object, ...] = ()

    def refusal(
        self, what: str = "", expected: str = "", nearest: str | None = None
    ) -> FileError:
        """Return the error that says what is wrong with the value."""
        where = f"{self.file}: {key_path(*self.path)}" if self.path else self.file
        what = what or f"is {shown(self.value)}"
        return FileError(what, where=where, expected=expected, nearest=nearest)

    def __getitem__(self, key: str) -> Entry:
        """Return what stands under a key of a table."""
        if key not in self.table():
            raise Entry(None, self.file, (*self.path, key)).refusal("this key is missing")
        return Entry(self.value[key], self.file, (*self.path, key))

    def __contains__(self, key: str) -> bool:
        return key in self.table()

    def table(self) -> dict[str, Any]:
        """Return the value, which must be a table."""
        if not isinstance(self.value, dict):
            raise self.refusal(expected="a table")
        return self.value

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Give the keys of a table with their entries."""
        for key in self.table():
            yield key, self[key]

    def entries(self, count: int | None = None) -> list[Entry]:
        """Return the entries of a list, of a given length if there is a `count`."""
        if not isinstance(self.value, list):
            raise self.refusal(expected="a list")
        if count is not None and len(self.value) != count:
            raise self.refusal(f"has the length {len(self.value)}", expected=str(count))
        return [Entry(v, self.file, (*self.path, i)) for i, v in enumerate(self.value)]

    def number(self, null: float | None = None) -> float:
        """Return a finite number; `null` stands for a null, if it is given."""
        if self.value is None and null is not None:
            return null
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not number or not math.isfinite(self.value):
            raise self.refusal(expected="a finite number")
        return float(self.value)

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        whole = isinstance(self.value, int) and not isinstance(self.value, bool)
        if not whole or not low <= self.value <= high:
            raise self.refusal(expected=f"a whole number from {low} to {high}")
        return int(self.value)

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.refusal(expected="true or false")
        return self.value

    def text(self, choices: Collection[str] = ()) -> str:
        """Return a text, one of the `choices` if there are any."""
        if not isinstance(self.value, str):
            raise self.refusal(expected="a text")
        if choices and self.value not in choices:
            nearest = nearest_name(self.value, choices)
            raise self.refusal(expected=f"one of {', '.join(choices)}", nearest=nearest)
        return self.value
