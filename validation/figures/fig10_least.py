"""Fig. 10, sizes: the published losses are the least there are, whatever trains (`scaling_least`).

So α_N says nothing of how skills are learned, in series or parallel: it is that of a weighted
logistic regression on random vectors. SignGD with a fixed step does not come to rest there for
α ≥ 1.8, which is the kink in its published exponents. From n_dim = 500 on, half the number of
tasks (Cover), the least loss is 0, and what is left is a matter of steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.levels import Floats
from validation.references import arrays, number, numbers
from validation.row import Row
from validation.scaling_least import least_loss
from validation.scaling_runs import (
    PUBLISHED_SEEDS,
    TASKS,
    TITLES,
    exponent,
    frequencies,
    published_vectors,
)  # fmt: skip
from validation.scaling_sweep import SIZES, Sweep
from validation.seeds import largest_z, z_bound
from validation.setting import Setting
from validation.value import at_most, between, exactly, mean_of

__all__ = [
    "CAPACITY", "EVERY_ALPHA", "Least", "least_of", "least_rows", "random_rows", "restless_row",
    "sweep_rows",
]  # fmt: skip

EVERY_ALPHA = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0)

#: The n_dim from which random vectors of 1000 tasks can all be learned, as likely as not.
CAPACITY = TASKS // 2

PICTURE = "Fig. 10, top, read off the published picture (medians of four seeds, 100,000 steps)"

#: A pixel of the picture, as a part of the loss, and of the exponents (0.003 twice, and what an
#: exponent of two losses has of theirs).
PIXEL, NEAR = 0.025, 0.01

#: Up to which α SignGD, and Adam, come to rest within the published steps at the sizes compared.
RESTS = {"signgd": 1.6, "adam": 1.8}

#: By how much one run that is not at rest may differ from the median of four, in logarithms: with
#: other batches and vectors these differ by a standard deviation of 0.04 (n_dim 380), and the
#: largest of 38 is looked at.
RESTLESS = 0.15


@dataclass(frozen=True, slots=True)
class Least:
    """The least losses (seed, alpha, n_dim) on the published vectors."""

    n_dim: tuple[int, ...]
    alpha: tuple[float, ...]
    loss: Floats

    def exponents(self) -> Floats:
        """Return α_N between n_dim 40 and 220 of the medians, for α from 1 on."""
        pair = (np.median(self.loss[:, 1:, self.n_dim.index(d)], axis=0) for d in (40, 220))
        return np.asarray(exponent(*pair, 220 / 40))


def least_of(setting: Setting) -> Least:
    """Find the least losses at the sizes that can be read off the published picture."""
    picture = arrays("fig10_picture")
    sizes = setting.choose((20, 40, 100, 220), tuple(picture["n_dim"].tolist()))
    alphas = tuple(picture["alpha"].tolist())
    loss = np.empty((PUBLISHED_SEEDS, len(alphas), len(sizes)))
    for seed in range(PUBLISHED_SEEDS):
        for k, n_dim in enumerate(sizes):
            vectors = published_vectors(n_dim, seed)
            loss[seed, :, k] = [least_loss(vectors, frequencies(a)) for a in alphas]
    return Least(sizes, alphas, loss)


def _picture(least: Least) -> Floats:
    """Return the published losses (optimiser, alpha, n_dim) at the sizes of `least`."""
    picture = arrays("fig10_picture")
    return picture["loss"][..., np.isin(picture["n_dim"], least.n_dim)]


def least_rows(least: Least) -> list[Row]:
    """Hold published losses and exponents against the least there are."""
    told, median = _picture(least), np.median(least.loss, axis=0)
    alphas = np.array(least.alpha)
    rows = []
    for published, (o, last) in zip(told, RESTS.items(), strict=True):
        calm = alphas <= last
        apart = np.abs(median / published - 1.0)[calm].max()
        many = f"{calm.sum()} α up to {last:g}, {len(least.n_dim)} sizes"
        rows.append(
            Row(f"least loss there is (weighted logistic regression, four published sets of "
                f"vectors): largest part by which it differs from the published of {TITLES[o]} "
                f"({many})", PICTURE, at_most(PIXEL), exactly(apart))
        )  # fmt: skip
    table = numbers("fig10")["exponents"]
    rows.append(
        Row("α_N of the least loss, α = 1 to 2: largest difference from the published of Adam",
            table["source"], at_most(NEAR),
            exactly(np.abs(least.exponents() - np.array(table["size_adam"])).max()))
    )  # fmt: skip
    return rows


def random_rows(setting: Setting) -> list[Row]:
    """Hold α_N of the least loss on random vectors against the published vectors' and Chinchilla's.

    A single set of vectors has a standard deviation of 0.04 at α = 1: it is that of the tasks that
    are most frequent, of which n_dim = 40 has room for few.
    """
    draws = setting.choose(20, 60)
    alphas, rng = EVERY_ALPHA, np.random.default_rng(1001)
    loss = np.empty((draws, 2, len(alphas)))
    for drawn in loss:
        for k, n_dim in enumerate((40, 220)):
            vectors = rng.standard_normal((TASKS, n_dim))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            drawn[k] = [least_loss(vectors, frequencies(a)) for a in alphas]
    one = exponent(loss[:, 0], loss[:, 1], 220 / 40)
    medians = np.median(loss.reshape(-1, PUBLISHED_SEEDS, 2, len(alphas)), axis=1)
    of_four = exponent(medians[:, 0], medians[:, 1], 220 / 40)
    table, (chinchilla, source) = numbers("fig10")["exponents"], number("fig10", "chinchilla_size")
    many = f"{draws} random sets of vectors"
    return [
        Row(f"α_N of the least loss, six α: published (Adam, median of four sets of vectors) among "
            f"medians of four of {many}, largest |z|", table["source"],
            z_bound(len(alphas), len(of_four)), largest_z(table["size_adam"], of_four, 1e-3)),
        Row(f"α_N of the least loss at Zipf's α = 1, mean of {many}, against Chinchilla's (two "
            "digits)", source, chinchilla, mean_of(one[:, 0]), by=0.005),
    ]  # fmt: skip


def restless_row(least: Least, ours: float) -> Row:
    """Hold SignGD at α = 2, n_dim 220, which does not come to rest, against the published."""
    k = least.n_dim.index(220)
    floor = float(np.median(least.loss[:, -1, k]))
    return Row(
        "SignGD at α = 2, n_dim 220, 100,000 steps: loss as a multiple of the least there is "
        "(medians of the four published sets of vectors)", PICTURE,
        exactly(float(_picture(least)[0, -1, k]) / floor), exactly(ours / floor), by=0.05,
    )  # fmt: skip


def sweep_rows(least: Least, swept: Sweep) -> list[Row]:
    """Hold the whole sweep (seed 0) against the least loss of its own vectors and the picture."""
    at = [SIZES.index(d) for d in least.n_dim]
    told, median, own = _picture(least), np.median(least.loss, axis=0), least.loss[0]
    alphas, rows = np.array(swept.alphas), []
    for published, (o, last) in zip(told, RESTS.items(), strict=True):
        ours, calm = swept.loss[o][at].T, alphas <= last
        what = f"whole sweep, {TITLES[o]}, seed 0"
        sizes = f"n_dim 20 to {least.n_dim[-1]}"
        over, theirs = ours / own, published / median
        rows += [
            Row(f"{what}: largest part by which the loss differs from the least there is "
                f"({calm.sum()} α up to {last:g}, {sizes})", "weighted logistic regression",
                at_most(PIXEL), exactly(np.abs(over - 1.0)[calm].max())),
            Row(f"{what}: multiple of the least loss, largest difference from the published in "
                f"logarithms ({(~calm).sum()} α above {last:g}, {sizes})", PICTURE,
                at_most(RESTLESS), exactly(np.abs(np.log(over / theirs))[~calm].max())),
            Row(f"{what}: n_dim at which the loss at α = 1 falls below 1e-3 for good", PICTURE,
                between(580, 640), exactly(_falls(swept.loss[o][:, swept.alphas.index(1.0)]))),
        ]  # fmt: skip
    return rows


def _falls(loss: Floats) -> float:
    """Return the first size from which all losses are below 1e-3."""
    above = np.flatnonzero(loss >= 1e-3)
    return float(SIZES[min(above[-1] + 1, len(SIZES) - 1)] if len(above) else SIZES[0])
