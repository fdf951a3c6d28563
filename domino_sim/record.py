"""Recorder: the skills of a training loop of your own, as learning curves. It needs no Torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from domino_sim.curve_form import check_names
from domino_sim.curves import make_curves, save_curves
from domino_sim.errors import ArgumentError, FileError, nearest_name
from domino_sim.journal import Journal, Row
from domino_sim.logged import frequency, level, number, whole_step
from domino_sim.netcdf import texts
from domino_sim.wording import key_path, shown

__all__ = ["Recorder"]

#: What is logged: the name of the argument, what a row of the journal calls it, and its check.
KINDS: dict[str, tuple[str, Callable[[Any, str], float]]] = {
    "losses": ("loss", number),
    "levels": ("level", level),
    "mixture": ("frequency", frequency),
}

#: One value: step (None: before the first), skill, level or loss or frequency, the number.
Entry = tuple[int | None, str, str, float]


class Recorder:
    """Records the losses or levels of skills during a training, as learning curves.

    Parameters
    ----------
    run
        The name of the run.
    mixture
        The frequency of each skill at the start, by name: finite, ≥ 0; what it leaves out is not
        known.
    skills
        The only skills there are; by default whatever is logged. They are in the curves also if
        they are never logged.
    path
        A JSONL file to which everything is written at once, so that nothing is lost if the
        training dies (``docs/files.md``, "The journal of a recorder"). If the file is there
        already, it is continued. One file holds one run, and one process writes it.

    Attributes
    ----------
    step
        The last step that was logged, or None.

    Raises
    ------
    ArgumentError
        If a name or frequency is not valid, or the file is of another run or mixture.
    FileError
        If the file cannot be read or written.

    Examples
    --------
    >>> recorder = Recorder("seed 0", mixture={"copy": 0.9, "reverse": 0.1})
    >>> for step in range(0, 300, 100):
    ...     recorder.log(step, losses={"copy": 2.0 / (1 + step), "reverse": 2.0})
    >>> curves = recorder.curves()
    >>> float(curves.loss.sel(run="seed 0", step=0, skill="copy"))
    2.0
    >>> curves.frequency.values
    array([[0.9, 0.1]])
    """

    def __init__(
        self,
        run: str = "run",
        *,
        mixture: Mapping[str, Any] | None = None,
        skills: Iterable[str] | None = None,
        path: str | Path | None = None,
    ) -> None:
        check_names("run", texts([run]))
        self.run = run
        self.step: int | None = None
        if isinstance(skills, str) or not isinstance(skills, Iterable | None):
            raise ArgumentError(f"is {shown(skills)}", where="skills", expected="a list of names")
        if not isinstance(path, str | Path | None):
            raise ArgumentError(f"is {shown(path)}", where="path", expected="the path of a file")
        self._declared = None if skills is None else list(skills)
        self._skills: dict[str, None] = {}
        self._entries: list[Entry] = []
        self._now: set[tuple[str, str]] = set()  # what is logged at the last step
        if self._declared is not None:
            check_names("skill", texts(self._declared))
            self._skills = dict.fromkeys(self._declared)
        start = list(self._checked(None, None, None, mixture))
        self._journal = None if path is None else Journal(path)
        if self._journal is not None:
            start = self._continue(self._journal, start)
        self._write(start)

    def _continue(self, journal: Journal, start: list[Entry]) -> list[Entry]:
        """Take over what the journal holds; return what of the start it does not hold."""
        for place, row in journal.rows:
            if row["run"] != self.run:
                raise ArgumentError(
                    f"holds the run {shown(row['run'])}", where=place, expected=shown(self.run)
                )
            # Rows without a step are the mixture at the start, and stand first.
            first = self.step is None and set(row) == {"run", "skill", "frequency"}
            try:
                step = None if first else whole_step(row.get("step"))
                tables = [{row["skill"]: row[k]} if k in row else None for k, _ in KINDS.values()]
                self._keep(self._checked(step, *tables))
            except ArgumentError as error:
                where = f"{place}: {error.where}" if error.where else place
                raise FileError(error.what, where=where, expected=error.expected) from None
        held = [entry for entry in self._entries if entry[0] is None]
        missing = [entry for entry in start if entry not in held]
        if start and (len(held) + len(missing) > len(start) or (missing and self.step is not None)):
            raise ArgumentError(
                f"is not the mixture with which {journal.name} begins",
                where="mixture",
                expected=shown({skill: value for _, skill, _, value in held}),
            )
        return missing

    @property
    def skills(self) -> tuple[str, ...]:
        """The names of the skills, in the order of `skills`, then as they were first named."""
        return tuple(self._skills)

    def log(
        self,
        step: int,
        losses: Mapping[str, Any] | None = None,
        levels: Mapping[str, Any] | None = None,
        *,
        mixture: Mapping[str, Any] | None = None,
    ) -> None:
        """Record losses, levels or both at a step, and a change of the mixture.

        Parameters
        ----------
        step
            How many updates were made before: an integer ≥ 0, not below the last one logged. A
            step may be logged in several calls, each value once.
        losses, levels
            By name of skill, as many skills as were measured. Levels are accuracies or the like,
            1 when all is learned. Numbers, or arrays and tensors of one element. None, NaN and
            infinite values (of a training that diverged) are recorded as missing: NaN.
        mixture
            The frequencies from this step on, by name: finite, ≥ 0; skills that are not named
            keep theirs.

        Raises
        ------
        ArgumentError
            If a step goes back, a value is logged twice or is none, or a skill is not known.
            Nothing of the call is recorded then.
        FileError
            If the file cannot be written.
        """
        if losses is None and levels is None and mixture is None:
            raise ArgumentError(
                "nothing to log", where=f"step {shown(step)}", expected="losses, levels or mixture"
            )
        self._write(list(self._checked(whole_step(step), losses, levels, mixture)))

    def rewind(self, step: int) -> None:
        """Forget what was logged at `step` and later, to train from there again.

        For a training that goes on from a checkpoint which is older than the last log. A file is
        rewritten; it holds either all of the old or all of the new.

        Parameters
        ----------
        step
            The first step that will be logged again, an integer ≥ 0.

        Examples
        --------
        >>> recorder = Recorder()
        >>> for step in (0, 10, 20):
        ...     recorder.log(step, levels={"A": step / 100})
        >>> recorder.rewind(10)
        >>> recorder.step
        0
        """
        first = whole_step(step)
        kept = [entry for entry in self._entries if entry[0] is None or entry[0] < first]
        if self._journal is not None:
            self._journal.replace(self._rows(kept))
        self._entries, self._now, self.step = [], set(), None
        self._keep(kept)

    def curves(self) -> xr.Dataset:
        """Return what was recorded as learning curves of one run (:mod:`domino_sim.curves`).

        Returns
        -------
        xarray.Dataset
            ``loss``, ``level`` or both (run, step, skill), ``frequency`` (run, skill); NaN what
            is missing. If the mixture has changed, also ``frequency_at`` (run, step, skill), the
            frequency from each step on; the ``frequency`` of those skills is NaN then.
        """
        skills = {skill: i for i, skill in enumerate(self._skills)}
        steps = sorted({entry[0] for entry in self._entries if entry[0] is not None})
        rows = {step: k for k, step in enumerate(steps)}
        tables: dict[str, np.ndarray] = {}
        at = np.full((len(steps), len(skills)), np.nan)
        start = np.full(len(skills), np.nan)
        for step, skill, kind, value in self._entries:
            i = skills[skill]
            if step is None:
                start[i] = at[:, i] = value
            elif kind == "frequency":
                at[rows[step] :, i] = value
            else:
                if kind not in tables:
                    tables[kind] = np.full((1, *at.shape), np.nan)
                tables[kind][0, rows[step], i] = value
        changes = (at != at[:1]).any(axis=0) & ~np.isnan(at).all(axis=0)
        if len(steps):
            changes |= ~np.isnan(start) & (at[0] != start)
            start = np.where(np.isnan(start), at[0], start)
        return make_curves(
            runs=[self.run],
            steps=steps,
            skills=list(skills),
            level=tables.get("level", None if "loss" in tables else at[None] * np.nan),
            loss=tables.get("loss"),
            frequency=np.where(changes, np.nan, start),
            extra={"frequency_at": (("run", "step", "skill"), at[None])} if changes.any() else None,
        )

    def save(self, path: str | Path) -> None:
        """Write the curves as netCDF; see :func:`domino_sim.curves.save_curves`.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        save_curves(self.curves(), path)

    def _checked(
        self,
        step: int | None,
        losses: Mapping[str, Any] | None,
        levels: Mapping[str, Any] | None,
        mixture: Mapping[str, Any] | None,
    ) -> Iterator[Entry]:
        place = "" if step is None else f"step {step}: "
        if step is not None and self.step is not None and step < self.step:
            raise ArgumentError(
                f"goes back: step {self.step} is logged already",
                where=f"step {step}",
                expected=f"no step before it (rewind({step}) forgets what was logged since)",
            )
        tables = zip(KINDS.items(), (losses, levels, mixture), strict=True)
        for (argument, (kind, checked)), table in tables:
            if not isinstance(table, Mapping | None):
                what = f"is {shown(table)}"
                raise ArgumentError(what, where=place + argument, expected="numbers by skill")
            for skill, value in (table or {}).items():
                where = place + key_path(argument, skill)
                self._check_skill(skill, place + argument)
                if step == self.step and (skill, kind) in self._now:
                    raise ArgumentError("is logged already", where=where, expected="it once a step")
                yield step, skill, kind, checked(value, where)

    def _check_skill(self, skill: Any, where: str) -> None:
        if skill in self._skills:
            return
        if self._declared is not None:
            raise ArgumentError(
                f"unknown skill {shown(skill)}",
                where=where,
                expected="one of the declared skills",
                nearest=nearest_name(skill, self._declared),
            )
        check_names("skill", texts([skill]))

    def _write(self, entries: list[Entry]) -> None:
        if self._journal is not None and entries:
            self._journal.append(self._rows(entries))
        self._keep(entries)

    def _keep(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            step, skill, kind, _ = entry
            if step != self.step:
                self.step, self._now = step, set()
            self._now.add((skill, kind))
            self._skills.setdefault(skill)
            self._entries.append(entry)

    def _rows(self, entries: list[Entry]) -> list[Row]:
        rows: dict[tuple[int | None, str], dict[str, Any]] = {}
        for step, skill, kind, value in entries:
            head = {"run": self.run, **({} if step is None else {"step": step}), "skill": skill}
            row = rows.setdefault((step, skill), head)
            row[kind] = None if math.isnan(value) else value
        return list(rows.values())
