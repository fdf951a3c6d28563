"""The tables of a multilayer perceptron and its task. Needs no Torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from domino_sim.errors import nearest_name
from domino_sim.gradient.tables import Geometry
from domino_sim.scenario.fields import Count, Table, refuse, whole
from domino_sim.scenario.messages import named
from domino_sim.scenario.tables import Module
from domino_sim.wording import shown

__all__ = [
    "MOST_UNITS",
    "Addition",
    "Mlp",
    "Modular",
    "Parity",
    "Powers",
    "kind_of_model",
    "known_model",
]

#: No width, sample count or modulus may be larger: a network of that size fits no memory.
MOST_UNITS = 10_000_000

Units = Annotated[Count, Field(le=MOST_UNITS)]


class Mlp(Table):
    """A multilayer perceptron; what it learns is said by its `task`."""

    kind: Literal["mlp"] = Field(description="mlp.")
    task: Literal["parity", "powers", "addition"] = Field(
        description="What it learns: parity, powers or addition."
    )
    hidden: tuple[Units, ...] = Field(
        min_length=1, description="The width of each hidden layer, such as [100, 100]."
    )
    activation: Literal["relu", "silu", "tanh", "gelu", "identity"] = Field(
        default="relu", description="Of the hidden layers: relu, silu, tanh, gelu or identity."
    )


class Modular(Mlp):
    """A multilayer perceptron that may be cut into modules."""

    modules: dict[str, Module] = Field(
        default={},
        description="Modules by name: their skills, and their share of each hidden layer. No "
        "weight connects two modules; without this key all skills share the whole network.",
    )


class Parity(Modular):
    """Sparse parities: each skill is the parity of some of the input bits."""

    task: Literal["parity"] = Field(description="parity.")
    n_bits: Units = Field(description="The number of input bits.")
    samples: Units | None = Field(
        default=None,
        description="The size of a fixed data set, drawn once a seed; without it the samples of "
        "each step are fresh ones, batch_size of them.",
    )
    control_bits: bool = Field(
        default=False,
        strict=True,
        description="false: one output a skill, which all see the same bits; true: one output, "
        "and one more input bit a skill that says which skill is asked.",
    )
    targets: Literal["bits", "signs"] = Field(
        default="bits",
        description="What an output is trained towards with loss = 'mse': bits (0 or 1) or signs "
        "(−1 or 1); with 'ce' it is a logit, and this key is not used.",
    )
    held_out: Units = Field(
        default=2000,
        description="How many fresh inputs, drawn once a seed, level, loss and accuracy are "
        "measured on.",
    )


class Powers(Modular):
    """A regression: output i is a power of input i; each sample has one input that is not 0."""

    task: Literal["powers"] = Field(description="powers.")
    samples: Units = Field(
        description="The size of the data set; the skills have their parts of it by frequency."
    )


class Addition(Mlp):
    """Addition modulo m of two tokens, each embedded; the skills are parts of the m² pairs."""

    task: Literal["addition"] = Field(description="addition.")
    modulus: Annotated[
        int, Field(strict=True, ge=2, le=10_000), BeforeValidator(whole)
    ] = Field(description="m, the number of tokens.")
    embedding: Units = Field(
        default=128, description="The length of a token's vector; the input is two of them."
    )


def kind_of_model(value: Any) -> str:
    """Return which table a model is: geometry, or the task of an mlp (for pydantic)."""
    if isinstance(value, Mlp | Geometry):
        return value.task if isinstance(value, Mlp) else "geometry"
    return value["task"] if value["kind"] == "mlp" else "geometry"


def known_model(value: Any) -> Any:
    """Refuse a model whose `kind` or `task` is not known; return any other as it is."""
    if not isinstance(value, dict):
        if not isinstance(value, Table):
            refuse(f"{shown(value)} is {named(value)}", "a table with kind = 'geometry' or 'mlp'")
        return value
    _known(value, "kind", ("geometry", "mlp"))
    if value["kind"] == "mlp":
        _known(value, "task", ("parity", "powers", "addition"))
    return value


def _known(value: dict[str, Any], key: str, choices: tuple[str, ...]) -> None:
    expected = f"{', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
    if key not in value:
        refuse("this key is missing", expected, at=(key,))
    if value[key] not in choices:
        refuse(
            f"unknown: {shown(value[key])}", expected, nearest_name(value[key], choices), at=(key,)
        )
