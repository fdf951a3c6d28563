"""The table ``[sweep]`` of a scenario or run file: what is varied, and how."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from domino_sim.scenario.choices import Seeds
from domino_sim.scenario.fields import Count, Number, Seed, Table, Text, refuse
from domino_sim.scenario.messages import scenario_error


class Range(Table):
    """Numbers from `low` to `high`."""

    low: Number = Field(description="The lowest number.")
    high: Number = Field(description="The highest number.")
    n: Count | None = Field(
        default=None,
        description="How many numbers, both ends among them; needed with sampling = 'grid', not "
        "used otherwise.",
    )
    spacing: Literal["linear", "log"] = Field(
        default="linear", description="Evenly spaced, or so in the logarithm (low > 0)."
    )
    whole: bool = Field(
        default=False, strict=True, description="Whether they are rounded, and each is taken once."
    )

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.high <= self.low:
            refuse(f"{self.high:g} is not above low", f"a number > {self.low:g}", at=("high",))
        if self.spacing == "log" and self.low <= 0:
            refuse(f"{self.low:g} has no logarithm", "low > 0 with spacing = 'log'", at=("low",))
        if self.n == 1:
            refuse("one number has no two ends", "n ≥ 2, or a list", at=("n",))
        if self.whole and math.ceil(self.low) > math.floor(self.high):
            told = f"there is no whole number from {self.low:g} to {self.high:g}"
            refuse(told, "a range with one", at=("whole",))
        return self

    @property
    def most(self) -> int | None:
        """How many numbers there are at most; `n`, but no more than there are whole ones."""
        if self.n is None or not self.whole:
            return self.n
        return min(self.n, math.floor(self.high) - math.ceil(self.low) + 1)


def _values(value: Any) -> Any:
    """Refuse what is neither a list nor a range, above all keys that are not in quotes."""
    if isinstance(value, dict):
        if not {"low", "high"} & value.keys() and any(
            isinstance(v, dict | list) for v in value.values()
        ):
            refuse(
                "a table where values belong",
                'the whole key in quotes: "pool.wasted" = [0.01, 0.1]',
            )
        return _range(value)
    if isinstance(value, list | tuple):
        if not value:
            refuse("is empty", "one value or more")
        return value
    if isinstance(value, Range):
        return value
    refuse("is no axis", "a list of values, or {low = …, high = …, n = …}")


def _range(value: dict[str, Any]) -> Range:
    """Return a range, or refuse it by its own keys: a union of kinds would put theirs between."""
    try:
        return Range.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        told = scenario_error(error, "")
        at = (*first["loc"], *first.get("ctx", {}).get("at", ()))
        refuse(told.what, told.expected, told.nearest, at=at)


Values = Annotated[Range | tuple[Any, ...], BeforeValidator(_values)]


class SweepTable(Table):
    """Which key paths are varied, over which values."""

    axes: dict[Text, Values] = Field(
        default={},
        description="Key paths in quotes, as in overrides, each with a list of values or a range.",
    )
    zip: tuple[Annotated[tuple[Text, ...], Field(min_length=2)], ...] = Field(
        default=(), description="Axes that go together, value by value: [[\"pool.lr\", \"steps\"]]."
    )
    sampling: Literal["grid", "random", "sobol"] = Field(
        default="grid",
        description="grid: every combination; random, sobol: `count` points drawn from the "
        "ranges and lists (sobol: evenly, scrambled).",
    )
    count: Count | None = Field(
        default=None, description="How many points are drawn; with random and sobol only."
    )
    sample_seed: Seed = Field(default=0, description="The seed of the drawing.")
    seeds: Seeds | None = Field(
        default=None,
        description="Each point with so many seeds, spawned from its own parameters; or with these "
        "seeds. Without it, those of the scenario or run.",
    )
    engine: Literal["auto", "events", "clock", "euler"] = Field(
        default="auto",
        description="What simulates scenarios; auto: clock, or events where clock cannot.",
    )
    curves: Literal["none", "loss", "levels"] = Field(
        default="none",
        description="What is kept of the recorded steps: nothing, the loss of all skills together, "
        "or the levels of each as well.",
    )

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.sampling == "grid":
            if self.count is not None:
                refuse("count is given with sampling = 'grid'", "random or sobol", at=("count",))
            for key, values in self.axes.items():
                if isinstance(values, Range) and values.n is None:
                    refuse("n is missing", "how many numbers", at=("axes", key))
        else:
            if self.count is None:
                refuse(f"sampling = {self.sampling!r} without count", "count too", at=("count",))
            if self.zip:
                refuse(f"zip with sampling = {self.sampling!r}", "sampling = 'grid'", at=("zip",))
            if not self.axes:
                refuse("count is given, but nothing to draw", "axes too", at=("count",))
        self._check_zip()
        if isinstance(self.seeds, tuple):
            if not self.seeds:
                refuse("there are no seeds", "at least one", at=("seeds",))
            if len(set(self.seeds)) < len(self.seeds):
                refuse("a seed is given twice", "different seeds", at=("seeds",))
        if self.seeds is not None and {"seed", "seeds"} & self.axes.keys():
            refuse("seeds beside an axis of seeds", "one of them", at=("seeds",))
        return self

    def _check_zip(self) -> None:
        seen: set[str] = set()
        for i, keys in enumerate(self.zip):
            for key in keys:
                if key not in self.axes:
                    refuse(f"there is no axis {key!r}", "one of the axes", at=("zip", i))
                if key in seen:
                    refuse(f"{key!r} is zipped twice", "each axis once", at=("zip", i))
                seen.add(key)
