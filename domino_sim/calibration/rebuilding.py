"""Fitted models from what ``calibration.json`` holds of them: evaluated, not fitted again."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from domino_sim.calibration.checks import FIT, SHARE, check_number, check_options
from domino_sim.calibration.fits import Fit, Part, model_of
from domino_sim.calibration.least_squares import Minimum
from domino_sim.calibration.models import bowl_of
from domino_sim.calibration.observations import Observations
from domino_sim.calibration.pool_model import GATE_PARAMETERS, Free
from domino_sim.calibration.skill_path import Path
from domino_sim.calibration.stored_form import Entry
from domino_sim.engines.system import graph_circuit
from domino_sim.errors import ArgumentError, FileError, InputError
from domino_sim.graph import build_graph

__all__ = ["fit_of", "free_of", "path_of"]

#: What can be held, and between which numbers; whether these are among them.
HELD = {"rate": (0.0, math.inf, False), "wasted": (0.0, math.inf, True), "beta": (-4.0, 4.0, True)}


def free_of(stored: Entry) -> Free:
    """Return what was fitted beside the pool."""
    given = {}
    for name, entry in stored["given"].items():
        Entry(name, stored.file, entry.path).text(tuple(HELD))
        low, high, closed = HELD[name]
        try:
            given[name] = check_number(name, entry.value, low, high, closed=closed)
        except ArgumentError as error:
            raise entry.refusal(expected=error.expected) from None
    return Free(
        frequencies=stored["frequencies"].flag(),
        common=stored["common"].flag(),
        gate=tuple(entry.text(GATE_PARAMETERS) for entry in stored["gate"].entries()),
        shared=stored["shared"].flag(),
        given=given,
    )


def path_of(settings: Entry, observations: Observations, free: Free) -> Path:
    """Return the path of the first run, as `calibrate` made it.

    Raises
    ------
    FileError
        If a setting is none.
    """
    loss, exponent = settings["loss"].text(("mse", "ce")), settings["exponent"].value
    names = observations.skills
    try:
        check_options(
            settings["law"].text(),
            loss,
            _texts(settings["fit"], FIT),
            _texts(settings["share"], SHARE),
            exponent,
        )
        mastery = check_number("mastery", settings["mastery"].value, 0.0, 1.0)
        leak = check_number("leak", settings["leak"].value, 0.0, 1.0, closed=True)
        if exponent is not None:
            exponent = check_number("exponent", exponent, 0.0, math.inf)
        gates = {name: settings["graph"][name].value for name in names}
        tables = {name: {} if gate is None else {"requires": gate} for name, gate in gates.items()}
        graph = build_graph(tables)
    except FileError:
        raise
    except InputError as error:
        raise FileError(
            error.what,
            where=f"{settings.file}: settings: {error.where}",
            expected=error.expected,
            nearest=error.nearest,
        ) from None
    frequency = observations.runs[0].frequency
    if not free.frequencies and not np.isfinite(frequency).all():
        place = Entry(False, settings.file, ("fitted", "frequencies"))
        raise place.refusal(expected="true: the curves have no frequencies")
    return Path(
        graph_circuit(graph, {name: i for i, name in enumerate(names)}),
        np.ones(len(names)) if free.frequencies else frequency,
        loss,  # type: ignore[arg-type]
        mastery,
        leak,
        exponent,
    )


def _texts(stored: Entry, choices: Collection[str]) -> list[str]:
    return [entry.text(choices) for entry in stored.entries()]


def fit_of(stored: Entry, law: str, observations: Observations, path: Path, free: Free) -> Fit:
    """Return a fitted law, its models built again.

    Raises
    ------
    FileError
        If its parameters are not those of these runs.
    """
    parts = [_part(entry, law, observations, path, free) for entry in stored.entries()]
    if sorted(r for part in parts for r in part.runs) != list(range(len(observations.runs))):
        raise stored.refusal("has not each run once", expected="parts that make up all runs")
    return Fit(
        law,
        tuple(parts),
        sum(part.minimum.bowl.error for part in parts),
        observations.count,
        sum(int((part.minimum.bound == 0).sum()) for part in parts),
    )


def _part(stored: Entry, law: str, observations: Observations, path: Path, free: Free) -> Part:
    last = len(observations.runs) - 1
    runs = tuple(entry.whole(0, last) for entry in stored["runs"].entries())
    if not runs:
        raise stored["runs"].refusal("is empty", expected="numbers of runs")
    if "start" in stored:
        start = np.array([entry.number() for entry in stored["start"].entries(len(path.frequency))])
        if not (start > 0.0).all():
            raise stored["start"].refusal(expected="numbers above 0")
        path = replace(path, frequency=start)
    model = model_of(observations.pick(runs), path, law, free)
    size = len(model.parameters)
    at = np.array([entry.number() for entry in stored["at"].entries(size)])
    for entry, parameter in zip(stored["at"].entries(), model.parameters, strict=True):
        if not parameter.low <= entry.value <= parameter.high:
            ends = f"from {parameter.low:g} to {parameter.high:g}"
            raise entry.refusal(expected=f"a number {ends}")
    bound = np.array([entry.whole(-1, 1) for entry in stored["bound"].entries(size)], dtype=int)
    return Part(model, Minimum(at, bowl_of(model, at), bound, stored["settled"].flag()), runs)
