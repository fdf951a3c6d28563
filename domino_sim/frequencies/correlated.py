"""Levels along the resource clock for correlated tasks, and how they answer to the frequencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.frequencies.paths import FullView
from domino_sim.levels import Floats

__all__ = ["CorrelatedCourse"]

#: Records whose derivatives are made at once.
_BLOCK = 64


@dataclass(frozen=True)
class CorrelatedCourse:
    """MSE with a Gram matrix: du/dτ = −C P u (``docs/theory.md``, "Correlated tasks").

    Attributes
    ----------
    gram : (n, n) array
        Gram matrix C of the task vectors.
    left : (n,) array
        Unlearned parts at the start.
    """

    gram: Floats
    left: Floats

    def at(self, log_p: Floats, last: float) -> CorrelatedRoute:
        return CorrelatedRoute(self, log_p)

    def last(self, log_p: Floats) -> float:
        decay = CorrelatedRoute(self, log_p).decay
        return 40.0 / float(decay[decay > 0.0].min(initial=np.inf))


class CorrelatedRoute:
    """u(τ) = G e^(−Λτ) a, with V Λ Vᵀ = P^½ C P^½, G = P^−½ V and a = Vᵀ P^½ u(0).

    From dδ/dτ = −C P δ − C P E_j u with E_j = e_j e_jᵀ, the derivative of u by log p_j is

        δ_i(τ) = −Σ_ml G_im λ_m V_jm V_jl a_l Φ_ml(τ),  Φ_ml = (e^(−λ_l τ) − e^(−λ_m τ))/(λ_m − λ_l)

    and τ e^(−λτ) where the two are equal: exact, no step size.
    """

    def __init__(self, course: CorrelatedCourse, log_p: Floats) -> None:
        root = np.exp(0.5 * log_p)
        values, vectors = np.linalg.eigh(root[:, None] * course.gram * root)
        self.decay = np.where(values > len(values) * 2e-16 * values[-1], values, 0.0)
        self.vectors = vectors
        self.back = vectors / root[:, None]
        self.start = vectors.T @ (root * course.left)

    def levels(self, tau: Floats) -> tuple[Floats, Floats]:
        left = np.exp(-np.outer(tau, self.decay)) * self.start
        return 1.0 - left @ self.back.T, (left * self.decay) @ self.back.T

    def view(self, tau: Floats) -> FullView:
        level, slope = self.levels(tau)
        n = len(self.decay)
        jacobian = np.empty((len(tau), n, n))
        right = self.vectors.T * self.start[:, None]  # (l, j): V_jl a_l
        out = self.back * self.decay  # (i, m)
        for begin in range(0, len(tau), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            # ∂level = −∂u = +Σ …
            inner = self._mixed(tau[part]) @ right
            inner *= self.vectors.T
            np.matmul(out, inner, out=jacobian[part])
        return FullView(level, slope, jacobian)

    def _mixed(self, tau: Floats) -> Floats:
        """Φ(τ), (k, n, n): e^(−λτ) of the smaller λ times (1 − e^(−gτ))/g; g, the gap, may be 0."""
        gap = np.abs(self.decay[:, None] - self.decay)
        small = np.minimum(self.decay[:, None], self.decay)
        t = tau[:, None, None]
        x = gap * t
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(x > 1e-12, -np.expm1(-x) / gap, t)
        return np.exp(-small * t) * ratio
