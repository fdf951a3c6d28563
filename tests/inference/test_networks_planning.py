"""Runs planned from an inference under power gates; curves by the law itself, none trained."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from domino_sim.cli.design import print_design
from domino_sim.errors import ArgumentError, FileError
from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.networks.kept import kept_onsets, read_onsets
from domino_sim.inference.networks.onsets import Onsets
from domino_sim.inference.networks.power_gates import STUCK
from domino_sim.inference.networks.power_graphs import PowerGraphs
from domino_sim.inference.networks.power_promise import PowerPromise, _apart
from domino_sim.inference.planning import design_mixtures

NAMES = tuple("ABCX")
END = 20_000.0

#: B needs A, C needs B; and C needs A as well, or does not.
CHAIN = (OPEN, Requires.of([0]), Requires.of([1]), OPEN)
TRIANGLE = (OPEN, Requires.of([0]), Requires.of([0, 1]), OPEN)


def _follow(graph, p, noise=0.08, seed=0):
    """Steps of onsets by the law; without a prerequisite a skill comes e times later."""
    error = noise * np.random.default_rng(seed).normal(size=p.shape)
    log = np.zeros(p.shape)
    load = p @ np.array([0.1 if gate.skills else 1.0 for gate in graph])
    for i in (0, 3, 1, 2):
        skills = list(graph[i].skills)
        with np.errstate(divide="ignore"):
            log[:, i] = 4.0 - (1.25, 0.76, 0.67)[len(skills)] * np.log(p[:, i])
        log[:, i] += 0.0 if skills else 0.8 * np.log(load)
        for j in skills:
            log[:, i] += np.where(p[:, j] > 0.0, (0.46, 0.37)[len(skills) - 1] * log[:, j], 0.0)
            middle = (0.46, 0.37)[len(skills) - 1] * 5.7
            log[:, i] += np.where(p[:, j] > 0.0, 0.0, middle + 1.0)
        log[:, i] += error[:, i]
    at = np.exp(log)
    return np.where((p > 0.0) & (at < END), at, np.inf)


def _report(graph, p, seed=0, model=None):
    """What `infer` would report of runs with mixtures p (runs, 4)."""
    runs = [f"run {r}" for r in range(len(p))]
    rules = Rules.of(4, None, None, 3)
    kept = kept_onsets(runs, NAMES, _follow(graph, p, seed=seed), np.full(p.shape, END), rules)
    return {
        "skills": list(NAMES), "runs": runs, "noise": 0.01, "misfit": 4.0, "edges": [], "gates": {},
        "form": {"kind": "soft", "value": 0.1, "loss": "mse", "text": "soft"}, "remarks": [],
        "mixtures": {
            run: dict(zip(NAMES, row, strict=True))
            for run, row in zip(runs, p.tolist(), strict=True)
        },
        "model": model or {"kind": "power", "text": "power gates", **kept},
    }  # fmt: skip


def _saved(folder, report):
    (folder / "report.json").write_text(json.dumps(report), "utf-8")
    return folder


def _mixtures(runs, seed):
    p = np.exp(np.random.default_rng(seed).uniform(np.log(0.08), 0.0, size=(runs, 4)))
    p[:, 0] = 0.3  # A is as frequent in all of them: that C needs it does not show
    return p / p.sum(axis=1, keepdims=True)


def _found(graph, p, seed):
    _, onsets, rules = read_onsets(_report(graph, p, seed))
    return PowerGraphs(onsets, rules).probability


def test_onsets_come_back_from_the_file_as_they_were(tmp_path):
    p = _mixtures(6, 0)
    p[2, 1] = 0.0
    report = json.loads((_saved(tmp_path, _report(TRIANGLE, p)) / "report.json").read_text())
    names, found, rules = read_onsets(report)
    expected = Onsets.of(_follow(TRIANGLE, p), np.full(p.shape, END), p)
    assert names == NAMES and rules.most == 3
    assert not found.trained[2, 1] and found.trained.sum() == 23
    for key in ("seen", "trained"):
        np.testing.assert_array_equal(getattr(found, key), getattr(expected, key))
    for key in ("log", "as_prerequisite", "end", "frequency", "load"):
        np.testing.assert_allclose(getattr(found, key), getattr(expected, key), atol=1e-4)


def test_what_two_gates_foretell_overlaps_as_an_integral_says():
    mean, spread, end = np.array([[0.3], [1.1]]), np.array([[0.4], [0.7]]), 0.9
    f, g = (norm(m[0], s[0]) for m, s in zip(mean, spread, strict=True))
    seen = quad(lambda t: np.sqrt(f.pdf(t) * g.pdf(t)), -6.0, end)[0]
    missed = [STUCK + (1.0 - STUCK) * one.sf(end) for one in (f, g)]
    overlap = (1.0 - STUCK) * seen + np.sqrt(missed[0] * missed[1])
    found = _apart(mean, spread, end)[..., 0]
    assert found[0, 1] == pytest.approx(-8.0 * np.log(overlap), rel=1e-6)
    assert found[1, 0] == found[0, 1] and found[0, 0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("graph", "real"), [(TRIANGLE, True), (CHAIN, False)])
def test_planned_runs_decide_a_triangle_that_random_ones_leave_open(tmp_path, graph, real):
    p = _mixtures(8, 3)
    before = _found(graph, p, 3)[0, 2]
    plan = design_mixtures(_saved(tmp_path, _report(graph, p, 3)), 3)
    assert all(run["gain"] > 0.0 for run in plan.report["runs"])
    assert any("A" in run["knocked_out"] for run in plan.report["runs"])
    named = {(e["from"], e["to"]) for e in plan.report["decided"] + plan.report["left"]}
    assert ("A", "C") in named
    after = _found(graph, np.concatenate([p, plan.mixtures.values]), 3)[0, 2]
    further = _found(graph, np.concatenate([p, _mixtures(3, 4)]), 3)[0, 2]
    assert 0.02 < before < 0.98
    assert after > 0.97 if real else after < 0.05
    assert abs(further - real) > abs(after - real)


def test_mixtures_add_up_to_what_those_there_are_do_and_keep_to_limits(tmp_path):
    folder = _saved(tmp_path, _report(TRIANGLE, 2.5 * _mixtures(8, 3), 3))
    plan = design_mixtures(folder, 2, knock_outs=False, least=0.02, ratio=10.0)
    p = plan.mixtures.values
    np.testing.assert_allclose(p.sum(axis=1), 2.5)
    assert p.min() >= 0.05 and (p.max(axis=1) / p.min(axis=1)).max() <= 10.0 + 1e-9


def test_a_stranger_is_as_frequent_as_others_and_keeps_to_limits(tmp_path):
    folder = _saved(tmp_path, _report(TRIANGLE, _mixtures(8, 3), 3))
    p = design_mixtures(folder, 2, stranger="noise", least=0.15, ratio=1.9).mixtures
    assert p["skill"].values.tolist() == [*NAMES, "noise"]
    others, noise = p.values[:, :-1], p.values[:, -1]
    out = (others == 0.0).sum(axis=1)
    np.testing.assert_allclose(p.values.sum(axis=1), 1.0)
    trained = np.where(others > 0.0, others, np.inf)
    assert out.max() > 0 and trained.min() >= 0.15
    np.testing.assert_allclose(noise, np.minimum(out / 4, 1.9 * trained.min(axis=1)))
    assert (others.max(axis=1) / trained.min(axis=1)).max() <= 1.9 + 1e-9


def test_what_is_promised_is_promised_of_the_mixture_with_the_stranger(tmp_path):
    report = _report(TRIANGLE, _mixtures(8, 1), 1)
    plan = design_mixtures(_saved(tmp_path, report), 1, stranger="noise")
    (p,), (run,) = plan.mixtures.values, plan.report["runs"]
    assert p[-1] > 0.0 and run["knocked_out"] and "noise" not in run["knocked_out"]
    _, onsets, rules = read_onsets(report)
    promise = PowerPromise(onsets, PowerGraphs(onsets, rules), 0)
    told, other = (promise.bits(promise.table(q[None]))[0] for q in (p, p[:4] / p[:4].sum()))
    assert run["gain"] == round(float(told), 3) != round(float(other), 3)


def test_the_stranger_of_a_first_round_is_that_of_a_second(tmp_path):
    folder = _saved(tmp_path, _report(TRIANGLE, _mixtures(8, 1), 1))

    def edges(plan):
        return {(e["from"], e["to"]) for e in plan.report["decided"] + plan.report["left"]}

    plan = design_mixtures(folder, 2, stranger="X")
    assert any("X" in pair for pair in edges(design_mixtures(folder, 2)))
    assert edges(plan) and not any("X" in pair for pair in edges(plan))
    assert plan.mixtures["skill"].values.tolist() == list(NAMES)
    p = plan.mixtures.values
    out = (p[:, :3] == 0.0).sum(axis=1)
    assert out.max() > 0
    np.testing.assert_allclose(p[:, 3], out / 3)


@pytest.mark.parametrize("name", ["", "x\ny", "a\u202e", 3, True, ["a"], "D"])
def test_what_cannot_be_the_name_of_a_stranger_is_refused_before_planning(
    tmp_path, monkeypatch, name
):
    monkeypatch.setattr("domino_sim.inference.planning.PowerSubject", None)
    report = _report(TRIANGLE, _mixtures(8, 3), 3)
    report["skills"].append("D")
    with pytest.raises(ArgumentError, match=r"^stranger: is .*(printable characters|left out)"):
        design_mixtures(_saved(tmp_path, report), stranger=name)


def test_where_skills_never_began_it_is_not_said_that_all_is_decided(tmp_path, capsys):
    report = _report(TRIANGLE, _mixtures(8, 3), 3)
    for row in report["model"]["onsets"].values():
        row["B"] = row["C"] = None
    plan = design_mixtures(_saved(tmp_path, report))
    assert plan.done and plan.report["unplanned"] == ["B", "C"]
    print_design(plan, [], all_edges=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "no edge is in doubt but what B and C need" in said and "decided already" not in said


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"kind": "composed", "text": "composed skills"}, "composed skills would show"),
        ({"kind": "power", "text": "power gates"}, "made anew"),
    ],
)
def test_what_cannot_be_foretold_is_refused(tmp_path, model, said):
    report = _report(TRIANGLE, _mixtures(8, 0), model=model)
    with pytest.raises(ArgumentError, match=said):
        design_mixtures(_saved(tmp_path, report))


_GONE = object()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("model",), None, "model: is None; expected a table"),
        (("model", "kind"), _GONE, "model: lacks 'kind'"),
        (("model", "rules"), _GONE, "model: lacks 'rules'"),
        (("model", "rules", "forbidden"), [["A", "ZZ"]], "model.rules.forbidden.0.1: is 'ZZ'"),
        (("model", "last_steps"), _GONE, "model: lacks 'last_steps'"),
        (("model", "onsets", "run 3"), _GONE, "model.onsets: lacks 'run 3'"),
        (("model", "onsets", "run 3", "B"), _GONE, "model.onsets.\"run 3\": lacks 'B'"),
        (("model", "onsets", "run 3", "B"), -5, "B: is -5; expected a step ≥ 0, or null"),
        (("mixtures",), _GONE, "lacks 'mixtures'"),
        (("mixtures", "run 2", "A"), None, 'mixtures."run 2".A: is None; expected a number ≥ 0'),
        (("mixtures", "run 2"), dict.fromkeys(NAMES, 0.0), "not all of them 0"),
    ],
)
def test_a_report_that_was_edited_is_refused_with_file_and_key(tmp_path, path, value, said):
    report = _report(TRIANGLE, _mixtures(4, 3))
    *keys, last = path
    table = report
    for key in keys:
        table = table[key]
    if value is _GONE:
        del table[last]
    else:
        table[last] = value
    with pytest.raises(FileError) as refused:
        design_mixtures(_saved(tmp_path, report))
    assert str(refused.value).startswith(f"{tmp_path / 'report.json'}: ")
    assert said in str(refused.value)


@pytest.mark.parametrize("seed", [2, 3])
def test_what_comes_as_soon_without_a_skill_does_not_need_it_however_alike_they_come(seed):
    """In mixtures the onset of C follows that of B, roughly; then B is left out."""
    p = _mixtures(10, seed)
    p[8:] = 0.25
    at = _follow(CHAIN, p, 0.25, seed)
    p[8, 1], at[8, 1] = 0.0, np.inf
    rules = Rules.of(4, None, None, 3)

    def probability(runs, late=1.0):
        steps = at.copy()
        steps[8, 2] = late * at[9, 2]
        onsets = Onsets.of(steps[:runs], np.full((runs, 4), END), p[:runs])
        return PowerGraphs(onsets, rules).probability[1, 2]

    assert probability(10) < 0.5 < probability(8) < probability(10, 3.0)


def test_what_is_taken_for_granted_is_said(tmp_path, capsys):
    report = _report(TRIANGLE, _mixtures(8, 3), 3)
    report["skills"].append("D")
    plan = design_mixtures(_saved(tmp_path, report), 1, stranger="noise")
    assert plan.mixtures["skill"].values.tolist() == [*NAMES, "noise"]
    print_design(plan, [], all_edges=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "D was left out of the inference" in said
    assert "Taken for granted: power gates; 20,000 steps a run; noise in place of what" in said
