"""What was inferred, and its files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import xarray as xr

from domino_sim.files import atomic_write, make_folder
from domino_sim.gates import all_of
from domino_sim.graph.node_link import node_link_text
from domino_sim.inference.evidence import BAD_FIT, SUREST, Edge
from domino_sim.inference.forms import Form, Requires, trained
from domino_sim.inference.networks import Grown
from domino_sim.inference.networks.kept import kept_onsets
from domino_sim.inference.remarks import by_how_much, farthest, of_unknown
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study, runs_apart
from domino_sim.levels import Floats

__all__ = ["Inference", "make_grown_inference", "make_inference"]

#: What is said of a bad fit that was looked for to the end.
_NONE_EXPLAINS = (
    "no graph under these gate forms that prior knowledge permits explains the curves, or the "
    "search has not found it"
)

#: So few runs hardly make an edge of composed skills sure (`composed_edges`): it is said.
_FEW_RUNS = 3


@dataclass(frozen=True)
class Inference:
    """An inferred dependency graph.

    Attributes
    ----------
    graph
        A `networkx.DiGraph`. Edges (prerequisite → dependent) have ``probability`` in [0, 1],
        ``status`` (``found``, ``possible``, ``undetermined``), ``reason`` (why it is not decided),
        ``gain`` (how much less χ² is with it; under a model of networks twice the log of how much
        likelier the curves are) and ``runs`` (the same by run, the largest first).
        Nodes have ``gate`` (``and``, ``or`` or ``none``), ``requires`` (the expression of the
        found edges) and ``left_out`` (why the skill tells nothing, or an empty text).
    report
        Everything in plain numbers and text: gate form, fit, edges, remarks.
    predicted
        ``level`` (run, step, skill) of the inferred model, ``observed`` beside it, and ``clock``
        (run, step), the resource clock.
    """

    graph: nx.DiGraph
    report: Mapping[str, Any]
    predicted: xr.Dataset

    def found(self) -> nx.DiGraph:
        """Return the graph of the found edges alone, with gates, to be simulated."""
        plain = nx.DiGraph(title="inferred")
        for name, node in self.graph.nodes.items():
            plain.add_node(name, **({"requires": node["requires"]} if node["requires"] else {}))
        plain.add_edges_from(
            (a, b) for a, b, status in self.graph.edges(data="status") if status == "found"
        )
        return plain

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``graph.json``, ``report.json`` and ``predicted.nc``; return their paths.

        ``graph.json`` has all edges of `graph` with their ``status``; `load_graph` takes the found
        ones.
        """
        from domino_sim.netcdf import save_dataset

        folder = Path(folder)
        make_folder(folder)
        paths = [folder / name for name in ("graph.json", "report.json", "predicted.nc")]
        graph = self.found()
        for name in graph:
            graph.nodes[name].update(self._of_skill(name))
        graph.add_edges_from(self.graph.edges(data=True))
        atomic_write(paths[0], node_link_text(graph))
        atomic_write(paths[1], json.dumps(self.report, ensure_ascii=False, indent=1) + "\n")
        save_dataset(self.predicted, paths[2])
        return paths

    def _of_skill(self, name: str) -> dict[str, Any]:
        """Return the gate of a skill, how it opens, and its frequency: the mean of its shares."""
        told = {"gate": self.graph.nodes[name]["gate"]}
        rows = [row for row in self.report["mixtures"].values() if name in row]
        if rows:
            told["frequency"] = float(np.mean([row[name] / sum(row.values()) for row in rows]))
        form = self.report["form"]
        if told["gate"] != "none" and self.report["model"]["kind"] == "gates":
            told["mastery" if form["kind"] == "hard" else "exponent"] = form["value"]
            told["leak"] = form["leak"]
        return told

    def __repr__(self) -> str:
        statuses = [status for _, _, status in self.graph.edges(data="status")]
        counts = ", ".join(
            f"{statuses.count(status)} {status}" for status in ("found", "possible", "undetermined")
        )
        return f"<Inference of {len(self.graph)} skills: {counts}; {self.report['model']['text']}>"


def make_inference(
    study: Study, structure: Structure, edges: Sequence[Edge], scale: float,
    forms: Mapping[str, float], names: Sequence[str], *, stopped: bool = False,
) -> Inference:  # fmt: skip
    """Gather the result."""
    graph = _graph(study, edges, structure.gates, names)
    whole = structure.on(study.records)
    misfit = whole.polish(12) / max(whole.records.values, 1)
    form = structure.courses.form
    model = {"kind": "gates", "text": str(form)}
    far = farthest(study, whole)
    report = _report(study, form, graph, model, misfit, scale, forms, stopped=stopped, far=far)
    fitted = {"mixtures": _mixtures(study, structure.courses.frequency)}
    return Inference(graph, report | fitted, _predicted(study, whole))


def make_grown_inference(
    study: Study, grown: Grown, form: Form, forms: Mapping[str, float], names: Sequence[str],
    surest: float, *, stopped: bool = False,
) -> Inference:  # fmt: skip
    """Gather the result of a model of networks, or of a serial pool.

    `form` is the gate form that came nearest; under a serial pool gates open at level 1. No
    probability is above `surest` but of edges that are required beforehand.
    """
    if grown.kind == "serial":
        form = Form("hard", 1.0, form.loss)
    study = replace(study, remarks=(*study.remarks, *grown.remarks))
    required = grown.rules.required if grown.rules is not None else [()] * len(grown.graph)
    edges = [
        edge if edge.prerequisite in required[edge.dependent]
        else replace(edge, probability=min(edge.probability, surest))
        for edge in grown.edges
    ]  # fmt: skip
    graph = _graph(study, edges, dict(enumerate(grown.graph)), names)
    model: dict[str, Any] = {"kind": grown.kind, "text": grown.text}
    if grown.exponents:
        model["frequency_exponents"] = {
            study.skills[i]: round(float(weights[0]), 4) for i, weights in grown.exponents.items()
        }
    if grown.onsets is not None and grown.rules is not None:
        model |= kept_onsets(study.runs, study.skills, *grown.onsets, grown.rules)
    tried = dict(forms) | {name: (rms / study.sigma) ** 2 for name, rms in grown.misfits.items()}
    scale = max(grown.misfit, 1.0)
    report = _report(study, form, graph, model, grown.misfit, scale, tried, stopped=stopped)
    order = list(range(len(study.skills)))
    clock = np.full(study.records.level.shape[:2], np.nan)
    predicted = _dataset(study, np.moveaxis(grown.level, -1, 0), order, clock)
    return Inference(graph, report, predicted)


def _graph(
    study: Study, edges: Sequence[Edge], gates: Mapping[int, Requires], names: Sequence[str]
) -> nx.DiGraph:
    graph = nx.DiGraph(title="inferred from learning curves")
    for name in names:
        graph.add_node(name, gate="none", requires="", left_out=study.left_out.get(name, ""))
    for edge in edges:
        runs = np.argsort(-np.abs(edge.by_run))
        graph.add_edge(
            study.skills[edge.prerequisite], study.skills[edge.dependent],
            probability=round(edge.probability, 6), status=edge.status, reason=edge.reason,
            gain=round(edge.gain, 3),
            runs={study.runs[r]: round(float(edge.by_run[r]), 3) for r in runs},
        )  # fmt: skip
    for i, gate in gates.items():
        name = study.skills[i]
        found = [a for a, _, s in graph.in_edges(name, data="status") if s == "found"]
        if found:
            graph.nodes[name]["gate"] = "or" if gate.any and len(found) > 1 else "and"
            graph.nodes[name]["requires"] = _expression(found, any=gate.any)
    return graph


def _expression(names: Sequence[str], *, any: bool) -> str:
    text = str(all_of(names))
    if not any or len(names) < 2:
        return text
    return " or ".join(str(all_of([name])) for name in names)


def _report(
    study: Study, form: Form, graph: nx.DiGraph, model: Mapping[str, Any], misfit: float,
    scale: float, forms: Mapping[str, float], *, stopped: bool, far: str = "",
) -> dict[str, Any]:  # fmt: skip
    remarks = [*study.remarks, *of_unknown(study, serial=model["kind"] == "serial")]
    remarks += [f"{name} {why}: left out" for name, why in study.left_out.items()]
    if stopped:
        remarks.append("the search was stopped: this is the best graph so far")
    if model["kind"] == "serial":
        remarks.append(
            "one skill at a time was served, the most frequent of those that were open (the law "
            "domino): there is no clock in which skills decouple, and mixtures tell by their order "
            "alone"
        )
    elif model["kind"] != "gates":
        tried = "none of the gates that were tried explains" if stopped else (
            "no gates that wait explain"
        )  # fmt: skip
        remarks.append(
            f"{tried} the curves: a model of networks does better ({model['text']}; "
            f"docs/inference.md, Networks){by_how_much(study, misfit)}"
        )
    elif scale >= BAD_FIT:
        remarks.append(
            f"means of neighbouring records are {scale:.1f} times as far from the best model as "
            "their noise: "
            f"{'this graph does not explain the curves' if stopped else _NONE_EXPLAINS}"
            f"; no probability is above {SUREST} for that, and pairs that are not named are not "
            f"excluded{far}"
        )
    if runs_apart(study) == 1 and len(study.skills) > 1:
        remarks.append(
            "one run only: other graphs may explain it as well, and no probability is above 0.89"
        )
    elif model["kind"] == "composed" and len(study.runs) <= _FEW_RUNS:
        remarks.append(
            f"{len(study.runs)} runs only: what all of them show has a probability of "
            f"{1.0 - math.exp(-len(study.runs)):.2f} at most"
        )
    edges = [
        {"from": a, "to": b, **values}
        for a, b, values in sorted(
            graph.edges(data=True), key=lambda edge: (-edge[2]["probability"], edge[0], edge[1])
        )
    ]
    return {
        "skills": list(graph),
        "runs": list(study.runs),
        "mixtures": _mixtures(study, study.frequency),
        "pieces": _pieces(study),
        "form": {"kind": form.kind, "value": form.value, "loss": form.loss,
                 "leak": form.leak, "text": str(form)},
        "model": dict(model),
        "forms": {name: round(value, 4) for name, value in forms.items()},
        "noise": study.sigma,
        "misfit": misfit,
        "scale": scale,
        "edges": edges,
        "gates": {
            name: node["requires"] for name, node in graph.nodes.items() if node["requires"]
        },
        "remarks": remarks,
    }


def _mixtures(study: Study, frequency: Floats) -> dict[str, dict[str, float]]:
    """Return the frequencies of every run; 0 for what is not trained in it.

    Of a run of which none is known they add up to 1: their scale is that of its clock.
    """
    frequency = np.where(trained(study.frequency, study.free), frequency, 0.0)
    if study.free is not None:
        unknown = study.free | (frequency == 0.0)
        total = frequency.sum(axis=1, keepdims=True)
        frequency = np.where(unknown.all(axis=1, keepdims=True), frequency / total, frequency)
    return {
        run: dict(zip(study.skills, map(float, row), strict=True))
        for run, row in zip(study.runs, frequency, strict=True)
    }


def _pieces(study: Study) -> list[str]:
    """Return the labels of all pieces of runs whose mixture changes."""
    if study.follows is None:
        return []
    both = {r for at in enumerate(study.follows.run.tolist()) if at[1] >= 0 for r in at}
    return [study.runs[r] for r in sorted(both)]


def _predicted(study: Study, whole: Structure) -> xr.Dataset:
    """Return levels of the model, which is on all records of the curves."""
    order = list(whole.gates)
    tracks = np.stack([whole.tracks[i] for i in order])
    level, _ = whole.courses.levels(order, tracks, whole.tau, whole.courses.place(whole.tau))
    return _dataset(study, level, order, whole.tau)


def _dataset(study: Study, level: Floats, order: Sequence[int], tau: Floats) -> xr.Dataset:
    """Return levels (skills in `order`, runs, records) and a clock beside those of the curves."""
    steps = np.unique(np.concatenate(study.steps)).astype(np.int64)
    shape = (len(study.runs), len(steps), len(study.skills))
    predicted, observed = np.full(shape, np.nan), np.full(shape, np.nan)
    clock = np.full(shape[:2], np.nan)
    for r, at in enumerate(study.steps):
        rows = np.searchsorted(steps, at)
        predicted[r, rows[:, None], order] = level[:, r, : len(at)].T
        there = study.records.weight[r, : len(at)] > 0.0
        observed[r, rows] = np.where(there, study.records.level[r, : len(at)], np.nan)
        clock[r, rows] = tau[r, : len(at)]
    dims = ("run", "step", "skill")
    return xr.Dataset(
        {
            "level": (dims, predicted, {"long_name": "level of the inferred model"}),
            "observed": (dims, observed, {"long_name": "level of the curves"}),
            "clock": (dims[:2], clock, {"long_name": "resource clock"}),
        },
        {"run": list(study.runs), "step": steps, "skill": list(study.skills)},
    )
