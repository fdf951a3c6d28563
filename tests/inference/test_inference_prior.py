"""What is known beforehand is kept to, and what is wrong about it is said by name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from inferred import edges
from six_skills import REQUIRES, TRUE, changed, put, whole

from domino_sim import infer
from domino_sim.errors import ArgumentError, FileError
from domino_sim.inference.forms import Form
from domino_sim.inference.prior import Prior, read_prior
from domino_sim.inference.records import make_nodes
from domino_sim.inference.remarks import against_prior
from domino_sim.inference.study import make_study


@pytest.mark.parametrize(
    "prior",
    [
        {"required": [["A", "C"], ["D", "E"]]},
        {"forbidden": [["A", "B"], ["E", "F"]]},
        {"tiers": [["A", "B"], ["C", "D", "F"], ["E"]]},
        {"required": [["A", "C"]], "forbidden": [["C", "A"]], "tiers": [["A"], ["C"]]},
    ],
)
def test_what_is_right_beforehand_changes_nothing(prior: dict[str, Any]) -> None:
    assert edges(infer(whole(), prior=prior)) == TRUE


def test_what_is_required_is_found_and_what_is_forbidden_is_no_edge() -> None:
    curves = whole().isel(skill=[0, 1, 2])  # C needs A
    found = infer(curves, prior={"forbidden": [["A", "B"], ["A", "C"]], "required": [["B", "C"]]})
    assert edges(found, least=0.999) == {("B", "C")}
    assert not {("A", "B"), ("A", "C")} & set(found.graph.edges)


def test_tiers_keep_skills_from_requiring_later_ones() -> None:
    found = infer(whole(), prior={"tiers": [["C", "D"], ["A", "B"]]}, seconds=0.5)
    assert not edges(found) & {("A", "C"), ("B", "D"), ("A", "D"), ("B", "C")}


def test_prior_knowledge_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text('required = [["A", "C"]]\ntiers = [["A", "B"], ["E"]]\n', "utf-8")
    assert edges(infer(whole(), prior=file)) == TRUE
    prior = read_prior(str(file), "ABCDE")
    assert prior.required == ((), (), (0,), (), ())
    assert prior.forbidden[4, 0] and prior.forbidden[4, 1] and not prior.forbidden[0, 4]


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ({"require": []}, "require: unknown key.*did you mean 'required'"),
        ({"required": [["A", "Z"]]}, r"required\[0\]: unknown skill 'Z'"),
        ({"forbidden": [["A", "B"], ["A"]]}, r"forbidden\[1\]: is \['A'\]; expected \[prereq"),
        ({"required": "A"}, "required: is 'A'; expected a list"),
        ({"required": [["A", "A"]]}, "cannot require itself"),
        ({"required": [["A", "B"]], "forbidden": [["A", "B"]]}, "A → B is both"),
        ({"required": [["A", "B"]], "tiers": [["B"], ["A"]]}, "A → B is both"),
        ({"required": [["A", "B"], ["B", "C"], ["C", "A"]]}, "form a cycle: A → B → C → A"),
        ({"tiers": [["A"], ["B", "A"]]}, r"tiers\[1\]: 'A' is in two tiers"),
        ({"tiers": [["A"], "B", 3]}, r"tiers\[1\]: is 'B'; expected a list"),
        ({"tiers": [["Q"]]}, r"tiers\[0\]: unknown skill 'Q'"),
    ],
)
def test_wrong_prior_knowledge_is_refused_and_says_where(prior: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentError, match=told):
        infer(whole(), prior=prior)
    with pytest.raises(ArgumentError, match=f"known.toml.*{told}|known.toml: {told}"):
        Prior(prior, list(REQUIRES), where="known.toml")


def test_more_required_prerequisites_than_a_gate_may_ask_for_are_refused() -> None:
    many = {"required": [["A", "E"], ["B", "E"], ["C", "E"], ["A", "E"]]}
    with pytest.raises(ArgumentError, match=r"prior: required: names 3 .* of 'E'; expected 2 or"):
        infer(whole(), prior=many, most_prerequisites=2)
    assert read_prior(many, list(REQUIRES), 3).required[4] == (0, 1, 2)


def test_required_edges_that_curves_speak_against_are_named_where_nothing_fits() -> None:
    study = make_study(whole(), None)
    nodes = make_nodes(study.records, 60)
    form = SimpleNamespace(form=Form("hard", 0.99))
    for error, told in ((10.0, True), (1.0, False)):
        best: Any = SimpleNamespace(records=nodes, error=error * nodes.values, courses=form)
        # A needs nothing, and begins long before C is learned, which needs A.
        required = [(), (), (0,), (), (), ()]
        assert against_prior(study, best, required).remarks == study.remarks
        said = against_prior(study, best, [(2,), *required[1:]]).remarks[len(study.remarks) :]
        assert len(said) == told
        assert all("requires C for A, which begins before" in one for one in said)
        assert all(run in one for one in said for run in map(repr, study.runs))


def test_a_file_that_is_not_there_or_is_no_toml_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.toml: no such file"):
        infer(whole(), prior=tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("required = [", "utf-8")
    with pytest.raises(FileError, match=r"bad\.toml"):
        infer(whole(), prior=tmp_path / "bad.toml")


def test_edges_that_are_required_are_there_however_soon_a_search_is_stopped() -> None:
    found = infer(whole(), prior={"required": [["A", "B"], ["B", "C"]]}, seconds=1e-6)
    sure = {(a, b) for a, b, p in found.graph.edges(data="probability") if p == 1.0}
    assert sure == {("A", "B"), ("B", "C")}


def test_required_edges_of_skills_that_are_left_out_are_named() -> None:
    curves = changed(put(0, 0.0)).isel(skill=[0, 1, 3])
    found = infer(curves, prior={"required": [["A", "D"], ["B", "D"]]})
    assert found.graph.edges["B", "D"]["probability"] == 1.0
    told = [one for one in found.report["remarks"] if "A for D" in one]
    assert told == ["prior knowledge requires A for D: no such edge, for 'A' is left out"]
