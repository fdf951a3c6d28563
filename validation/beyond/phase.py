"""More tasks than dimensions: which skills can never be learned, and how much of each.

Under squared error du/dτ = −C P u (C the Gram matrix of the task vectors, P the frequencies), so in
the end u = P^−½ Π₀ P^½ u(0), Π₀ the projector on the null space of P^½ C P^½. It is the residual of
the least squares fit Σ p (1 − t·θ)² that every optimiser looks for, and does not depend on the pool
law, on η or on N₀. The paper has this case in gradient runs only (Fig. 8).

Here the closed form is worked out from the task vectors by a QR decomposition, and held against
gradient runs (SGD; SignGD whose learning rate falls to 0) and the `clock` engine, on the same task
vectors. Since the pool does not matter in the end, errors of the simulator's pool cannot show
there; they must on the way, which is held against SciPy's matrix exponential.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from domino_sim import train
from domino_sim.levels import Floats
from validation.beyond.phase_drawing import draw
from validation.figure import Checked, Figure
from validation.geometry import array_file
from validation.gradient_run import power
from validation.row import Row
from validation.setting import Setting
from validation.value import at_most, exactly, mean_of

FIGURE = Figure(
    name="phase",
    title="What can never be learned",
    claim="With more tasks than dimensions each skill keeps an unlearned part that follows in "
    "closed form from task vectors and frequencies, whatever the optimiser; the trace of what maps "
    "the start to it is n_task − n_dim.",
    source="docs/theory.md, Correlated tasks",
    minutes=1.0,
)

#: Settings that are trained: tasks, dimensions, exponent of the frequencies.
TRAINED = ((30, 10, 0.0), (30, 10, 0.5), (30, 10, 1.0), (30, 20, 1.0), (30, 5, 1.0), (30, 10, 1.5))

#: How long each optimiser is trained, and its learning rate (SignGD: at first).
STEPS, LR = {"sgd": 8000, "signgd": 6000}, {"sgd": 1.5, "signgd": 0.004}

#: Draws of task vectors for the mean over them.
MANY = 60

#: The map: tasks, draws of task vectors a point, dimensions and exponents.
MAP_TASKS = 60
MAP_DIMS, MAP_ALPHAS = tuple(range(6, 61, 6)), tuple(np.linspace(0.0, 2.0, 9))

#: How much more the last skill is trained to see what its frequency does.
BOOST = 30.0

#: Steps on the way, of `constant` with η = 1, at n_task 30 and n_dim 10, α = 1.
WAY = (1, 3, 10, 30, 100, 300, 1000)

#: How near levels are expected to be: SGD has come to rest; SignGD zigzags along narrow valleys.
NEAR, NEAR_SIGN = 1e-3, 0.02


#: Tasks, dimensions, exponent of the frequencies.
Case = tuple[int, int, float]


def task_vectors(tasks: int, n_dim: int, seed: int) -> NDArray[np.float64]:
    """Return random task vectors of length 1, (tasks, n_dim)."""
    drawn = np.random.default_rng([seed, tasks, n_dim]).standard_normal((tasks, n_dim))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def frequencies(tasks: int, alpha: float, boosted: bool = False) -> Floats:
    """Return p ∝ i^−α, Σ p = 1; boosted: the last skill `BOOST` times as often, before that."""
    p = power(tasks, alpha)
    if boosted:
        p[-1] *= BOOST
    return p / p.sum()


def left(vectors: Floats, p: Floats, start: Floats | None = None) -> Floats:
    """Return the unlearned part that stays, P^−½ Π₀ P^½ u(0); u(0) = 1 if not given."""
    root = np.sqrt(p)
    basis = np.linalg.qr(root[:, None] * vectors).Q
    weighted = root if start is None else root * start
    return (weighted - basis @ (basis.T @ weighted)) / root


def check(setting: Setting) -> Checked:
    """Hold the closed form against gradient runs and the simulator, and draw the map."""
    chosen = setting.choose(TRAINED[:3], TRAINED)
    draws = setting.choose(1, 5)
    runs = {o: _trained(setting, chosen, o, draws) for o in STEPS}
    exact = {case: _exact(case, draws) for case in chosen}
    simulated, way = _simulated(setting, chosen), _way(setting)
    rows = [
        *_trained_rows(runs, exact),
        _boost_row(runs["sgd"], draws),
        _mean_row(setting),
        *_simulator_rows(setting, simulated, way),
        _half_row(runs["sgd"], exact),
    ]
    note = f"Trained: {len(chosen)} settings of (n_task, n_dim, α), {draws} draws of task vectors."
    fraction = _map(setting.choose(10, 50))
    drawing = draw(fraction, MAP_DIMS, MAP_ALPHAS, MAP_TASKS, runs, exact, way)
    return Checked(tuple(rows), drawing, note)


def _exact(case: Case, seeds: int, boosted: bool = False) -> Floats:
    tasks, n_dim, alpha = case
    p = frequencies(tasks, alpha, boosted)
    return np.array([left(task_vectors(tasks, n_dim, seed), p) for seed in range(seeds)])


def _trained(
    setting: Setting, cases: tuple[Case, ...], optimizer: str, draws: int
) -> dict[Case | str, Floats]:
    """Return the unlearned part after training, (draw of task vectors, skill), by setting.

    Settings of one size are trained side by side; with them "boosted", of 30 tasks, 10 dimensions
    and α = 1, the last of them `BOOST` times as often.
    """
    found: dict[Case | str, Floats] = {}
    for size in dict.fromkeys(case[:2] for case in cases):
        mixtures: dict[Case | str, Floats] = {
            case: frequencies(size[0], case[2]) for case in cases if case[:2] == size
        }
        if size == (30, 10):
            mixtures["boosted"] = frequencies(30, 1.0, True)

        def make(size: tuple[int, int] = size, mixtures: Any = mixtures) -> dict[str, Any]:
            every = [_train(task_vectors(*size, k), mixtures, optimizer) for k in range(draws)]
            return {"u": np.stack(every, axis=1)}

        name = f"{optimizer}-{size[0]}-{size[1]}-{len(mixtures)}x{draws}"
        found.update(zip(mixtures, setting.kept(name, make)["u"], strict=True))
    return found


def _train(vectors: Floats, mixtures: dict[Any, Floats], optimizer: str) -> Floats:
    """Return the unlearned part after training, (mixture, skill)."""
    names = [f"s{i + 1}" for i in range(len(vectors))]
    with array_file(vectors) as path:
        curves = train(
            {
                **_run(optimizer, len(vectors)),
                "model": {"kind": "geometry", "n_dim": vectors.shape[1], "vectors": path},
                "mixtures": {
                    str(k): dict(zip(names, p.tolist(), strict=True))
                    for k, p in enumerate(mixtures.values())
                },
            }
        )
    return 1.0 - curves.level.values[:, -1]


def _run(optimizer: str, tasks: int) -> dict[str, Any]:
    falling = {"schedule": {"kind": "linear"}} if optimizer == "signgd" else {}
    steps = STEPS[optimizer]
    return {
        "steps": steps, "dtype": "float64", "record": {"steps": [0, steps]},
        "optimizer": {"name": optimizer, "lr": LR[optimizer], **falling},
        "graph": {"family": "independent", "n": tasks},
        "frequencies": {"law": "uniform"},
    }  # fmt: skip


def _levels(
    setting: Setting, vectors: Floats, p: Floats, pool: dict[str, Any], steps: list[int],
    start: Floats | None = None,
) -> Floats:  # fmt: skip
    """Return the simulated levels at `steps`, (step, skill); `start`: those at the start."""
    begin = np.zeros(len(p)) if start is None else start
    with array_file(vectors @ vectors.T) as path:
        skills = {
            f"s{i + 1}": {"frequency": float(x), "level": float(s)}
            for i, (x, s) in enumerate(zip(p, begin, strict=True))
        }
        tables = {
            "steps": max(steps), "record": {"steps": steps}, "pool": pool, "skills": skills,
            "correlation": path,
        }  # fmt: skip
        return setting.simulator.simulate(tables, "clock").level.values


#: Pools under which the end must be the same.
POOLS = (
    {"law": "constant", "rate": 1.0},
    {"law": "norm", "rate": 0.02, "wasted": 0.01},
    {"law": "sum", "rate": 0.02, "wasted": 0.003},
)


def _simulated(setting: Setting, cases: tuple[Case, ...]) -> float:
    """Return the largest difference of simulated ends from the closed form, over pools."""
    worst = 0.0
    for tasks, n_dim, alpha in cases:
        vectors, p = task_vectors(tasks, n_dim, 0), frequencies(tasks, alpha)
        for pool in POOLS:
            end = 1.0 - _levels(setting, vectors, p, pool, [10**6])[-1]
            worst = max(worst, float(np.abs(end - left(vectors, p)).max()))
    return worst


def _way(setting: Setting) -> tuple[Floats, Floats]:
    """Return levels on the way, simulated and by the matrix exponential, (step, skill)."""
    vectors, p = task_vectors(30, 10, 0), frequencies(30, 1.0)
    ours = _levels(setting, vectors, p, POOLS[0], list(WAY))
    slope = -(vectors @ vectors.T) * p
    return ours, np.array([1.0 - expm(slope * t) @ np.ones(30) for t in WAY])


def _trained_rows(
    runs: dict[str, dict[Case | str, Floats]], exact: dict[Case, Floats]
) -> list[Row]:
    rows = []
    for o, name, near in (("sgd", "SGD", NEAR), ("signgd", "SignGD", NEAR_SIGN)):
        apart = max(np.abs(runs[o][case] - u).max() for case, u in exact.items())
        rows.append(
            Row(
                f"{name}, trained: largest difference of an unlearned part from the closed form "
                f"({len(exact)} settings)", "closed form", at_most(near), exactly(apart),
            )
        )  # fmt: skip
    # Demand and loss of what stays are the same number, so no pool ever empties.
    p, trained = frequencies(30, 1.0), runs["sgd"][30, 10, 1.0][0]
    closed = exact[30, 10, 1.0][0]
    rows += [
        Row(
            "SGD, trained (30 tasks, 10 dimensions, α = 1): Σ p u² over Σ p u, loss and demand "
            "that never go", "closed form", exactly(1.0),
            exactly((p * trained**2).sum() / (p * trained).sum()), by=NEAR,
        ),
        Row("the same: Σ p u", "closed form, |Π₀ p^½|²", exactly((p * closed).sum()),
            exactly((p * trained).sum()), by=NEAR),
    ]  # fmt: skip
    return rows


def _boost_row(trained: dict[Case | str, Floats], draws: int) -> Row:
    case = (30, 10, 1.0)
    closed = (_exact(case, draws, boosted=True) - _exact(case, draws))[:, -1]
    ours = (trained["boosted"] - trained[case])[:, -1]
    return Row(
        f"30 tasks, 10 dimensions, α = 1, last skill trained {BOOST:g} times as often: change of "
        "its unlearned part, mean over draws", "closed form", exactly(closed.mean()),
        exactly(ours.mean()), by=NEAR,
    )  # fmt: skip


def _mean_row(setting: Setting) -> Row:
    def make() -> dict[str, Any]:
        model = {"kind": "geometry", "n_dim": 10, "vectors": "random"}
        curves = train({**_run("sgd", 30), "steps": 1000, "record": {"steps": [1000]},
                        "model": model, "seeds": MANY})  # fmt: skip
        return {"u": 1.0 - curves.level.values[:, -1].mean(axis=1)}

    return Row(
        f"equal frequencies, SGD, trained: unlearned part, mean over 30 skills ({MANY} draws)",
        "1 − n_dim/n_task, by the trace, for task vectors of random sign",
        exactly(1.0 - 10.0 / 30.0), mean_of(setting.kept("even", make)["u"]),
    )  # fmt: skip


def _simulator_rows(setting: Setting, worst: float, way: tuple[Floats, Floats]) -> list[Row]:
    tasks, n_dim = 12, 5
    vectors, p = task_vectors(tasks, n_dim, 1), frequencies(tasks, 1.0)
    # By linearity: what a skill keeps of itself is what it keeps when all start unlearned, less
    # what is left of it when it alone starts learned.
    whole = _levels(setting, vectors, p, POOLS[0], [3000])[-1]
    kept = 0.0
    for i in range(tasks):
        without = _levels(setting, vectors, p, POOLS[0], [3000], np.eye(tasks)[i])[-1]
        kept += without[i] - whole[i]
    return [
        Row("`clock` under three laws, 10⁶ steps: largest difference from the closed form",
            "closed form", at_most(1e-6), exactly(worst)),
        Row(f"`clock`: sum over skills of what each keeps of its own unlearned part "
            f"({tasks} tasks, {n_dim} dimensions)", "trace of the projector, n_task − n_dim",
            exactly(tasks - n_dim), exactly(kept), by=1e-6),
        Row("`clock` on the way, law `constant`: largest difference of a level from the matrix "
            "exponential", "SciPy's expm", at_most(1e-6),
            exactly(np.abs(way[0] - way[1]).max()), guards=("rate", "law")),
    ]  # fmt: skip


def _half_row(trained: dict[Case | str, Floats], exact: dict[Case, Floats]) -> Row:
    told = np.mean([(u > 0.5).mean() for u in exact.values()])
    ours = np.mean([(trained[case] > 0.5).mean() for case in exact])
    return Row(
        "part of the skills that never reach level ½, over all trained settings",
        "closed form", exactly(told), exactly(ours), by=0.005,
    )  # fmt: skip


def _map(draws: int) -> Floats:
    """Return the part of the skills that never reach ½, (α, n_dim), by the closed form."""
    out = np.empty((len(MAP_ALPHAS), len(MAP_DIMS)))
    for i, alpha in enumerate(MAP_ALPHAS):
        p = frequencies(MAP_TASKS, alpha)
        for j, n_dim in enumerate(MAP_DIMS):
            out[i, j] = np.mean(
                [(left(task_vectors(MAP_TASKS, n_dim, s), p) > 0.5).mean() for s in range(draws)]
            )
    return out
