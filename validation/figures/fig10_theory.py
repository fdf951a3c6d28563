"""Fig. 10, theory: the simulator and the drawn laws, for a thousand tasks and for ever more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.levels import Floats
from validation.row import Instead, Row
from validation.scaling_runs import TASKS, away, exponent, frequencies, published
from validation.scaling_theory import (
    modules_loss,
    no_parameter,
    one_network_loss,
    serial_or_parallel_loss,
)  # fmt: skip
from validation.setting import Setting
from validation.value import at_most, exactly

__all__ = ["LINES_AT", "RATIO_N", "RATIO_S", "Theory", "law_exponent", "theory_of",
           "theory_rows"]  # fmt: skip

#: Between which sizes and steps exponents are fitted.
SIZES, STEPS = (40, 220), (80, 200)
RATIO_N, RATIO_S = SIZES[1] / SIZES[0], STEPS[1] / STEPS[0]
#: The α at which the laws are simulated.
LINES_AT = (1.0, 1.4, 1.8)

#: The last step for which one network is simulated; how near loss and α_S are expected.
EARLY, NEAR_NORM, NEAR_EXPONENT = 295, 0.035, 0.03

#: The last step of the published sweep: with α = 1.8 and modules 5000 are not the end.
END = 99_999

#: The paper's lines of α_S.
LINES = {"domino": lambda a: a - 1.0, "constant": lambda a: (a - 1.0) / a}
NAMES = {"domino": "domino: α_S = α − 1", "constant": "quanta: α_S = (α − 1)/α"}


@dataclass(frozen=True, slots=True)
class Theory:
    """What is simulated.

    Attributes
    ----------
    loss
        Of one network under SignGD at the steps 0 … `EARLY`, by α and n_dim.
    laws
        α_S at `LINES_AT` of the laws `domino` (a step a task) and `constant` (η = 1); quick: at the
        first.
    modules
        α_N at `LINES_AT` if each parameter learns one task, in the end.
    """

    loss: dict[tuple[float, int], Floats]
    laws: dict[str, Floats]
    modules: Floats


def theory_of(setting: Setting, alphas: tuple[float, ...], dims: tuple[int, ...]) -> Theory:
    """Simulate."""
    simulator = setting.simulator
    loss = {(a, d): one_network_loss(simulator, a, d, EARLY) for a in alphas for d in dims}
    at = setting.choose(LINES_AT[:1], LINES_AT)
    laws = {}
    for law in LINES:
        pairs = [
            serial_or_parallel_loss(simulator, law, a, np.array(STEPS), TASKS, 1.0) for a in at
        ]
        laws[law] = np.array([exponent(*pair, RATIO_S) for pair in pairs])
    ends = [[modules_loss(simulator, a, d, [END])[0] for d in SIZES] for a in at]
    return Theory(loss, laws, np.array([exponent(*pair, RATIO_N) for pair in ends]))


def theory_rows(theory: Theory) -> list[Row]:
    """Return the rows of the simulator against the reference, and of the drawn lines."""
    told, simulated = published(), theory.loss
    alphas, dims, step = told["alpha"].tolist(), told["n_dim"].tolist(), told["step"]
    early = step[step <= EARLY]
    reference = {
        (a, d): told["one_loss"][0, alphas.index(a), dims.index(d), : len(early)]
        for a, d in simulated
    }
    apart = max(away(simulated[k][early], reference[k]) for k in simulated)
    at = [early.tolist().index(k) for k in STEPS]
    by = max(
        abs(exponent(*simulated[k][list(STEPS)], RATIO_S) - exponent(*reference[k][at], RATIO_S))
        for k in simulated
    )
    guards = ("rate", "wasted", "law")
    many = f"{len(simulated)} settings"
    return [
        Row(
            "SignGD simulated (`norm`, correlated tasks, N₀ of the batch, nothing fitted): largest "
            f"part by which the loss differs from the published, steps 0 to {EARLY} ({many})",
            "reference run, seed 0", at_most(NEAR_NORM), exactly(apart), guards=guards,
        ),
        Row(
            f"the same: largest difference of the exponent between steps 80 and 200 ({many})",
            "reference run, seed 0", at_most(NEAR_EXPONENT), exactly(by), guards=guards,
        ),
        *(row for law in LINES for row in _line_rows(law, theory.laws[law])),
        *_size_rows(theory.modules),
    ]  # fmt: skip


def _line_rows(law: str, ours: Floats) -> list[Row]:
    """Hold a law with 1000 tasks against the line that is drawn for it, α by α."""
    return [
        Row(f"the law `{law}` with 1000 tasks, steps 80 to 200: α_S at α = {a:g} (drawn: "
            f"{NAMES[law]})", "Fig. 10, line of theory", exactly(LINES[law](a)), exactly(own),
            by=0.001, instead=Instead(
                "the line is for infinitely many tasks; this is the sum over 1000",
                exactly(law_exponent(law, a))),
            guards=("rate", "law"))
        for a, own in zip(LINES_AT, ours, strict=False)
    ]  # fmt: skip


def law_exponent(law: str, alpha: float) -> float:
    """Return α_S of a law with 1000 tasks: of Σ p u at the two steps, without the simulator."""
    p = frequencies(alpha)
    if law == "domino":
        return float(exponent(*(p[k:].sum() for k in STEPS), RATIO_S))
    return float(exponent(*((p * np.exp(-p * k)).sum() for k in STEPS), RATIO_S))


def _size_rows(ours: Floats) -> list[Row]:
    """Hold a parameter a task against the line, in the end: no rate or law matters there."""
    return [
        Row(f"a parameter a task, 1000 tasks, simulated: α_N at α = {a:g} (drawn: quanta and "
            "domino, α − 1)", "Fig. 10, line of theory", exactly(a - 1.0), exactly(own), by=0.001,
            instead=Instead(
                "the line is for infinitely many tasks; this is log 2 × the frequency of those "
                "without a parameter",
                exactly(exponent(*(no_parameter(a, d) for d in SIZES), RATIO_N))))
        for a, own in zip(LINES_AT, ours, strict=False)
    ]  # fmt: skip
