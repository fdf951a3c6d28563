"""Modular against non-modular: scaling laws, and sampling in place of modules.

Simulated times are those of the `events` engine. Gradient runs are of the geometry model, SignGD,
n_dim 2000, lr 1e-4, level 0.9, unless said otherwise; medians of seeds. *ok*: within what the row
says. Figs. 18 and 19 are in ``validation/figures``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domino_sim.modularity.scaling import scaling_of
from domino_sim.modularity.simulated import total_time
from domino_sim.modularity.ways import Way
from domino_sim.scenario import Scenario
from validation.studies.modularity_gradient import balanced_rows, exponent_rows

#: c(256) = T η/(θ √n) of one pool under norm, by α (theory: docs/theory.md, "Modules").
COEFFICIENTS = {0.0: 1.0, 1.0: 1.24, 2.0: 1.55}


def report(quick: bool) -> Iterator[str]:
    """Yield the tables of the report; quick: fewer skills and seeds."""
    most = 64 if quick else 256
    yield f"### Simulated: n = 4 to {most}, θ = 0.99, no waste\n"
    yield table(("law, α", "one pool", "balanced", "a module each", ""), _simulated(most))
    yield f"### `norm`: c = T η/(θ √n) at n = {most}\n"
    yield table(("α", "expected", "found", "within 1 %"), _coefficients(most))
    yield "### Exponents of gradient runs\n"
    yield table(("α, ways", "simulated", "gradient runs", "slopes", ""), exponent_rows(quick))
    yield "### Balanced sampling: √n θ/η, n up to n_dim/40\n"
    yield table(("n, n_dim", "√n θ/η", "balanced", "uniform", "within 5 %"), balanced_rows(quick))


def _skills(n: int, law: str, alpha: float) -> Scenario:
    return Scenario.from_dict(
        {
            "graph": {"family": "independent", "n": n},
            "frequencies": {"law": "power", "exponent": alpha},
            "pool": {"law": law, "rate": 0.01},
        }
    )


def _simulated(most: int) -> Iterator[Sequence[str]]:
    for law in ("domino", "sum", "norm"):
        for alpha in (0.0, 1.0, 2.0):
            found = scaling_of(_skills(most, law, alpha), "equal")
            assert found is not None
            exponents = [found.laws[way].exponent for way in
                         ("one pool", "balanced sampling", "a module each")]  # fmt: skip
            told = (f"{x:.3f}" for x in exponents)
            yield f"{law}, {alpha:g}", *told, _fits(law, alpha, exponents)


def _fits(law: str, alpha: float, exponents: Sequence[float]) -> str:
    """Say whether exponents are those of theory; of one pool under norm with α > 0 c(n) tells."""
    one = 0.5 if law == "norm" else 1.0
    expected = (None if law == "norm" and alpha else one, one, 0.5)
    good = [
        right is None or abs(found - right) < 0.005
        for found, right in zip(exponents, expected, strict=True)
    ]
    return "ok" if all(good) else "apart"


def _coefficients(most: int) -> Iterator[Sequence[str]]:
    for alpha, expected in COEFFICIENTS.items():
        total = total_time(Way("", _skills(most, "norm", alpha)).mastery())
        found = total * 0.01 / (0.99 * most**0.5)
        # The expected values are those of 256 skills.
        ok = "ok" if abs(found / expected - 1.0) < 0.01 else "apart"
        yield f"{alpha:g}", f"{expected:g}", f"{found:.4f}", ok if most == 256 else "(of 256)"


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
