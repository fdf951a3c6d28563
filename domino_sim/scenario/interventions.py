"""Interventions: what changes during a run, and when."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from domino_sim.errors import GateError, ScenarioError
from domino_sim.gates import parse_gate
from domino_sim.scenario.fields import MOST, NonNegative, Number, Table, Text, refuse
from domino_sim.scenario.keys import skill_of
from domino_sim.scenario.tables import Skill
from domino_sim.wording import shown


class At(NamedTuple):
    """An intervention's trigger: at a step."""

    kind: Literal["at"]
    step: float


class When(NamedTuple):
    """An intervention's trigger: when a skill's level is passed."""

    kind: Literal["when"]
    skill: str
    level: float


class Change(NamedTuple):
    """One entry of an intervention's `set`.

    `key` is ``frequency`` (of `skill`), or ``wasted``, ``noise``, ``rate`` or ``lr`` of the pool,
    with `skill` None.
    """

    key: Literal["frequency", "wasted", "noise", "rate", "lr"]
    skill: str | None
    value: float


_SETTABLE = "skills.NAME.frequency, pool.wasted, pool.noise, pool.rate or pool.lr"
_PASSED = re.compile(r"(?P<skill>.+?)\s*>=?\s*(?P<level>[^<>=]*)\Z", re.DOTALL)


def flat(value: Any) -> Any:
    """Return the entries of `set` as they are, refusing keys that are not in quotes."""
    if isinstance(value, dict):
        for key, content in value.items():
            if isinstance(content, dict):
                refuse(
                    "a table where a number belongs",
                    expected='the whole key in quotes: set = {"skills.T1.frequency" = 1.0}',
                    at=(key,),
                )
    return value


class Intervention(Table):
    """A change during the run, at a step or when a level is passed."""

    at: NonNegative | None = Field(default=None, description="The step at which it happens.")
    when: Text | None = Field(
        default=None,
        description='The level whose passing makes it happen, e.g. "T5 > 0.5" (>= means the '
        "same: the first instant at which the level is reached).",
    )
    set: Annotated[dict[str, Number], BeforeValidator(flat)] = Field(
        default={}, description=f"New values of {_SETTABLE}, each key in quotes."
    )
    freeze: tuple[Text, ...] = Field(
        default=(), description="Skills that stop learning: no demand, level kept."
    )
    unfreeze: tuple[Text, ...] = Field(default=(), description="Frozen skills that learn again.")
    add: dict[str, Skill] = Field(
        default={}, description="New skills, as in [skills]; with modules each names its module."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.at is None) == (self.when is None):
            refuse(
                "neither at nor when is given" if self.at is None else "at and when are given",
                expected="one of them",
            )
        if not (self.set or self.freeze or self.unfreeze or self.add):
            refuse("it changes nothing", expected="one or more of set, freeze, unfreeze, add")
        for name in sorted({*self.freeze} & {*self.unfreeze}):
            refuse(f"{name!r} is frozen and unfrozen at once", at=("unfreeze",))
        _ = self.trigger, self.changes
        return self

    @cached_property
    def trigger(self) -> At | When:
        """When it happens: ``("at", step)`` or ``("when", skill, level)``."""
        if self.at is not None:
            return At("at", self.at)
        assert self.when is not None
        found = _PASSED.fullmatch(self.when)
        expected = 'a skill and a level from 0 to 1, e.g. "T5 > 0.5" or "\'KL term\' > 0.5"'
        if not found:
            refuse(f"{shown(self.when)} is not a condition", expected, at=("when",))
        try:
            level = float(found["level"])
        except ValueError:
            level = -1.0
        if not 0.0 <= level <= 1.0:
            refuse(f"{shown(found['level'])} is not a level", expected, at=("when",))
        try:
            program = parse_gate(found["skill"]).program
        except GateError as error:
            refuse(error.what, error.expected or expected, error.nearest, at=("when",))
        if len(program) != 1 or not isinstance(program[0], str):
            refuse(f"{shown(found['skill'])} is not one skill", expected, at=("when",))
        return When("when", program[0], level)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The entries of `set`, parsed."""
        return tuple(_change(key, value) for key, value in self.set.items())


def _change(key: str, value: float) -> Change:
    place = ("set", key)
    section, _, rest = key.partition(".")
    if section == "pool":
        if rest == "law":
            refuse("the pool law cannot change during a run", expected=_SETTABLE, at=place)
        if rest not in ("wasted", "noise", "rate", "lr"):
            refuse("cannot be set", expected=_SETTABLE, at=place)
        if value < 0 or (value == 0 and rest in ("rate", "lr")) or value > MOST:
            bound = "≥ 0" if rest in ("wasted", "noise") else "> 0"
            refuse(f"{value:g} is out of range", expected=f"a number {bound}", at=place)
        return Change(rest, None, value)  # type: ignore[arg-type]
    try:
        name, field = skill_of(rest) if section == "skills" else ("", "")
    except ScenarioError as error:
        refuse(error.what, error.expected, at=place)
    if field != "frequency":
        refuse("cannot be set", expected=_SETTABLE, at=place)
    if not 0 <= value <= MOST:
        refuse(f"{value:g} is out of range", expected="a number ≥ 0", at=place)
    return Change("frequency", name, value)
