"""Runs of a serial pool, as they serve and as they are seen."""

from __future__ import annotations

import numpy as np

from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.serial.orders import Service
from domino_sim.inference.serial.shown import Shown, is_open

__all__ = ["drawn", "lines", "order_of", "shown_of"]


def order_of(graph, frequency, mastered=()):
    """Serve the most frequent of those that are open, until none is."""
    done, order = set(mastered), []
    while True:
        ready = [i for i, gate in enumerate(graph) if i not in done and frequency[i] > 0
                 and is_open(gate, done)]  # fmt: skip
        if not ready:
            return tuple(order)
        order.append(max(ready, key=lambda i: frequency[i]))
        done.add(order[-1])


def drawn(rng, n):
    """Draw a graph of `n` skills in a random order."""
    order, graph = rng.permutation(n), [OPEN] * n
    for k, i in enumerate(order):
        size = int(rng.integers(0, min(k, 3) + 1))
        some = rng.choice(order[:k], size, replace=False).tolist()
        graph[i] = Requires.of(some, bool(rng.random() < 0.5))
    return tuple(graph)


def shown_of(graph, frequency, *, hidden=None, doubtful=None, mastered=None, together=1):
    """Return what runs show, groups of `together` skills not told apart."""
    services, until = [], np.zeros(frequency.shape, dtype=int)
    none = np.zeros(frequency.shape, dtype=bool)
    hidden, mastered = (none if one is None else one for one in (hidden, mastered))
    doubtful = none if doubtful is None else doubtful & (frequency > 0)
    for r, row in enumerate(frequency):
        order = order_of(graph, row, np.flatnonzero(mastered[r]).tolist())
        order = tuple(i for i in order if not (hidden | doubtful)[r, i])
        groups = tuple(order[k : k + together] for k in range(0, len(order), together))
        services.append(Service(order, groups, float(not (hidden | doubtful)[r].any())))
        until[r] = np.where(hidden[r], 0, len(groups) + 1)
    sure = mastered & ~doubtful
    return Shown(services, frequency, sure, doubtful, frequency > 0, until)


def lines(orders, start, last, *, every=5, rate=0.01, noise=0.01):
    """Return curves of runs that serve in these orders, one skill in 1/rate steps."""
    steps, rng = np.arange(0, last + 1, every), np.random.default_rng(0)
    start = np.broadcast_to(start, (len(orders), np.shape(start)[-1]))
    level = np.repeat(start[:, None], len(steps), axis=1).astype(float)
    for r, order in enumerate(orders):
        at = 0.0
        for i in order:
            level[r, :, i] = np.clip(start[r, i] + rate * (steps - at), start[r, i], 1.0)
            at += (1.0 - start[r, i]) / rate
    return steps, level + noise * rng.normal(size=level.shape)
