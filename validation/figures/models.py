"""The Geometry and the Resource model of the text, ten tasks with p ∝ i^−2.

On the published task vectors a run with exact gradients has nothing random left: ours must be the
published one, up to rounding. The published SignGD is Adam with betas (0, 0), whose ε blurs the
sign of small gradients; once skills circle their goal, rounding alone moves levels by as much, so
both forms are held to the same bounds. The published files are the Resource model's explicit Euler
steps: `euler` must give them again.

Published cross-entropy losses are log σ(l) in single precision, which is 0, with a gradient of 0,
from l = 25 log 2 = 17.33 on, where σ rounds to 1. The published runs here stay below 9; a run of
one task at a large rate shows where the two forms part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from domino_sim import load_scenario, train
from validation.drawing import DOT, levels, panels
from validation.figure import Checked, Figure
from validation.figures.models_drawing import draw_difference, draw_levels, draw_loss, finish
from validation.geometry import array_file
from validation.gradient_run import power
from validation.passages import first_step
from validation.references import arrays, number
from validation.row import Instead, Row
from validation.seeds import furthest, one_more, strays, z_bound
from validation.setting import Arrays, Setting
from validation.value import at_most, exactly, mean_of, range_of

FIGURE = Figure(
    name="models",
    title="The Geometry and the Resource model",
    claim="Ten orthogonal tasks under SignGD are learned one after another, and ten skills that "
    "share a pool of resources do the same.",
    source="arXiv 2501.12391, geometry model and resource model; geometry_model.ipynb, "
    "resource_model.ipynb",
    minutes=0.3,
)

STEPS, N_DIM, LR = 1000, 1000, 3e-4

#: Frequencies p ∝ i^−2, Σ p = 1.
P = power(10, 2.0)

#: The published runs: file, loss, optimiser; batches are exact but for the last.
RUNS = {
    "mse_signgd": ("mse", "signgd"), "ce_signgd": ("ce", "signgd"),
    "mse_adam": ("mse", "adam"), "ce_adam": ("ce", "adam"),
    "mse_signgd_batch128": ("mse", "signgd"),
}  # fmt: skip

#: Seeds of runs on task vectors of our own, and of batches: quick, full.
SEEDS = (5, 20)

#: Largest difference of levels from the published run up to step 500 and later. Vectors are kept
#: in half precision, which moves levels by 5e-5 where nothing circles.
NEAR = {
    "mse_signgd": (5e-4, 0.01), "ce_signgd": (1e-4, 5e-4), "mse_adam": (1e-4, 1e-4),
    "ce_adam": (1e-4, 1e-4),
}  # fmt: skip

#: Root mean square distance of a prediction, which knows no task vectors, from a run: about twice
#: what seeds alone make.
PREDICTED = {"mse_signgd": 0.02, "ce_signgd": 0.02, "mse_adam": 0.04, "ce_adam": 0.02,
             "mse_signgd_batch128": 0.02}  # fmt: skip

#: The `euler` engine from the published levels, which are kept in single precision; losses are
#: kept in double, and rounding is relative.
ROUNDING, ROUNDING_LOSS = 1e-7, 1e-6

#: A single task under cross entropy at a large rate: rate, steps; and where float32's σ is 1.
FAST, FAST_STEPS, SATURATED = 0.02, 1200, 25 * np.log(2)


def check(setting: Setting) -> Checked:
    """Run both models, with the published task vectors and with others."""
    runs = {name: setting.kept(name, lambda name=name: _runs(name, setting)) for name in RUNS}
    theory = {name: _prediction(setting, name) for name in RUNS}
    figure, axes = panels(3, 4, size=(13.0, 8.0))
    rows: list[Row] = []
    for k, name in enumerate(RUNS):
        rows += _geometry(name, runs[name], theory[name])
        place = axes[0, k] if k < 2 else axes[2, k - 2]
        draw_levels(place, name, runs[name]["level"][0], theory[name], _published(name))
    for k, loss in enumerate(("mse", "ce")):
        rows += _resource(setting, loss, runs[f"{loss}_signgd"], axes[0, 2 + k], axes[1, 2 + k])
        draw_loss(axes[1, k], runs[f"{loss}_signgd"]["loss"] / 10, f"loss_{loss}_signgd")
    rows += [_passages(runs), *_forms(runs), _factor(runs), _saturation(setting)]
    draw_difference(axes[2, 3], runs)
    finish(figure, axes)
    return Checked(tuple(rows), figure)


def _tables(name: str, steps: int = STEPS) -> dict[str, Any]:
    loss, optimizer = RUNS[name]
    return {
        "steps": steps, "loss": loss, "graph": {"family": "independent", "n": 10},
        "frequencies": {"law": "power", "exponent": 2.0}, "record": {"every": 1},
        "model": {"kind": "geometry", "n_dim": N_DIM, "g0": 2.0 if loss == "mse" else 1.0},
        "optimizer": {"name": optimizer, "lr": LR},
        **({"batch_size": 128} if name.endswith("batch128") else {}),
    }  # fmt: skip


def _runs(name: str, setting: Setting) -> Arrays:
    """Train on the published vectors (batches: several seeds), with Adam(0, 0), on other ones."""
    tables, seeds = _tables(name), setting.choose(*SEEDS)
    with array_file(arrays("models_runs")["vectors"].astype(np.float32)) as path:
        given = {"model": {**tables["model"], "vectors": path}}
        curves = train({**tables, **given, "seeds": seeds if "batch_size" in tables else 1})
        as_adam = train({**tables, **given,
                         "optimizer": {"name": "adam", "betas": [0.0, 0.0], "lr": LR}})  # fmt: skip
    others = _passed(train({**tables, "seeds": seeds}).level.values) if name in NEAR else []
    total = (curves.frequency.values[:, None] * curves.loss.values).sum(axis=2)
    return {
        "level": curves.level.values.astype(np.float32), "loss": total[0],
        "as_adam": as_adam.level.values[0].astype(np.float32),
        "others": others,
    }  # fmt: skip


def _prediction(setting: Setting, name: str) -> xr.Dataset:
    loss, optimizer = RUNS[name]
    batch = 128 if name.endswith("batch128") else None
    return setting.simulator.predict(
        frequencies=P, n_dim=N_DIM, lr=LR, steps=STEPS, optimizer=optimizer, loss=loss,
        g0=2.0 if loss == "mse" else 1.0, batch_size=batch,
    )  # fmt: skip


def _passed(level: NDArray[Any]) -> NDArray[np.float64]:
    """Return the first of the 1000 published steps above each threshold, (…, skill, threshold)."""
    return np.stack([
        first_step(level[..., :STEPS, :] > threshold, np.arange(STEPS))
        for threshold in arrays("models_runs")["threshold"]
    ], axis=-1)  # fmt: skip


def _published(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return steps and levels of a published run of the geometry model."""
    if name.endswith("batch128"):
        return arrays("models_runs")["level_step"], arrays("models_runs")["level_batch128"]
    return arrays("geometry_model")["step"], arrays("geometry_model")[f"level_{name}"]


def _cross(name: str) -> NDArray[np.float64]:
    """Return published steps of passage; infinite for never."""
    steps = arrays("models_runs")[f"cross_{name}"].astype(float)
    return np.where(steps < 0, np.inf, steps)


def _geometry(name: str, ran: Arrays, theory: xr.Dataset) -> list[Row]:
    title, (step, level) = f"geometry, {name.replace('_', ', ')}", _published(name)
    rows = [_among_seeds(title, name, ran)]
    if name in NEAR:
        forms = [ran["level"][0], ran["as_adam"]] if name.endswith("signgd") else [ran["level"][0]]
        away = np.max([np.abs(own[step] - level) for own in forms], axis=0)
        also = ", as a sign and as Adam with betas (0, 0)" if len(forms) > 1 else ""
        for words, bound, part in (
            ("up to step 500", NEAR[name][0], step <= 500), ("later", NEAR[name][1], step > 500)
        ):  # fmt: skip
            rows.append(
                Row(f"{title}{also}: largest difference from the published levels {words}",
                    "reference run, same task vectors", at_most(bound),
                    exactly(away[part].max())))  # fmt: skip
    else:
        rows += [_among_batches(title, ran["level"], step, level), _batch_loss(title, ran)]
    away = theory.level.values[step] - level
    rows.append(
        Row(f"{title}: root mean square of predicted less published levels, nothing fitted",
            "reference run", at_most(PREDICTED[name]), exactly(np.sqrt((away**2).mean())),
            guards=("rate", "law")))  # fmt: skip
    return rows


def _distance(ours: NDArray[np.float64], published: NDArray[np.float64]) -> float:
    """Return the largest difference; infinite where only one of two is."""
    both = np.isinf(ours) & np.isinf(published)
    return float(np.abs(np.where(both, 0.0, ours) - np.where(both, 0.0, published)).max())


def _among_seeds(title: str, name: str, ran: Arrays) -> Row:
    """Hold the published run's passages of 0.9, all skills together, among those of our seeds."""
    with_batches = name.endswith("batch128")
    ours = _passed(ran["level"]) if with_batches else ran["others"]
    published, ours = _cross(name)[:, 2], ours[..., 2]
    known = np.isfinite(published) & np.isfinite(ours).all(axis=0)
    words = "the published vectors, other batches" if with_batches else "task vectors of our own"
    return Row(
        f"{title}: mean step at which the {known.sum()} skills that get there pass 0.9; {words}",
        "reference run, one seed", exactly(published[known].mean()),
        one_more(ours[:, known].mean(axis=1)),
    )  # fmt: skip


def _among_batches(
    title: str, ours: NDArray[Any], step: NDArray[Any], published: NDArray[Any]
) -> Row:
    """Hold the published run's distance from the mean of ours against that of each of ours."""
    return Row(
        f"{title}: |z| of how far levels stray from our mean (logarithm of the root mean square "
        "over the run), published run among our seeds", "reference run, one seed of batches",
        z_bound(1, len(ours)), furthest([strays(published, ours[:, step])]),
    )  # fmt: skip


def _batch_loss(title: str, ran: Arrays) -> Row:
    """Show that with batches the published loss is a mean over samples, so without the factor."""
    published = arrays("models_runs")["loss_mse_signgd_batch128"]
    early = published > 0.05 * published[0]
    return Row(
        f"{title}: published loss, a mean over samples, over our Σ p loss, mean of {early.sum()} "
        "steps", "reference run, one seed of batches", exactly(1.0),
        mean_of((published / ran["loss"][:STEPS:10])[early]),
    )  # fmt: skip


def _passages(runs: dict[str, Arrays]) -> Row:
    apart = [_distance(_passed(runs[name]["level"][0]), _cross(name)) for name in NEAR]
    return Row(
        "geometry, exact gradients, four runs: largest difference of 160 published steps of "
        "passage of 0.1, 0.5, 0.9 and 0.95, in steps", "reference runs, same task vectors",
        at_most(1.0), exactly(max(apart)),
    )  # fmt: skip


def _resource(setting: Setting, loss: str, ran: Arrays, ax: Axes, below: Axes) -> list[Row]:
    scenario = load_scenario(f"resource-{loss}").with_overrides({"record": {"every": 1}})
    stepped = setting.simulator.simulate(scenario, "euler")
    smooth = setting.simulator.simulate(scenario, "clock")
    of, kept = arrays(f"resource_model_{loss}"), arrays("models_runs")
    own = stepped.level.values[1:]
    total = (P * ((1 - own) ** 2 if loss == "mse" else -np.log(own))).sum(axis=1)
    title, source = f"resource, {loss}", "reference run, explicit Euler, step 1"
    guards = ("rate", "wasted", "law")
    apart = max(np.abs(own[of["step"]] - of["level"]).max(),
                np.abs(own[-1] - of["level_final"]).max())  # fmt: skip
    published = _cross(f"resource_{loss}")
    losses = np.abs(total[::10] - kept[f"loss_resource_{loss}"]) / kept[f"loss_resource_{loss}"]
    ax.plot(of["step"][::10] + 1, of["level"][::10], **DOT, markersize=3)
    levels(ax, stepped.step, stepped.level, (smooth.step, smooth.level), f"resource, {loss}")
    below.plot(np.arange(STEPS) + 1, total, color="black")
    below.plot(np.arange(0, STEPS, 40) + 1, kept[f"loss_resource_{loss}"][::4], **DOT, markersize=3)
    return [
        Row(f"{title}: largest difference of `euler` from the published levels", source,
            at_most(ROUNDING), exactly(apart), guards=guards),
        Row(f"{title}: largest difference of 40 published steps of passage from `euler`", source,
            at_most(0.0), exactly(_distance(_passed(own), published)), guards=guards),
        Row(f"{title}: largest part by which Σ p loss differs from the published loss", source,
            at_most(ROUNDING_LOSS), exactly(losses.max()), guards=guards),
        Row(f"{title}: the same passages in the continuous model, in steps", source,
            at_most(1.0), exactly(_distance(_passed(smooth.level.values[1:]), published)),
            guards=guards),
        *_lead(loss, own, ran),
    ]  # fmt: skip


def _lead(loss: str, own: NDArray[Any], ran: Arrays) -> list[Row]:
    """Hold by how much `euler` leads our run on the first skill: 1 − its step over the run's.

    Cross entropy starts at ½, so that only 0.9 is passed there. At 0.9 the paper's 35 to 45 % is
    not there in the published runs either; η × 1.3 would have it, so no guard is on that row.
    """
    reference, source = number("models", "lead")
    run, theory = _passed(ran["level"][0])[0], _passed(own)[0]
    published = 1.0 - _cross(f"resource_{loss}")[0] / np.maximum(_cross(f"{loss}_signgd")[0], 1.0)
    return [
        Row(f"{loss}: part of SignGD's steps to a level of {level:g} of the first skill by which "
            "`euler` leads at the paper's η = 2 lr √n_dim", source, reference,
            exactly(1.0 - theory[k] / run[k]), by=0.005, instead=Instead(
                "the published steps of passage at this level", exactly(published[k])),
            guards=("law",) if level == 0.9 else ("rate", "law"))
        for k, level in enumerate(arrays("models_runs")["threshold"][:3])
        if loss == "mse" or level == 0.9
    ]  # fmt: skip


def _forms(runs: dict[str, Arrays]) -> list[Row]:
    """Compare a true sign with Adam (0, 0), both ours: the reference README says by how much."""
    away = np.max([
        np.abs(runs[name]["as_adam"] - runs[name]["level"][0]).max(axis=1)
        for name in ("mse_signgd", "ce_signgd")
    ], axis=0)  # fmt: skip
    rows = []
    for words, name, part in (
        ("up to step 500", "sign_early", away[:501]), ("later", "sign_late", away[501:])
    ):  # fmt: skip
        reference, source = number("models", name)
        rows.append(
            Row(
                f"geometry, SignGD as a sign and as Adam with betas (0, 0): largest "
                f"difference of levels {words}",
                source,
                reference,
                exactly(part.max()),
            )
        )
    return rows


def _factor(runs: dict[str, Arrays]) -> Row:
    """Compare our Σ p loss with the published loss, a mean over tasks, where it is not small."""
    parts = []
    for name in NEAR:
        published = arrays("models_runs")[f"loss_{name}"]
        large = published > 1e-2 * published[0]
        parts.append((runs[name]["loss"][:STEPS:10] / published)[large])
    reference, source = number("models", "factor")
    every = np.concatenate(parts)
    return Row(
        "geometry: our Σ p loss over the published loss, four runs, while it is above 1 % of what "
        "it was (lowest and highest)", source, reference, range_of(every),
        within=0.001,
    )  # fmt: skip


def _saturation(setting: Setting) -> Row:
    """Show that the cross entropy goes on where single precision's log σ is at its end."""

    def make() -> Arrays:
        tables = {**_tables("ce_signgd", FAST_STEPS), "record": {"steps": [FAST_STEPS]}}
        tables |= {"graph": {"family": "independent", "n": 1},
                   "optimizer": {"name": "signgd", "lr": FAST},
                   "model": {"kind": "geometry", "n_dim": 1, "vectors": "basis"}}  # fmt: skip
        return {"loss": train(tables).loss.values[0, -1]}

    loss = float(setting.kept("saturation", make)["loss"][0])
    return Row(
        f"one task under cross entropy, steps of {FAST}: where l is after {FAST_STEPS}, from the "
        "loss", "log σ(l) in single precision stands still once σ rounds to 1: 25 log 2",
        exactly(SATURATED), exactly(-np.log(np.expm1(loss)) if loss > 0 else np.inf), by=FAST,
        instead=Instead("a stable softplus goes on to lr × steps", exactly(FAST * FAST_STEPS)),
    )  # fmt: skip
