"""Run files of perceptrons: what is refused is said in one line, with the place."""

from __future__ import annotations

from typing import Any

import pytest
from mlp_runs import ADDITION, PARITY, POWERS

from domino_sim.errors import DominoError
from domino_sim.gradient.mlp_layout import Block, blocks_of
from domino_sim.gradient.run import Run, load_run

MODULES = {"left": {"skills": ["often"], "share": 0.5}, "right": {"skills": ["rare"], "share": 0.5}}

WRONG_PARITY: list[tuple[dict[str, Any], str]] = [
    ({"model": "mlp"}, "model: 'mlp' is text; expected a table with kind = 'geometry' or 'mlp'"),
    ({"model": {"kind": "mpl"}}, "model.kind: unknown: 'mpl'; expected 'geometry' or 'mlp'; did"),
    ({"model": {"hidden": [5]}}, "model.kind: this key is missing; expected 'geometry' or 'mlp'"),
    ({"model": {"kind": "mlp"}}, "model.task: this key is missing; expected 'parity', 'powers' or"),
    ({"model.task": "party"}, "model.task: unknown: 'party'; expected 'parity', 'powers' or 'add"),
    ({"model.n_bit": 6}, "model.n_bit: unknown key; expected one of kind, task, hidden"),
    ({"model.n_bits": 0}, "model.n_bits: 0 is out of range; expected a number ≥ 1"),
    ({"model.hidden": []}, "model.hidden: is empty; expected at least 1"),
    ({"model.hidden": [8, 0]}, "model.hidden.1: 0 is out of range"),
    ({"model.hidden": [10**12]}, "model.hidden.0: 1000000000000 is out of range"),
    ({"model.activation": "rleu"}, "model.activation: unknown: 'rleu'; expected 'relu', 'silu'"),
    ({"skills.A.bits": [0, 6]}, "skills.A.bits.1: there is no bit 6; expected a bit from 0 to 5"),
    ({"skills.A.bits": [0, -1]}, "skills.A.bits.1: -1 is out of range"),
    ({"skills.A.bits": [1, 0, 1]}, "skills.A.bits.2: the bit 1 is given twice"),
    ({"skills.A.bits": []}, "skills.A.bits: is empty; expected at least 1"),
    ({"skills": {"A": {}}}, "skills.A.bits: this key is missing; expected the input bits whose"),
    ({"skills.A.power": 2}, "skills.A.power: power is given with task = 'parity'; expected bits"),
    ({"skills.AB.requires": "A or B"}, "skills.AB.requires: 'A or B' is not the parity of all"),
    ({"graph": {"family": "chain", "n": 3}, "skills": {}}, "skills.s1.bits: this key is missing"),
    ({"batch_size": None}, "batch_size: this key is missing; expected batch_size, or a data set"),
    ({"model.samples": 39}, "batch_size: a batch of 40 of 39 samples; expected at most 39"),
    ({"batch_size": 10**9}, "batch_size: a batch of 1000000000; expected at most 10000000"),
    (
        {"model.samples": 50, "interventions": [{"at": 3, "set": {"batch_size": 60}}]},
        "interventions.0.set.batch_size: a batch of 60 of 50 samples",
    ),
    ({"loss": "ce", "model.targets": "signs"}, "model.targets: targets is given with loss = 'ce'"),
    (
        {"model.control_bits": True, "model.modules": {"all": {"skills": ["A"], "share": 1.0}}},
        "model.modules: modules with control_bits, where all skills share one output",
    ),
]
WRONG_POWERS: list[tuple[dict[str, Any], str]] = [
    ({"skills.rare.power": 0}, "skills.rare.power: 0 is out of range; expected a number ≥ 1"),
    ({"skills.rare": {}}, "skills.rare.power: this key is missing; expected the power that its"),
    ({"skills.rare.requires": "often"}, "skills.rare.requires: 'rare' is composed of other skills"),
    ({"skills.rare.frequency": 1e-4}, "skills.rare.frequency: a frequency of 0.0001 is none of 50"),
    ({"mixtures": {"few": {"often": 1e-9}}}, "mixtures.few.often: a frequency of 1e-09 is none"),
    ({"model.samples": 1}, "skills.rare.frequency: a frequency of 0.1 is none of 1 samples"),
    ({"loss": "ce"}, "loss: 'ce' with task = 'powers'; expected 'mse'"),
    ({"batch_size": 8}, "batch_size: batches with task = 'powers'; expected no batch_size"),
    ({"model.modules": {"left": MODULES["left"]}}, "model.modules: 'rare' is in no module"),
    (
        {"model.modules": {**MODULES, "more": MODULES["left"]}},
        "model.modules.more.skills.0: 'often' is in the module 'left' already",
    ),
    (
        {"model.modules": {"left": {"skills": ["oftn"], "share": 0.5}}},
        "model.modules.left.skills.0: there is no skill 'oftn'; did you mean 'often'?",
    ),
    (
        {"model.modules": {**MODULES, "left": {"skills": ["often"], "share": 0.8}}},
        "model.modules: the shares add up to 1.3; expected ≤ 1",
    ),
    (
        {"model.modules": {**MODULES, "left": {"skills": ["often"], "share": 0.11}}},
        "model.modules.left.share: a share of 0.11 is none of 8 units; expected a wider layer",
    ),
]
WRONG_ADDITION: list[tuple[dict[str, Any], str]] = [
    ({"model.modulus": 1}, "model.modulus: 1 is out of range; expected a number ≥ 2"),
    ({"model.modules": MODULES}, "model.modules: unknown key"),
    ({"loss": "mse"}, "loss: 'mse' with task = 'addition'; expected 'ce'"),
    ({"skills.test.share": 0.3}, "skills: the shares add up to 1.1; expected ≤ 1"),
    ({"skills.test.share": 0.01}, "skills.test.share: a share of 0.01 is none of 25 pairs"),
    ({"skills.test.share": 0}, "skills.test.share: 0 is out of range; expected a number > 0"),
    ({"skills.test": {}}, "skills.test.share: this key is missing; expected its part of all pairs"),
    ({"skills.test.bits": [1]}, "skills.test.bits: bits is given with task = 'addition'; expected"),
]
WRONG = [
    *((PARITY, *case) for case in WRONG_PARITY),
    *((POWERS, *case) for case in WRONG_POWERS),
    *((ADDITION, *case) for case in WRONG_ADDITION),
]


@pytest.mark.parametrize(("base", "overrides", "message"), WRONG)
def test_what_is_wrong_is_said_in_one_line(
    base: dict[str, Any], overrides: dict[str, Any], message: str
) -> None:
    base = {k: v for k, v in base.items() if k not in overrides or overrides[k] is not None}
    overrides = {key: value for key, value in overrides.items() if value is not None}
    with pytest.raises(DominoError) as caught:
        Run.from_dict(base, where="run.toml", overrides=overrides)
    assert str(caught.value).startswith("run.toml: " + message)
    assert "\n" not in str(caught.value)


def test_a_geometry_has_no_bits() -> None:
    geometry = {"kind": "geometry", "n_dim": 5}
    base = {k: v for k, v in PARITY.items() if k != "batch_size"}
    with pytest.raises(DominoError, match=r"skills\.A\.bits: bits is given with kind = 'geometry'"):
        Run.from_dict({**base, "model": geometry})


def test_a_run_is_written_as_it_was_given() -> None:
    for base in (PARITY, POWERS, ADDITION):
        assert Run.from_dict(base).to_dict() == base


def test_a_graph_gives_the_composites_and_skills_their_bits() -> None:
    leaves = {f"T{i}": {"bits": [2 * i - 2, 2 * i - 1]} for i in range(1, 5)}
    base = {**PARITY, "graph": "two-pairs", "skills": leaves}
    run = Run.from_dict(base, overrides={"model.n_bits": 8})
    assert run.names == tuple(f"T{i}" for i in range(1, 8))


def test_modules_have_their_share_of_every_layer() -> None:
    modules = {**MODULES, "left": {"skills": ["often"], "share": 0.3}}
    run = Run.from_dict(POWERS, overrides={"model.modules": modules})
    assert blocks_of(run) == [Block((0,), ((0, 3), (0, 2))), Block((1,), ((3, 8), (2, 6)))]


@pytest.mark.parametrize("name", ["square-nonmodular", "square-modular"])
def test_the_two_squares_differ_in_their_modules_only(name: str) -> None:
    both = load_run("square-nonmodular").to_dict(), load_run("square-modular").to_dict()
    for data in both:
        data.pop("title")
        data["model"].pop("modules", None)
    assert both[0] == both[1]
