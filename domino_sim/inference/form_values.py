"""Values of a gate form that suit a graph best: mastery or exponent, and leak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from domino_sim.inference.forms import Form
from domino_sim.inference.rates import eliminated, fit
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["cost", "nearby", "under"]

#: The most steps, and those in a row that gain nothing.
_STEPS, _VAIN = 12, 3

#: Step of the derivative by the logarithm of a value, and the farthest that goes at once.
_SMALL, _FAR = 1e-4, 0.7

#: A step that gains less than this (χ²) is the last; so much must be gained by all.
_CLOSE, _GAIN = 0.1, 1.0

#: A leak opens the gates it would tell of: no graph shows more than this. Other limits of values.
_MOST_LEAK, _MOST_EXPONENT, _LEAST = 0.9, 100.0, 1e-9

#: Steps of the clock after each.
_POLISH = 8


def nearby(structure: Structure, *, mastery: bool = True) -> Structure:
    """Return the structure with the values of its gate form fitted, its gates held.

    Steps of Levenberg and Marquardt on the logarithms of leak, exponent or unlearned part at
    mastery, the clock of every record eliminated. A leak of 0 stays, and so does the mastery unless
    `mastery`. The structure itself where nothing is gained.
    """
    # What more steps of the clock gain is not the values'.
    first = min(structure, under(structure, structure.courses.form), key=cost)
    best, damping, vain = first, 1e-2, 0
    for _ in range(_STEPS):
        step = _step(best, damping, mastery=mastery)
        other = under(best, _moved(best.courses.form, step, mastery=mastery))
        gain = cost(best) - cost(other)
        if gain > 0.0:
            best, damping, vain = other, 0.2 * damping, 0
            if gain < _CLOSE:
                break
        else:
            damping, vain = 10.0 * damping, vain + 1
            if vain == _VAIN:
                break
    return best if cost(best) < cost(first) - _GAIN else structure


def under(structure: Structure, form: Form) -> Structure:
    """Return the structure under another gate form, fitted."""
    other = structure.under(structure.courses.under_form(form))
    fit(other, _POLISH)
    return other


def cost(structure: Structure) -> float:
    """Return χ² and what frequencies that are not known cost."""
    return structure.error + structure.penalty


def _values(form: Form, *, mastery: bool) -> list[tuple[str, float]]:
    """Return what is fitted, by its name in `Form`: numbers > 0."""
    found = [("leak", form.leak)] if form.leak else []
    if form.kind == "soft":
        found.append(("value", form.value))
    elif mastery:
        found.append(("value", 1.0 - form.value))
    return found


def _moved(form: Form, step: Floats, *, mastery: bool) -> Form:
    """Return the form with the logarithms of its values moved, within their limits."""
    for (name, value), by in zip(_values(form, mastery=mastery), step.tolist(), strict=True):
        most = _MOST_LEAK if name == "leak" else _MOST_EXPONENT
        if name == "value" and form.kind == "hard":
            most = 0.99 * (1.0 - form.floor)
        moved = float(np.clip(value * np.exp(by), _LEAST, most))
        if name == "value" and form.kind == "hard":
            moved = 1.0 - moved
        form = replace(form, **{name: moved})  # type: ignore[arg-type]
    return form


def _step(structure: Structure, damping: float, *, mastery: bool) -> Floats:
    """Return the step of the logarithms of the values."""
    form = structure.courses.form
    residual, slope = structure.residuals(structure.tau)
    count = len(_values(form, mastery=mastery))
    jacobian = np.zeros((count, *residual.shape))
    for row, unit in zip(jacobian, np.eye(count), strict=True):
        shifted = structure.courses.under_form(_moved(form, _SMALL * unit, mastery=mastery))
        row[:] = (residual - structure.under(shifted).residuals(structure.tau)[0]) / _SMALL
    hessian, drive = (one.sum(axis=0) for one in eliminated(jacobian, residual, slope))
    own = hessian + np.diag(damping * np.diag(hessian) + 1e-9)
    return np.asarray(np.clip(np.linalg.solve(own, drive), -_FAR, _FAR))
