"""Sparse parities that share bits, and strangers that share none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["BITS", "PARITIES", "strangers"]

#: Bits of the inputs.
BITS = 24

#: Sparse parities by name: the bits of each skill.
PARITIES: dict[str, dict[str, tuple[int, ...]]] = {
    # Pairs, two of them together, three, all four.
    "tower": {
        "A": (0, 1), "B": (2, 3), "C": (4, 5), "D": (6, 7), "AB": (0, 1, 2, 3),
        "CD": (4, 5, 6, 7), "ABC": (0, 1, 2, 3, 4, 5), "ABCD": (0, 1, 2, 3, 4, 5, 6, 7),
    },
    # Each step one bit more.
    "stairs": {
        **{f"P{k}": tuple(range(k)) for k in (2, 3, 4, 5)},
        **{f"Q{k}": tuple(range(6, 6 + k)) for k in (2, 3, 4, 5)},
    },
    # One pair is in many composites.
    "fan": {
        "A": (0, 1), "B": (2, 3), "C": (4, 5), "D": (6, 7), "E": (8, 9),
        "AB": (0, 1, 2, 3), "AC": (0, 1, 4, 5), "AD": (0, 1, 6, 7), "AE": (0, 1, 8, 9),
    },
    # Parts that have nothing to do with each other, and skills alone.
    "parts": {
        "A": (0, 1), "B": (2, 3), "AB": (0, 1, 2, 3), "P2": (6, 7), "P3": (6, 7, 8),
        "P4": (6, 7, 8, 9), "X": (12, 13), "Y": (15, 16, 17),
    },
    # A ring of pairs that share parts.
    "ring": {
        "A": (0, 1), "B": (2, 3), "C": (4, 5), "AB": (0, 1, 2, 3), "BC": (2, 3, 4, 5),
        "AC": (0, 1, 4, 5),
    },
    # Composites that grow by a bit, and one of two of them.
    "branches": {
        "A": (0, 1), "A3": (0, 1, 2), "A3x": (0, 1, 2, 3), "A3y": (0, 1, 2, 4),
        "B": (8, 9), "B3": (8, 9, 10), "AB": (0, 1, 8, 9), "X": (14, 15), "Y": (16, 17),
        "XY": (14, 15, 16, 17),
    },
    # Pairs that share parts, pairs with a bit more, pairs alone.
    "web": {
        "A": (0, 1), "B": (2, 3), "C": (4, 5), "AB": (0, 1, 2, 3), "BC": (2, 3, 4, 5),
        "A3": (0, 1, 8), "C3": (4, 5, 9), "X": (14, 15), "Y": (16, 17),
    },
    # The same with more of each.
    "grove": {
        "A": (0, 1), "B": (2, 3), "C": (4, 5), "D": (6, 7), "E": (8, 9), "AB": (0, 1, 2, 3),
        "CD": (4, 5, 6, 7), "DE": (6, 7, 8, 9), "A3": (0, 1, 12), "E3": (8, 9, 13),
    },
}  # fmt: skip


def strangers(bits: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """Return for each skill as many bits that no skill has, no two skills the same."""
    free = sorted(set(range(BITS)) - {b for own in bits.values() for b in own})
    found: dict[str, tuple[int, ...]] = {}
    at = 0
    for name, own in bits.items():
        for start in range(at, at + len(free)):
            taken = tuple(sorted(free[(start + k) % len(free)] for k in range(len(own))))
            if taken not in found.values():
                break
        found[name], at = taken, start + len(own)
    return found
