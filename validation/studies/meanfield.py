"""Predicted gradient runs against gradient runs: mean squared error of the levels, all steps.

Nothing is fitted. "Runs" is the error against single runs, the mean over five seeds; "mean" is the
error against the mean of these five; "differ" is the variance of the runs themselves, which no
prediction can be below, and a fifth of it is in "mean". What a prediction is wrong by is runs −
differ. "Own" is the error that the prediction itself states, squared.

Verdicts: *ok* where single runs are within the target; *ok, mean* where their mean is; *seeds*
where runs differ by so much that even the mean of five cannot tell: then forty runs are made, and
what the prediction is wrong by, measured against all of them, is within the target, give or take
the chance of forty runs, differ/40; *short* else.
Where the target is the prediction's own statement (small n_dim, long steps), runs ≤ 2 × own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from domino_sim import predict_gradient
from validation.gradient_run import gradient_run, power

SEEDS = 5

#: Seeds where five cannot tell.
MORE_SEEDS = 40

#: What stands for the target at small n_dim: own errors are to be right within this factor.
OWN_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Case:
    """A setting and its target; None means the prediction's own error."""

    name: str
    arguments: dict[str, Any]
    target: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of one case (see the top of the file)."""

    case: Case
    runs: float
    mean: float
    differ: float
    own: float
    excess: float

    @property
    def target(self) -> float:
        """The target as a number."""
        return OWN_FACTOR * self.own if self.case.target is None else self.case.target

    @property
    def verdict(self) -> str:
        """ok; ok, mean; seeds; or short."""
        if self.runs <= self.target:
            return "ok"
        if self.mean <= self.target:
            return "ok, mean"
        chance = self.differ / MORE_SEEDS
        return "seeds" if self.excess <= self.target + chance else "short"


def check(case: Case, kind: str = "orthonormal") -> Found:
    """Run the gradient runs of `case` and compare."""
    predicted = predict_gradient(**case.arguments)
    level = predicted["level"].values
    error = predicted["error" if kind == "orthonormal" else "error_random"].values
    own = float(np.square(error.astype(float)).mean())

    def measured(seeds: int) -> tuple[float, float, float]:
        runs = [gradient_run(seed=s, kind=kind, **case.arguments) for s in range(seeds)]
        centre = np.mean(runs, axis=0)
        differ = sum(float(np.square(run - centre).mean()) for run in runs) / (seeds - 1)
        against = float(np.square(centre - level).mean())
        return against + differ * (1.0 - 1.0 / seeds), against, differ

    runs, mean, differ = measured(SEEDS)
    found = Found(case, runs, mean, differ, own, excess=runs - differ)
    if found.verdict in ("ok", "ok, mean"):
        return found
    many_runs, _, many_differ = measured(MORE_SEEDS)
    return replace(found, excess=many_runs - many_differ)


def _case(n: int, alpha: float, target: float | None, **given: Any) -> Case:
    arguments = {"frequencies": power(n, alpha), "n_dim": 1000, "lr": 3e-4, "steps": 1000, **given}
    shown = {"n_dim": arguments["n_dim"], "lr": arguments["lr"], **given}
    rest = ", ".join(f"{key} {value}" for key, value in shown.items() if key != "steps")
    return Case(f"{n} skills, α {alpha:g}, {rest}", arguments, target)


def cases() -> list[Case]:
    """Return the chosen settings."""
    return [
        _case(10, 2.0, 1e-4),
        _case(10, 2.0, 1e-4, noise=1e-3),
        _case(10, 2.0, 1e-4, batch_size=1024),
        _case(10, 2.0, 1e-4, batch_size=64),
        _case(10, 2.0, 1e-4, batch_size=32, noise=3e-4),
        _case(10, 2.5, 1e-4, n_dim=600, lr=1e-3),
        _case(10, 0.0, 1e-4, n_dim=2000),
        _case(10, 2.0, 1e-4, loss="ce"),
        _case(10, 2.0, 1e-4, loss="ce", batch_size=32),
        _case(10, 1.0, 1e-4, loss="ce", lr=3e-3, noise=3e-3),
        _case(60, 1.0, 1e-4, n_dim=600, steps=1500),
        _case(60, 2.0, 1e-4, n_dim=4000, steps=2000),
        _case(60, 1.0, 1e-4, lr=1e-3, noise=1e-3, batch_size=128),
        _case(10, 2.0, 5e-4, batch_size=16),
        _case(10, 2.0, 5e-4, batch_size=8),
        _case(10, 2.0, 5e-4, batch_size=8, loss="ce"),
        _case(10, 4.0, 1e-3, steps=3000),
        _case(10, 4.0, 1e-3, steps=3000, batch_size=128),
        _case(100, 1.0, 1e-3, steps=2000),
        _case(100, 2.0, 1e-3, steps=3000, batch_size=1024),
        _case(300, 1.0, 1e-3, steps=2000),
        _case(300, 1.0, 1e-3, steps=2000, batch_size=64),
        _case(10, 2.0, None, n_dim=60, lr=1e-3),
        _case(10, 1.0, None, n_dim=100, lr=1e-3, batch_size=32),
        _case(10, 2.0, None, lr=1e-2, batch_size=128),
        _case(10, 2.0, None, lr=1e-1),
        _case(10, 2.0, 1e-4, optimizer="signum"),
        _case(10, 4.0, 1e-3, optimizer="signum", steps=2000),
        _case(60, 2.0, None, optimizer="signum", batch_size=64, lr=1e-3),
        _case(10, 2.0, 2e-3, optimizer="adam"),
        _case(20, 1.0, 2e-3, optimizer="adam", batch_size=32, lr=1e-3),
        _case(10, 2.0, 2e-3, optimizer="adam", loss="ce", noise=1e-3),
        _case(10, 2.0, 1e-4, optimizer="sgd", lr=3e-2),
        _case(10, 2.0, None, optimizer="sgd", lr=1e-1, batch_size=16, noise=1e-3),
    ]


def random_cases(count: int, seed: int) -> list[Case]:
    """Return settings nobody chose: SignGD, n_dim ≥ 600, batch ≥ 32 or exact, α ≤ 2.5."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        given: dict[str, Any] = {
            "n_dim": int(rng.integers(600, 3000)),
            "lr": float(f"{10 ** rng.uniform(-3.7, -2.7):.1e}"),
            "loss": str(rng.choice(["mse", "ce"])),
        }
        if rng.random() < 0.5:
            given["batch_size"] = int(2 ** rng.uniform(5, 10))
        if rng.random() < 0.5:
            given["noise"] = float(f"{10 ** rng.uniform(-4, -2):.1e}")
        n, alpha = int(rng.integers(2, 61)), round(float(rng.uniform(0.0, 2.5)), 1)
        found.append(_case(n, alpha, 1e-4, **given))
    return found


def levels_table(found: list[Found]) -> str:
    """Return the measurements as a Markdown table."""
    rows = [
        f"| {f.case.name} | {f.runs:.1e} | {f.mean:.1e} | {f.differ:.1e} | {f.excess:+.1e} "
        f"| {f.own:.1e} | {f.target:.1e} | {f.verdict} |"
        for f in found
    ]
    head = "| setting | runs | mean | differ | wrong by | own | target | verdict |"
    return "\n".join([head, "|---" * 8 + "|", *rows, ""])


def report(quick: bool) -> Iterator[str]:
    """Yield the tables of the report; quick: a few small cases, and nothing else."""
    if quick:
        few = [c for c in cases() if len(c.arguments["frequencies"]) == 10][::4]
        yield levels_table([check(case) for case in few])
        return
    from validation.studies.meanfield_passages import passage_table

    for kind in ("orthonormal", "random"):
        yield f"### Levels, {kind} task vectors\n"
        yield levels_table([check(case, kind) for case in cases()])
    yield "### Levels, random settings\n"
    yield levels_table([check(case) for case in random_cases(20, seed=1)])
    yield "### Steps until all 64 skills are above 0.9\n"
    yield passage_table()
