"""The report of an inference, checked: whatever planning reads of it is there, and in its range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from domino_sim.errors import ArgumentError, FileError, GateError
from domino_sim.gates import parse_gate
from domino_sim.wording import key_path, shown

__all__ = ["check_report"]


class _At:
    """A value of a report and its key path, which an error names."""

    def __init__(
        self, value: Any, where: str, error: type[ArgumentError | FileError], keys: Sequence[object]
    ) -> None:
        self.value, self._where, self._error, self.keys = value, where, error, tuple(keys)

    def refuse(self, expected: str, what: str = "") -> NoReturn:
        """Raise an error that says what the value is, and what was expected."""
        path = f": {key_path(*self.keys)}" if self.keys else ""
        raise self._error(
            what or f"is {shown(self.value)}", where=f"{self._where}{path}", expected=expected
        )

    def __contains__(self, key: object) -> bool:
        return isinstance(self.value, Mapping) and key in self.value

    def __getitem__(self, key: object) -> _At:
        """Return the value of a key of a table, or of a place in a list."""
        if isinstance(self.value, list | tuple) and isinstance(key, int):
            return _At(self.value[key], self._where, self._error, (*self.keys, key))
        if not isinstance(self.value, Mapping):
            self.refuse("a table")
        if key not in self.value:
            self.refuse("the report.json that `domino-sim infer` wrote", f"lacks {shown(key)}")
        return _At(self.value[key], self._where, self._error, (*self.keys, key))

    def table(self) -> Iterator[_At]:
        """Yield the values of a table."""
        if not isinstance(self.value, Mapping):
            self.refuse("a table")
        return self.each()

    def each(self) -> Iterator[_At]:
        """Yield the values of a list or table."""
        if isinstance(self.value, Mapping):
            yield from (self[key] for key in self.value)
        elif isinstance(self.value, list | tuple):
            yield from (self[k] for k in range(len(self.value)))
        else:
            self.refuse("a list or table")

    def number(
        self, expected: str, least: float = 0.0, below: float = np.inf, *, none: bool = False
    ) -> None:
        """Refuse what is no number of `least` or more, and less than `below`."""
        x = self.value
        if none and x is None:
            return
        if not isinstance(x, int | float) or isinstance(x, bool) or not least <= x < below:
            self.refuse(expected)

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            self.refuse("a text")
        return self.value

    def one_of(self, names: Sequence[str], kind: str = "skill") -> None:
        """Refuse what is no name of those."""
        if self.value not in names:
            self.refuse(f"the name of a {kind}")

    def names(self) -> list[str]:
        """Return a list of names, each once."""
        if not isinstance(self.value, list | tuple):
            self.refuse("a list of names")
        found = [one.text() for one in self.each()]
        if len(set(found)) < len(found):
            self.refuse("names, each once")
        return found


def check_report(
    report: Mapping[str, Any], where: str, error: type[ArgumentError | FileError]
) -> None:
    """Check a report that may have been edited, or written by hand.

    Raises
    ------
    ArgumentError, FileError
        As `error`, with the key path after `where`.
    """
    whole = _At(report, where, error, ())
    skills, runs = whole["skills"].names(), whole["runs"].names()
    whole["noise"].number("a number > 0", least=np.nextafter(0.0, 1.0))
    kind = whole["model"]["kind"].text() if "model" in whole else "gates"
    if kind != "gates":
        whole["model"]["text"].text()
    if kind == "power" and "onsets" in whole["model"]:
        _check_onsets(whole, skills, runs)
    if kind == "gates":
        _check_gates(whole, skills)


def _check_gates(whole: _At, skills: Sequence[str]) -> None:
    if not isinstance(whole["misfit"].value, int | float):
        whole["misfit"].refuse("a number")
    if "scale" in whole:
        whole["scale"].number("a number ≥ 1", least=1.0)
    form = whole["form"]
    if (kind := form["kind"].value) in ("hard", "soft"):
        hard = kind == "hard"
        form["value"].number(
            "a number in (0, 1)" if hard else "a number > 0", np.nextafter(0.0, 1.0),
            1.0 if hard else np.inf,
        )  # fmt: skip
        if form["loss"].value not in ("mse", "ce"):
            form["loss"].refuse("mse or ce")
        if "leak" in form:  # reports of older versions had none
            form["leak"].number("a number from 0 to below 1", below=1.0)
    for edge in whole["edges"].each():
        edge["from"].one_of(skills)
        edge["to"].one_of(skills)
        edge["probability"].number("a number from 0 to 1", below=np.nextafter(1.0, 2.0))
    for gate in whole["gates"].table():
        _check_gate(gate, skills)
    for run in whole["mixtures"].table() if "mixtures" in whole else ():
        for frequency in run.table():
            frequency.number("a number ≥ 0", none=True)


def _check_gate(gate: _At, skills: Sequence[str]) -> None:
    if not gate.value:
        return
    try:
        names = parse_gate(gate.text()).names
    except GateError as wrong:
        gate.refuse(wrong.expected or "a gate", wrong.what)
    if not set(names) <= set(skills):
        gate.refuse("a gate of skills")


def _check_onsets(whole: _At, skills: Sequence[str], runs: Sequence[str]) -> None:
    model, mixtures = whole["model"], whole["mixtures"]
    rows = {run: mixtures[run] for run in runs}
    if not rows:
        whole["runs"].refuse("the name of a run at least")
    first = next(iter(rows.values()))
    kept = [str(one.keys[-1]) for one in first.table()]
    if not set(kept) <= set(skills):
        first.refuse("frequencies by skill")
    for run, row in rows.items():
        for name in kept:
            row[name].number("a number ≥ 0")
            model["onsets"][run][name].number("a step ≥ 0, or null", none=True)
            model["last_steps"][run][name].number("a step ≥ 0")
        if not any(row[name].value > 0.0 for name in kept):
            row.refuse("frequencies by skill, not all of them 0")
    if odd := [run for run in mixtures.value if run not in rows]:
        mixtures[odd[0]].refuse("runs of the inference", "is none of them")
    rules = model["rules"]
    most = rules["most_prerequisites"]
    most.number("a whole number ≥ 0")
    if not isinstance(most.value, int):
        most.refuse("a whole number ≥ 0")
    for pair in (*rules["forbidden"].each(), *rules["required"].each()):
        if not isinstance(pair.value, list | tuple) or len(pair.value) != 2:
            pair.refuse("two skills")
        pair[0].one_of(kept)
        pair[1].one_of(kept)
