"""Every error the package raises on purpose.

::

    DominoError
    ├── InputError (also a ValueError)   something the user gave cannot be used
    │   ├── FileError                    a file cannot be read or written
    │   ├── GateError                    a gate expression
    │   ├── GraphError                   a skill graph: cycles, unknown or duplicate names
    │   ├── ScenarioError                a scenario or run file, or an override
    │   └── ArgumentError                an argument of a Python function
    ├── EngineError                      this engine cannot run this scenario; another one can
    └── RunError                         a run could not be carried through

Each message is one line: where, what is wrong, what was expected, the nearest valid choice.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

__all__ = [
    "ArgumentError",
    "DominoError",
    "EngineError",
    "FileError",
    "GateError",
    "GraphError",
    "InputError",
    "RunError",
    "ScenarioError",
    "nearest_name",
]

#: How many names are searched for the nearest one: difflib takes about 5 µs a name.
NEAREST_SEARCH_LIMIT = 20_000


class DominoError(Exception):
    """Base of all errors of the package. ``str(error)`` is one line, ready to print."""


class InputError(DominoError, ValueError):
    """Something the user gave cannot be used.

    Parameters
    ----------
    what
        What is wrong, in a few words: ``"frequency is negative: -1"``.
    where
        File and key path: ``"run.toml: skills.T1.frequency"``.
    expected
        What would have been valid: ``"a finite number ≥ 0"``.
    nearest
        The nearest valid choice, if there is one.

    Examples
    --------
    >>> print(InputError("unknown law 'summ'", where="a.toml: pool.law", nearest="sum"))
    a.toml: pool.law: unknown law 'summ'; did you mean 'sum'?
    """

    def __init__(
        self, what: str, *, where: str = "", expected: str = "", nearest: str | None = None
    ) -> None:
        self.what, self.where, self.expected, self.nearest = what, where, expected, nearest
        text = f"{where}: {what}" if where else what
        if expected:
            text += f"; expected {expected}"
        if nearest:
            text += f"; did you mean {nearest!r}?"
        super().__init__(one_line(text))

    def at(self, where: str) -> InputError:
        """Return the same error with `where` put before the place it already names."""
        place = f"{where}: {self.where}" if self.where else where
        return type(self)(
            self.what, where=place, expected=self.expected, nearest=self.nearest
        )


class FileError(InputError):
    """A file cannot be read or written."""


class GateError(InputError):
    """A gate expression cannot be parsed, or names something it may not."""


class GraphError(InputError):
    """A skill graph has a cycle, an unknown or duplicate name, or an impossible number."""


class ScenarioError(InputError):
    """A scenario file or run file, or an override of it, is not valid."""


class ArgumentError(InputError):
    """An argument of a public function is not valid."""


class EngineError(DominoError):
    """The chosen engine cannot run this scenario; the message names one that can."""


class RunError(DominoError):
    """A run could not be carried through (the message says at which step, and why)."""


def one_line(text: str) -> str:
    """Return `text` with line breaks and control characters made visible."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def nearest_name(name: object, choices: Iterable[str]) -> str | None:
    """Return the choice most like `name`, or None if nothing is alike."""
    searched = list(islice(choices, NEAREST_SEARCH_LIMIT))
    found = difflib.get_close_matches(str(name), searched, n=1, cutoff=0.5)
    if found:
        return found[0]
    folded = {c.casefold(): c for c in searched}
    return folded.get(str(name).casefold())
