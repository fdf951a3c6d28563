"""What the package promises: its names, their signatures, and a quick import."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import domino_sim

SIGNATURES = {
    "Recorder": ["run='run'"],
    "SkillProbe": ["model", "batches", "loss=None"],
    "calibrate": ["curves", "frequencies=None", "graph=None", "law='auto'"],
    "compare_modularity": ["scenario", "partitions='ladder'"],
    "design_mixtures": ["inference_or_graph", "runs=1"],
    "forecast": ["calibration", "until"],
    "infer": ["curves", "mixtures=None", "prior=None"],
    "infer_frequencies": ["curves"],
    "load_graph": ["name_or_path"],
    "load_run": ["name_or_path", "overrides=None"],
    "load_scenario": ["name_or_path", "overrides=None"],
    "predict_gradient": [],
    "read_curves": ["paths"],
    "simulate": ["scenario", "engine='events'"],
    "sweep": ["scenario", "axes=None", "executor=None", "store=None"],
    "train": ["run"],
}

#: What can only be given by name, of functions whose arguments are many.
KEYWORDS = {
    "calibrate": [
        "loss='mse'",
        "fit=()",
        "share=()",
        "rate=None",
        "wasted=None",
        "mastery=0.99",
        "leak=0.0",
        "exponent=None",
        "beta=1.0",
        "confidence=0.95",
        "held_out=True",
    ],
    "compare_modularity": [
        "shares='equal'",
        "modules=None",
        "budget=None",
        "scaling=True",
        "errors=True",
        "train=0",
        "seed=0",
        "meter=None",
    ],
    "design_mixtures": [
        "knock_outs=True",
        "least=0.0",
        "ratio=None",
        "stranger=None",
        "law='any'",
        "wasted=0.01",
        "points=200",
        "noise=None",
        "mastery=0.99",
        "exponent=None",
        "seed=0",
        "meter=None",
    ],
    "forecast": ["mastery=None", "confidence=0.8", "draws=200", "seed=0"],
    "infer": ["mastery=None", "most_prerequisites=4", "seconds=inf", "meter=None"],
    "infer_frequencies": [
        "loss='mse'",
        "graph=None",
        "correlation=None",
        "law=None",
        "mastery=0.99",
        "exponent=None",
        "leak=0.0",
        "start=None",
        "confidence=0.95",
    ],
    "predict_gradient": [
        "frequencies",
        "n_dim",
        "lr",
        "steps",
        "optimizer='signgd'",
        "betas=(0.9, 0.999)",
        "noise=0.0",
        "batch_size=None",
        "loss='mse'",
        "g0=1.0",
    ],
    "read_curves": [
        "mixtures=None",
        "normalise='auto'",
        "columns=None",
        "metrics=None",
        "tags=None",
        "kind=None",
        "keep=None",
    ],
    "sweep": [
        "workers=None",
        "engine=None",
        "curves=None",
        "resume=False",
        "retry_failed=False",
        "most=1000000",
        "meter=None",
    ],
}

HEAVY = ("matplotlib", "networkx", "pandas", "pydantic", "scipy", "simpy", "torch", "xarray")


def test_the_public_names_are_these() -> None:
    assert sorted(domino_sim.__all__) == [
        "Recorder",
        "Scenario",
        "SkillProbe",
        "__version__",
        "calibrate",
        "compare_modularity",
        "design_mixtures",
        "forecast",
        "infer",
        "infer_frequencies",
        "load_graph",
        "load_run",
        "load_scenario",
        "predict_gradient",
        "read_curves",
        "simulate",
        "sweep",
        "train",
    ]
    for name in domino_sim.__all__:
        assert getattr(domino_sim, name) is not None
        assert name in dir(domino_sim)


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signatures_are_these(name: str) -> None:
    parameters = inspect.signature(getattr(domino_sim, name)).parameters.values()
    public = [
        p.name if p.default is p.empty else f"{p.name}={p.default!r}"
        for p in parameters
        if p.kind is not p.KEYWORD_ONLY
    ]
    assert public == SIGNATURES[name]


@pytest.mark.parametrize("name", KEYWORDS)
def test_the_keywords_are_these(name: str) -> None:
    parameters = inspect.signature(getattr(domino_sim, name)).parameters.values()
    only = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    shown = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in only]
    assert shown == KEYWORDS[name]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="simulat"):
        _ = domino_sim.simulat  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", ["domino_sim", "domino_sim.cli"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""


def test_everything_but_gradient_runs_works_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import domino_sim, domino_sim.plot\n"
        "ds = domino_sim.simulate(domino_sim.load_scenario('fig17-1'), engine='clock')\n"
        "assert ds.sizes['skill'] == 3"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
