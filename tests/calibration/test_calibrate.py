"""η, N₀ and the law come back out of the curves they made."""

from __future__ import annotations

import json
import math

import networkx as nx
import numpy as np
import pytest
from worlds_fitted import curves_of, scenario_of

from domino_sim.calibration import calibrate
from domino_sim.curves import make_curves
from domino_sim.errors import ArgumentError, InputError

SKEWED = (np.arange(1.0, 9.0) ** -1.5 / (np.arange(1.0, 9.0) ** -1.5).sum()).tolist()
GATES = {3: "s0 and s1", 5: "s2 or s3", 7: "2 of (s0, s4, s6)"}


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("gates", [None, GATES])
def test_without_noise_the_parameters_are_exact(law: str, loss: str, gates: dict | None) -> None:
    scenario = scenario_of(
        SKEWED, law=law, loss=loss, requires=gates, steps=9000, points=120, wasted=0.03
    )
    graph = scenario.skill_graph()
    found = calibrate(curves_of(scenario), graph=graph, law=law, loss=loss, held_out=False)
    assert found.estimate("rate").value == pytest.approx(0.01, rel=1e-5)
    if law != "constant":
        assert found.estimate("wasted").value == pytest.approx(0.03, rel=1e-4)


@pytest.mark.parametrize("law", ["sum", "norm", "constant", "domino", "logistic"])
def test_the_law_that_made_the_curves_is_found(law: str) -> None:
    if law == "logistic":
        t, p = np.linspace(0.0, 4000.0, 80), np.array(SKEWED)
        level = 1.0 / (1.0 + np.exp(4.0 - np.outer(t, p) * 0.02))
        names = [f"s{i}" for i in range(8)]
        curves = make_curves(
            runs=["a"], steps=t.round().astype(int), skills=names, level=level[None], frequency=p
        )
    else:
        steps = {"sum": 1200, "norm": 500, "constant": 8000, "domino": 900}[law]
        curves = curves_of(scenario_of(SKEWED, law=law, steps=steps, points=80))
    rng = np.random.default_rng(4)
    curves["level"] = curves["level"] + 0.02 * rng.normal(size=curves["level"].shape)
    found = calibrate(curves)
    # What SGD does, a pool that wastes almost everything does as well.
    assert found.law == law or (law == "constant" and "constant" in found.comparison.candidates)
    assert found.comparison.preferred == (law if law != "constant" else None)
    by_law = {row.law: row for row in found.comparison.rows}
    assert by_law[law].held_out == pytest.approx(0.02, rel=0.35)


def test_a_pool_that_wastes_nearly_all_cannot_be_told_from_no_competition() -> None:
    scenario = scenario_of(SKEWED, law="sum", wasted=500.0, rate=2.0, steps=9000, points=60)
    found = calibrate(curves_of(scenario, noise=0.02, seed=1))
    assert set(found.comparison.candidates) == {"sum", "norm", "constant"}
    assert "cannot tell" in found.comparison.verdict
    only = calibrate(curves_of(scenario, noise=0.02, seed=1), law="sum", held_out=False)
    assert only.estimate("wasted").high == math.inf
    assert only.estimate("wasted").low > 1.0
    assert any("upper limit" in note for note in only.notes)


@pytest.mark.parametrize("law", ["sum", "norm"])
def test_frequencies_are_fitted_where_nobody_knows_them(law: str) -> None:
    curves = curves_of(scenario_of(SKEWED, law=law, steps=1500, points=150), noise=0.01)
    curves["frequency"][:] = np.nan
    found = calibrate(curves, law=law, held_out=False)
    assert "frequencies are not known" in found.notes[0]
    for i, p in enumerate(SKEWED[1:], 1):
        estimate = found.estimate("frequency", f"s{i}")
        assert estimate.value == pytest.approx(p, rel=0.05)
        assert estimate.low < estimate.value < estimate.high
    assert found.estimate("rate").low < 0.01 < found.estimate("rate").high


@pytest.mark.parametrize(
    ("name", "gate", "options"),
    [
        ("leak", {"leak": 0.2}, {"leak": 0.05}),
        ("exponent", {"kind": "soft", "exponent": 0.1}, {"exponent": 0.5}),
        ("mastery", {}, {"mastery": 0.7}),
        ("beta", {}, {}),
    ],
)
def test_numbers_of_the_gates_come_back(name: str, gate: dict, options: dict) -> None:
    generator = np.random.default_rng(3)
    truth = {"leak": 0.2, "exponent": 0.1, "mastery": 0.99, "beta": 0.6}[name]
    mixtures = [generator.dirichlet(np.ones(8)) for _ in range(3)]
    scenarios = [
        scenario_of(
            p**0.6 if name == "beta" else p, requires=GATES, steps=4000, points=60, **gate
        )
        for p in mixtures
    ]
    curves = curves_of(*scenarios, noise=0.01)
    curves["frequency"][:] = mixtures
    graph = scenarios[0].skill_graph()
    found = calibrate(
        curves, graph=graph, law="sum", fit=[name], share=["pool"], held_out=False, **options
    )
    estimate = found.estimate(name)
    assert estimate.value == pytest.approx(truth, rel=0.05)
    assert estimate.low - 1e-3 < truth < estimate.high + 1e-3


def test_runs_that_share_their_pool_are_held_out_whole() -> None:
    generator = np.random.default_rng(0)
    mixtures = [generator.dirichlet(np.ones(6)) for _ in range(4)]
    curves = curves_of(
        *(scenario_of(p, law="norm", steps=800, points=50) for p in mixtures), noise=0.02
    )
    found = calibrate(curves, share=["pool"])
    assert found.comparison.preferred == "norm"
    by_law = {row.law: row for row in found.comparison.rows}
    assert by_law["norm"].left_out == pytest.approx(0.02, rel=0.15)
    assert by_law["sum"].left_out > 1.2 * by_law["norm"].left_out
    assert [e.key for e in found.estimates] == ["", ""]


def test_given_values_are_held() -> None:
    curves = curves_of(scenario_of(SKEWED, wasted=0.05), noise=0.01)
    found = calibrate(curves, law="sum", rate=0.01, held_out=False)
    assert [estimate.name for estimate in found.estimates] == ["wasted"]
    assert found.estimate("wasted").value == pytest.approx(0.05, rel=0.03)
    both = calibrate(curves, law="sum", rate=0.01, wasted=0.05, held_out=False)
    assert both.estimates == () and both.fit.error > 0.0


def test_standard_errors_weigh_the_values() -> None:
    scenario = scenario_of(SKEWED, points=100)
    curves = curves_of(scenario)
    generator = np.random.default_rng(5)
    error = np.where(np.arange(8) % 2 == 0, 0.005, 0.2) * np.ones(curves["level"].shape)
    curves["level"] = curves["level"] + error * generator.normal(size=error.shape)
    plain = calibrate(curves, law="sum", held_out=False)
    curves["level_se"] = (curves["level"].dims, error)
    weighed = calibrate(curves, law="sum", held_out=False)
    assert weighed.fit.variance == pytest.approx(1.0, abs=0.15)
    assert weighed.estimate("rate").error < 0.3 * plain.estimate("rate").error
    assert weighed.estimate("rate").low < 0.01 < weighed.estimate("rate").high


def test_gaps_and_runs_of_different_steps_are_no_hindrance() -> None:
    curves = curves_of(scenario_of(SKEWED), scenario_of(SKEWED, rate=0.02), noise=0.01)
    generator = np.random.default_rng(2)
    level = curves["level"].values
    level[generator.random(level.shape) < 0.5] = np.nan
    level[1, ::2] = np.nan
    found = calibrate(curves, law="sum", held_out=False)
    assert found.estimate("rate", "run 0").value == pytest.approx(0.01, rel=0.02)
    assert found.estimate("rate", "run 1").value == pytest.approx(0.02, rel=0.02)


def test_everything_is_in_the_json() -> None:
    found = calibrate(curves_of(scenario_of(SKEWED, points=40), noise=0.01))
    text = json.dumps(found.to_dict(), allow_nan=False)
    back = json.loads(text)
    assert back["law"] == "sum" and {row["law"] for row in back["laws"]} >= {"sum", "domino"}
    assert back["parameters"][0]["profile"] and back["runs"][0]["domino_index"] > 0.3
    assert back["order"][0]["learned"][0]["skill"] == "s0"


def test_levels_beyond_the_record_are_those_of_the_simulator() -> None:
    scenario = scenario_of(SKEWED, steps=3000, points=31)
    curves = curves_of(scenario)
    found = calibrate(curves.isel(step=slice(0, 16)), law="sum", held_out=False)
    np.testing.assert_allclose(
        found.levels(curves["step"].values)[0], curves["level"][0], atol=1e-4
    )


def _good():  # type: ignore[no-untyped-def]
    return curves_of(scenario_of(SKEWED[:3], points=20))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"law": "summ"}, "law: is 'summ'; expected one of auto, sum, norm, constant, domino, "
         "logistic; did you mean 'sum'?"),
        ({"loss": "nll"}, "loss: is 'nll'"),
        ({"fit": ["betta"]}, "did you mean 'beta'?"),
        ({"fit": "beta"}, "fit: is 'beta'; expected a set of names"),
        ({"fit": ["exponent"]}, "only soft gates have an exponent"),
        ({"share": ["pools"]}, "did you mean 'pool'?"),
        ({"frequencies": {"s0": 1.0, "s9": 1.0}}, "frequencies: unknown skill 's9'"),
        ({"frequencies": {"s0": 1.0}}, "no frequency for the skill 's1'"),
        ({"frequencies": [1.0, 2.0]}, "has the shape (2,); expected (3,)"),
        ({"frequencies": [1.0, -2.0, 1.0]}, "finite numbers ≥ 0"),
        ({"rate": 0.0}, "rate: is 0.0; expected a number above 0"),
        ({"wasted": -1.0}, "wasted: is -1.0; expected a number at least 0"),
        ({"confidence": 95}, "confidence: is 95; expected a number between 0 and 1"),
        ({"mastery": 1.0}, "mastery: is 1.0"),
        ({"graph": nx.DiGraph([("s0", "s1")])}, "the skill 's2' of the curves is not in it"),
        ({"graph": nx.DiGraph([("s0", "s1"), ("zz", "s2")])}, "'s2' needs 'zz', which has no"),
        ({"law": "logistic", "exponent": 0.1, "graph": nx.DiGraph([("s0", "s1"), ("s1", "s2")])},
         "logistic growth goes with hard gates only"),
    ],
)
def test_what_does_not_go_together_is_named(options: dict, told: str) -> None:
    with pytest.raises(InputError) as refused:
        calibrate(_good(), **options)
    assert told in str(refused.value)


def test_curves_that_cannot_be_fitted_are_refused() -> None:
    curves = _good()
    curves["level"][0, 5, 1] = 55.0
    with pytest.raises(ArgumentError, match=r"level of 's1' is 55 in run 'run 0', step"):
        calibrate(curves)
    still = _good()
    still["level"][:] = 0.3
    with pytest.raises(ArgumentError, match="constant"):
        calibrate(still)
    with pytest.raises(ArgumentError, match="1 step"):
        calibrate(_good().isel(step=[3]))
    losses = make_curves(runs=["a"], steps=[0, 1], skills=["A"], loss=[[[1.0], [0.5]]])
    with pytest.raises(ArgumentError, match="losses only"):
        calibrate(losses)
    partly = _good()
    partly["frequency"][0, 1] = np.nan
    with pytest.raises(ArgumentError, match="frequency of 's1' in the run 'run 0' is not known"):
        calibrate(partly)


def test_a_wrong_loss_is_noticed() -> None:
    curves = curves_of(scenario_of(SKEWED, loss="ce", steps=4000), noise=0.01)
    found = calibrate(curves, law="sum", held_out=False)
    assert any("was the loss 'ce'?" in note for note in found.notes)


def test_a_parameter_that_is_not_there_is_named() -> None:
    found = calibrate(_good(), law="sum", held_out=False)
    with pytest.raises(ArgumentError, match=r"no parameter 'eta'.*one of rate, wasted"):
        found.estimate("eta")
    with pytest.raises(ArgumentError, match=r"no rate of 'run 1'"):
        found.estimate("rate", "run 1")


def test_a_law_that_does_not_fit_is_said_not_to() -> None:
    curves = curves_of(scenario_of(SKEWED, points=60), noise=0.01)
    curves["level"] = 0.6 * curves["level"]  # nobody said that skills end at 0.6
    found = calibrate(curves, held_out=False)
    assert found.comparison.verdict.endswith("but it does not fit")
    assert "does not fit, so its numbers mean little: residuals are 0." in found.notes[0]
    good = calibrate(curves_of(scenario_of(SKEWED, points=60), noise=0.01), held_out=False)
    assert not any("does not fit" in text for text in (good.comparison.verdict, *good.notes))


def test_a_skill_that_is_learned_without_being_trained_is_named() -> None:
    curves = curves_of(scenario_of(SKEWED, points=60), noise=0.01)
    curves["frequency"][0, 2] = 0.0
    found = calibrate(curves, law="sum", held_out=False)
    assert any("'s2' rose, though of frequency 0" in note for note in found.notes)


def test_where_the_data_cannot_tell_the_other_laws_numbers_stand_in_a_note() -> None:
    scenario = scenario_of(SKEWED, law="sum", wasted=500.0, rate=2.0, steps=9000, points=60)
    found = calibrate(curves_of(scenario, noise=0.02, seed=1), held_out=False)
    assert any("do as well" in note and "η = " in note for note in found.notes)


def test_it_can_be_printed() -> None:
    text = str(calibrate(_good(), law="sum", held_out=False))
    assert text.startswith("pool law: only 'sum' was fitted\nrate of run 0: 0.01 (")


@pytest.mark.parametrize("given", ["mine.csv", None, [1, 2]])
def test_what_is_no_curves_is_refused(given: object) -> None:
    with pytest.raises(ArgumentError, match=r"curves: is .*expected learning curves"):
        calibrate(given)  # type: ignore[arg-type]


def test_early_runs_do_not_claim_to_know_what_they_cannot() -> None:
    # Seen too early to tell competition from waste: η could be anything above.
    inside = []
    for seed in range(12):
        scenario = scenario_of(
            [0.4, 0.3, 0.2, 0.1], rate=0.001, wasted=0.3, steps=300, points=30
        )
        found = calibrate(curves_of(scenario, noise=0.01, seed=seed), law="sum", held_out=False)
        rate, wasted = found.estimate("rate"), found.estimate("wasted")
        inside += [rate.low <= 0.001 <= rate.high, wasted.low <= 0.3 <= wasted.high]
    assert np.mean(inside) > 0.9


def test_a_mixture_that_changes_is_refused() -> None:
    curves = curves_of(scenario_of(SKEWED[:3], points=20), noise=0.01)
    at = np.full(curves["level"].shape, np.nan)
    at[0, 5] = [0.1, 0.2, 0.7]
    curves["frequency_at"] = (curves["level"].dims, at)
    with pytest.raises(ArgumentError, match=r"mixture of the run 'run 0' changes"):
        calibrate(curves)
    assert calibrate(curves, frequencies=[0.5, 0.3, 0.2], held_out=False).law


def test_where_nothing_limits_n0_nothing_limits_eta() -> None:
    scenario = scenario_of(SKEWED, law="sum", wasted=500.0, rate=2.0, steps=9000, points=60)
    found = calibrate(curves_of(scenario, noise=0.02, seed=1), law="sum", held_out=False)
    rate, wasted = found.estimate("rate"), found.estimate("wasted")
    assert wasted.high == math.inf and rate.high == math.inf
    assert rate.status in ("no upper limit", "not identified")
