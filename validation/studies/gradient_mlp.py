"""Perceptrons against the published runs: when skills are learned.

"Published" is the reference implementation at its own seeds (arXiv 2501.12391): of Fig. 19 the
median of 100 seeds and its bootstrap interval (95 %), of Figs. 2 and 13 one seed. "Ours" are other
seeds of the bundled run files: of Fig. 19 median and bootstrap interval, else median and range.
*ok*: the intervals overlap, or the published seed lies within our range, widened by a tenth: of few
seeds the range is narrow.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim.gradient.run import Run, load_run
from domino_sim.gradient.training import train

#: Fig. 19, medians and their intervals: first step with a loss below 1e-3 (1000: never), and ratio.
FIG19 = {
    "square-nonmodular": {
        "t1": (153.0, 148.0, 162.0), "t2": (450.5, 430.0, 466.0), "t2/t1": (2.82, 2.74, 3.07)
    },
    "square-modular": {
        "t1": (286.0, 274.5, 293.0), "t2": (330.5, 311.0, 354.5), "t2/t1": (1.145, 1.065, 1.226)
    },
}  # fmt: skip

#: Fig. 19: the part of the runs without modules in which t2 > 2 t1.
TWICE = 0.98

#: Fig. 2 bottom: first step with an accuracy above 0.9, by mixture: frequent skill, rare skill.
FIG2_BOTTOM = {
    "p2 = 1": (165, 210), "p2 = 0.5": (158, 232), "p2 = 0.2": (162, 319), "p2 = 0.1": (165, 369),
    "p2 = 0.05": (165, 469),
}  # fmt: skip

#: Fig. 2 top, the same: two parities of two bits, and one of their four bits or of four others.
FIG2_TOP = {"dependent": (236, 261, 518), "independent": (229, 247, 2087)}

HEAD = ("", "published", "ours", "")


def report(quick: bool) -> Iterator[str]:
    """Yield the tables of the report; quick: fewer seeds, without the slowest runs."""
    yield "### Fig. 19: two squares\n"
    yield _table(fig19_rows(10 if quick else 100))
    yield "### Fig. 2, bottom: a rare parity\n"
    yield _table(_fig2_bottom(2 if quick else 9))
    yield "### Fig. 2, top: a parity of four bits\n"
    yield _table(_fig2_top(3 if quick else 9, quick))
    if not quick:
        yield "### Fig. 13: addition modulo 59, three seeds\n"
        yield _fig13()


def fig19_rows(seeds: int) -> Iterator[Sequence[str]]:
    """Yield medians of when losses pass 1e-3, and how often the rare square takes twice as long."""
    rng = np.random.default_rng(0)
    for name, published in FIG19.items():
        curves = train(load_run(name, {"seeds": seeds}))
        t1, t2 = np.minimum(_first(curves.loss < 1e-3), 1000).T
        for key, values in (("t1", t1), ("t2", t2), ("t2/t1", t2 / t1)):
            drawn = rng.integers(0, seeds, (2000, seeds))
            low, high = np.percentile(np.median(values[drawn], axis=1), [2.5, 97.5])
            median, least, most = published[key]
            yield (
                f"{name}: {key}",
                f"{median:.4g} [{least:.4g}, {most:.4g}]",
                f"{np.median(values):.4g} [{low:.4g}, {high:.4g}]",
                "ok" if low <= most and least <= high else "apart",
            )
        if name == "square-nonmodular":
            part, spread = float(np.mean(t2 > 2 * t1)), 2 * np.sqrt(TWICE * (1 - TWICE) / seeds)
            ok = "ok" if abs(part - TWICE) <= spread + 0.5 / seeds else "apart"
            yield f"{name}: t2 > 2 t1", f"{TWICE:.0%} of 100", f"{part:.0%} of {seeds}", ok


def _fig2_bottom(seeds: int) -> Iterator[Sequence[str]]:
    run = load_run("parity-two", {"seeds": seeds, "record": {"every": 1}})
    curves = train(run)
    for mixture, published in FIG2_BOTTOM.items():
        times = _first(curves.accuracy[curves.mixture.values == mixture] > 0.9)
        yield from _against(mixture, run, times, published)


def _fig2_top(seeds: int, quick: bool) -> Iterator[Sequence[str]]:
    base = load_run("parity-composite", {"seeds": seeds, "record": {"every": 1}})
    for name, published in FIG2_TOP.items():
        changes: Mapping[str, Any] = {}
        if name == "independent":
            if quick:
                return
            changes = {"steps": 4000, "skills.AB": {"bits": [4, 5, 6, 7]}}
        run = Run.from_dict(base.to_dict(), overrides=changes)
        yield from _against(name, run, _first(train(run).accuracy > 0.9), published)


def _fig13() -> str:
    lines = []
    for name, betas in (("Adam", [0.9, 0.999]), ("SignGD", [0.0, 0.0])):
        curves = train(load_run("grokking", {"seeds": 3, "optimizer.betas": betas}))
        times = _first(curves.accuracy > 0.9)
        last = curves.accuracy.values[:, -1, 1]
        lines.append(
            f"{name}: the trained pairs pass 0.9 at {times[:, 0].tolist()}, those held out at "
            f"{times[:, 1].tolist()}; these end at {last.round(3).tolist()}."
        )
    return "\n".join(lines) + "\n"


def _against(
    title: str, run: Run, times: NDArray[np.float64], published: Sequence[int]
) -> Iterator[Sequence[str]]:
    for name, own, theirs in zip(run.names, times.T, published, strict=True):
        low, high = own.min(), own.max()
        ok = 0.9 * low <= theirs <= 1.1 * high
        yield (
            f"{title}: {name}",
            str(theirs),
            f"{np.median(own):.4g} [{low:.4g}, {high:.4g}]",
            "ok" if ok else "apart",
        )


def _first(holds: xr.DataArray) -> NDArray[np.float64]:
    """Return the first step at which something holds, (runs, skills); infinite if never."""
    values = holds.transpose("step", "run", "skill").values
    steps = holds.step.values.astype(float)
    return np.where(values.any(axis=0), steps[values.argmax(axis=0)], np.inf)


def _table(rows: Iterator[Sequence[str]]) -> str:
    lines = [HEAD, tuple("---" for _ in HEAD), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main(quick: bool) -> None:
    """Print the report."""
    for text in report(quick):
        print(text, flush=True)


if __name__ == "__main__":
    program = "python -m validation.studies.gradient_mlp"
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer seeds")
    main(parser.parse_args().quick)
