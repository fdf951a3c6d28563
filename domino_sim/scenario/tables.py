"""The tables of a scenario file. Every default of a scenario is written here or in `Scenario`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from domino_sim.scenario.fields import (
    Count,
    Level,
    NonNegative,
    Number,
    Positive,
    Seed,
    Step,
    Table,
    Text,
    refuse,
    whole,
)

#: η and N₀ of a pool for which nothing else is given.
DEFAULT_RATE = 0.01
DEFAULT_WASTED = 0.0
DEFAULT_POINTS = 1000

#: The frequency of a skill of ``[skills]`` or of ``add`` that names none.
DEFAULT_FREQUENCY = 1.0

#: The level at which an unlearned skill starts, by loss.
DEFAULT_LEVEL = {"mse": 0.0, "ce": 0.5}

#: The most steps a run can record: 80 MB for the steps alone.
MOST_RECORDED = 10_000_000


Points = Annotated[int, Field(strict=True, ge=2, le=MOST_RECORDED), BeforeValidator(whole)]


class Pool(Table):
    """The shared resource of the skills, and the law that divides it."""

    law: Literal["sum", "norm", "constant", "domino"] = Field(
        default="sum",
        description="How the pool is divided: sum (the paper's Eq. 1), norm (SignGD), constant "
        "(SGD, no competition) or domino (one skill at a time).",
    )
    wasted: NonNegative | None = Field(
        default=None,
        description="N₀, the part of the pool no skill gets, in units of demand; 0 unless noise "
        "is given. The laws constant and domino do not use it.",
        json_schema_extra={"default": DEFAULT_WASTED},
    )
    noise: NonNegative | None = Field(
        default=None,
        description="σ, the gradient noise of one parameter, from which N₀ = σ √n_dim / g0 "
        "follows; with the law norm and n_dim only, and not with wasted.",
    )
    rate: Positive | None = Field(
        default=None,
        description="η, the learning rate of a skill alone, per step (domino: 1/t₀); 0.01 unless "
        "lr is given.",
        json_schema_extra={"default": DEFAULT_RATE},
    )
    lr: Positive | None = Field(
        default=None,
        description="The optimiser's learning rate, from which η = √(2/π) lr √n_dim follows "
        "(constant: g0 lr); needs n_dim, and not with rate.",
    )
    n_dim: Count | None = Field(
        default=None, description="The number of parameters the skills share."
    )
    g0: Positive = Field(
        default=1.0,
        description="The gradient of an unlearned skill's loss: 1 for ½(1 − s)² and cross "
        "entropy, 2 for (1 − s)².",
    )

    @model_validator(mode="after")
    def _one_source_each(self) -> Self:
        if self.rate is not None and self.lr is not None:
            refuse("rate and lr are given together", expected="one of them", at=("rate",))
        if self.wasted is not None and self.noise is not None:
            refuse("wasted and noise are given together", expected="one of them", at=("noise",))
        if self.lr is not None and self.n_dim is None:
            refuse("lr is given without n_dim", expected="n_dim too", at=("lr",))
        if self.noise is not None and self.law != "norm":
            refuse(
                f"noise is given with the law {self.law!r}",
                expected="law = 'norm', or wasted in its place",
                at=("noise",),
            )
        if self.noise is not None and self.n_dim is None:
            refuse("noise is given without n_dim", expected="n_dim too", at=("noise",))
        if self.rate is None and self.lr is None:
            self._default("rate", DEFAULT_RATE)
        if self.wasted is None and self.noise is None:
            self._default("wasted", DEFAULT_WASTED)
        return self


class GateForm(Table):
    """How the levels of prerequisites open a gate."""

    kind: Literal["hard", "soft"] = Field(
        default="hard",
        description="hard: a gate opens when its prerequisites are mastered; soft: with their "
        "level, as 1 − u^exponent.",
    )
    exponent: Positive = Field(
        default=1.0,
        description="α of a soft gate 1 − u^α; small opens late. Not with kind = 'hard'.",
    )
    leak: Annotated[Number, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="How far a closed gate lets a skill learn: c = leak + (1 − leak) gate. The "
        "law domino does not use it.",
    )

    @model_validator(mode="after")
    def _exponent_of_a_soft_gate(self) -> Self:
        if self.kind == "hard" and self.was_given("exponent"):
            refuse(
                "exponent is given with kind = 'hard'",
                expected="kind = 'soft' (or replace the whole table: gate = {kind = 'hard'})",
                at=("exponent",),
            )
        return self


class Record(Table):
    """Which steps the result holds; one of the three keys."""

    points: Points | None = Field(
        default=None,
        description="How many steps, evenly spaced from 0 to the last (rounded, each once).",
        json_schema_extra={"default": DEFAULT_POINTS},
    )
    every: Count | None = Field(
        default=None, description="Every so many steps from 0, and the last."
    )
    steps: tuple[Step, ...] | None = Field(
        default=None, description="The steps themselves, increasing, from 0 to at most `steps`."
    )

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        given = [key for key in ("points", "every", "steps") if self.was_given(key)]
        if len(given) > 1:
            refuse(
                f"{' and '.join(given)} are given together",
                expected="one of points, every, steps (replace the whole table: record = {…})",
            )
        if not given:
            self._default("points", DEFAULT_POINTS)
        if self.steps is not None:
            if not self.steps:
                refuse("no step is given", expected="at least one", at=("steps",))
            for i, (before, after) in enumerate(zip(self.steps, self.steps[1:], strict=False)):
                if after <= before:
                    refuse(
                        f"{after} follows {before}", expected="rising steps", at=("steps", i + 1)
                    )
        return self


    def check(self, last: int) -> None:
        """Refuse, from within a validator, what does not fit a run of `last` steps."""
        if self.every is not None and last // self.every + 2 > MOST_RECORDED:
            refuse(
                f"would record {last // self.every + 2} steps",
                expected=f"at most {MOST_RECORDED}: every ≥ {last // MOST_RECORDED + 1}",
                at=("record", "every"),
            )
        if self.steps and self.steps[-1] > last:
            refuse(
                f"{self.steps[-1]} is beyond the last step",
                expected=f"steps up to {last}",
                at=("record", "steps", len(self.steps) - 1),
            )


def record_steps(record: Record, last: int) -> NDArray[np.int64]:
    """Return the recorded steps of a run of `last` steps, rising, shape (recorded,)."""
    if record.steps is not None:
        return np.array(record.steps, dtype=np.int64)
    if record.every is not None:
        steps = np.arange(0, last + 1, record.every, dtype=np.int64)
        return steps if steps[-1] == last else np.append(steps, last)
    assert record.points is not None
    even = np.rint(np.linspace(0, last, min(record.points, last + 1)))
    return np.unique(even.astype(np.int64))


class SkillTable(Table):
    """What one skill of a scenario has in common with one of a gradient run."""

    frequency: NonNegative | None = Field(
        default=None,
        description="p, how often the skill is trained; 1 unless the graph or `frequencies` says "
        "otherwise. Never renormalised.",
    )
    requires: Text | None = Field(
        default=None,
        description="The gate: which skills must be learned first, e.g. \"A and (B or 'C D')\" "
        'or "2 of (A, B, C)".',
    )


class Skill(SkillTable):
    """One skill."""

    level: Level | None = Field(
        default=None,
        description="The level at the start; 0 with loss = 'mse', ½ with 'ce' (there above 0).",
    )
    module: Text | None = Field(
        default=None, description="The module of a skill that an intervention adds; only there."
    )


class Family(Table):
    """A graph made by a rule; further keys are the rule's parameters."""

    model_config = ConfigDict(extra="allow")

    family: Text = Field(
        description="chain, independent, layered, random, tree or a graph of the paper; its other "
        "keys (n, seed, layers, parents, branching, …) stand beside it."
    )


class FrequencyLaw(Table):
    """Frequencies by a law; i = 1, 2, … in file or node order."""

    law: Literal["power", "exponential", "uniform"] = Field(
        description="power: i^−exponent; exponential: e^(−exponent i); uniform: all equal."
    )
    exponent: Annotated[Number, Field(ge=0, le=1000)] = Field(
        default=1.0, description="How steeply frequencies fall; not with uniform."
    )
    normalise: bool = Field(
        default=True, strict=True, description="Whether the frequencies add up to 1."
    )


class Module(Table):
    """A group of skills with a pool of its own."""

    skills: tuple[Text, ...] = Field(min_length=1, description="The names of its skills.")
    share: Annotated[Number, Field(gt=0, le=1)] = Field(
        description="Its share of the parameters; shares add up to at most 1."
    )


class Correlation(Table):
    """Random unit task vectors; their Gram matrix correlates the skills."""

    n_dim: Count = Field(description="The dimension of the task vectors.")
    seed: Seed = Field(
        default=0, description="The seed of the task vectors (numpy.random.default_rng)."
    )
