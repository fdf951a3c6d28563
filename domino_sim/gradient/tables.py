"""The tables of a run file. Every default of a run is written here or in `Run`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from domino_sim.errors import ScenarioError
from domino_sim.scenario.fields import (
    MOST,
    Count,
    NonNegative,
    Number,
    Positive,
    Step,
    Table,
    Text,
    refuse,
)
from domino_sim.scenario.interventions import flat
from domino_sim.scenario.keys import skill_of
from domino_sim.scenario.tables import Module, SkillTable

Beta = Annotated[Number, Field(ge=0, lt=1)]

#: What an optimiser's `betas` are when none are given.
DEFAULT_BETAS: dict[str, tuple[float, ...]] = {
    "adam": (0.9, 0.999),
    "adamw": (0.9, 0.999),
    "lion": (0.9, 0.99),
    "ademamix": (0.9, 0.999, 0.9999),
}
#: What the momentum of SGD and Signum is when none is given.
DEFAULT_MOMENTUM = {"sgd": 0.0, "signum": 0.9}


class Geometry(Table):
    """The geometry model: parameters in one space, a task vector for each skill."""

    kind: Literal["geometry"] = Field(description="geometry.")
    n_dim: Count = Field(description="The number of parameters.")
    vectors: Text = Field(
        default="orthogonal",
        description="The task vectors: orthogonal (random, orthonormal), random (random, of "
        "length 1), gaussian (entries of variance 1/n_dim), basis (skill i is parameter i; what "
        "has no parameter is never learned), or the path of a .npy or .csv file with a row for "
        "each skill.",
    )
    g0: Positive = Field(
        default=1.0,
        description="The scale of the loss, g0 ½(1 − s)² or −g0 log s: 2 gives (1 − s)². It "
        "matters beside noise, and with sgd.",
    )
    modules: dict[str, Module] = Field(
        default={},
        description="Modules by name: their skills, and their share of the parameters. The task "
        "vectors of a module lie in its own parameters; without this key all skills share all.",
    )

    @model_validator(mode="after")
    def _vectors_of_modules(self) -> Self:
        if self.modules and self.vectors not in ("orthogonal", "random", "gaussian"):
            refuse(
                f"modules with vectors = {self.vectors!r}",
                "orthogonal, random or gaussian: they are drawn for each module",
                at=("modules",),
            )
        return self


class Schedule(Table):
    """How the learning rate changes over a run."""

    kind: Literal["constant", "linear", "cosine"] = Field(
        default="constant",
        description="After the warm-up: constant, or falling to `final` at the last step in a "
        "straight line or along half a cosine.",
    )
    warmup: Step = Field(
        default=0, description="Steps over which the learning rate rises from lr / warmup to lr."
    )
    final: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.0, description="The part of lr left at the last step; not with constant."
    )

    @model_validator(mode="after")
    def _final_of_a_falling_one(self) -> Self:
        if self.kind == "constant" and self.was_given("final"):
            refuse("final is given with kind = 'constant'", "linear or cosine", at=("final",))
        return self


class Optimizer(Table):
    """The optimiser."""

    name: Literal["sgd", "signgd", "signum", "adam", "adamw", "lion", "ademamix"] = Field(
        default="signgd",
        description="sgd, signgd, signum (the sign of the momentum), adam, adamw, lion or "
        "ademamix.",
    )
    lr: Positive = Field(description="The learning rate.")
    betas: tuple[Beta, ...] | None = Field(
        default=None,
        description="Decay of the averages: two for adam, adamw (0.9, 0.999) and lion (0.9, "
        "0.99), three for ademamix (0.9, 0.999, 0.9999).",
    )
    momentum: Beta | None = Field(
        default=None, description="Momentum of sgd (0) and signum (0.9)."
    )
    alpha: NonNegative | None = Field(
        default=None, description="Weight of ademamix's slow average; 5 unless given."
    )
    weight_decay: NonNegative = Field(
        default=0.0, description="Decoupled weight decay, of adamw, lion and ademamix."
    )
    schedule: Schedule = Field(
        default_factory=Schedule, description="How the learning rate changes over the run."
    )

    @model_validator(mode="after")
    def _keys_of_this_optimiser(self) -> Self:
        wanted = DEFAULT_BETAS.get(self.name)
        if wanted is None and self.betas is not None:
            refuse(f"betas are given with {self.name!r}", "momentum, or none", at=("betas",))
        if wanted is not None and self.betas is None:
            self._default("betas", wanted)
        if wanted is not None and self.betas is not None and len(self.betas) != len(wanted):
            refuse(f"{len(self.betas)} betas", f"{len(wanted)} for {self.name}", at=("betas",))
        if self.name in DEFAULT_MOMENTUM:
            if self.momentum is None:
                self._default("momentum", DEFAULT_MOMENTUM[self.name])
        elif self.momentum is not None:
            refuse(f"momentum is given with {self.name!r}", "sgd or signum", at=("momentum",))
        if self.name == "ademamix":
            if self.alpha is None:
                self._default("alpha", 5.0)
        elif self.alpha is not None:
            refuse(f"alpha is given with {self.name!r}", "ademamix", at=("alpha",))
        if self.weight_decay and self.name not in ("adamw", "lion", "ademamix"):
            nearest = "adamw" if self.name == "adam" else None
            refuse(
                f"weight_decay is given with {self.name!r}",
                "adamw, lion or ademamix",
                nearest,
                at=("weight_decay",),
            )
        return self


class RunSkill(SkillTable):
    """One skill of a gradient run."""

    requires: Text | None = Field(
        default=None,
        description='Which skills it is composed of, e.g. "A and (B or C)" or "2 of (A, B, C)".',
    )
    bits: Annotated[tuple[Step, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="The input bits, counted from 0, whose parity it is (task = 'parity'); those "
        "of its prerequisites, each once, unless given.",
    )
    power: Annotated[Count, Field(le=1000)] | None = Field(
        default=None, description="The power its output is trained towards (task = 'powers')."
    )
    share: Annotated[Number, Field(gt=0, le=1)] | None = Field(
        default=None, description="Its part of all pairs (task = 'addition')."
    )


class RunIntervention(Table):
    """A change during a gradient run."""

    at: Step = Field(description="The step at which it happens.")
    set: Annotated[dict[str, Number], BeforeValidator(flat)] = Field(
        min_length=1,
        description="New values of skills.NAME.frequency, optimizer.lr, noise or batch_size, each "
        "key in quotes.",
    )

    @property
    def frequencies(self) -> dict[str, float]:
        """The new frequencies, by skill."""
        return {skill_of(k[7:])[0]: v for k, v in self.set.items() if k.startswith("skills.")}

    @model_validator(mode="after")
    def _settable(self) -> Self:
        for key, value in self.set.items():
            _check_change(key, value)
        return self


_SETTABLE = "skills.NAME.frequency, optimizer.lr, noise or batch_size"


def _check_change(key: str, value: Any) -> None:
    place = ("set", key)
    if key.startswith("skills."):
        try:
            _, field = skill_of(key[7:])
        except ScenarioError as error:
            refuse(error.what, error.expected, at=place)
        if field != "frequency":
            refuse("cannot be set", _SETTABLE, at=place)
        low = 0.0
    elif key in ("optimizer.lr", "batch_size", "noise"):
        low = {"optimizer.lr": 1e-300, "batch_size": 1.0, "noise": 0.0}[key]
    else:
        refuse("cannot be set", _SETTABLE, at=place)
    if not low <= value <= MOST or (key == "batch_size" and value != int(value)):
        bound = {"optimizer.lr": "a number > 0", "batch_size": "a whole number ≥ 1"}
        refuse(f"{value:g} is out of range", bound.get(key, "a number ≥ 0"), at=place)
