"""Gate expressions: ``"A and (B or C)"``, ``"2 of (A, B, C and D)"``.

A gate says which skills must be mastered before a skill can be learned. It is monotone: to learn
more never closes it. Everything is one primitive, *at least k of n*: `and` is n of n, `or` is
1 of n. A gate is kept as a flat postfix program, so nothing here recurses and the depth of an
expression is limited by memory only. The grammar is
in :mod:`domino_sim.gate_parser`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from math import prod

from domino_sim.errors import GateError
from domino_sim.gate_parser import RESERVED, Instruction, parse_program

__all__ = ["Gate", "all_of", "parse_gate"]


@dataclass(frozen=True, slots=True)
class Gate:
    """A monotone gate as a postfix program; made by :func:`parse_gate` and :func:`all_of`.

    Parameters
    ----------
    program
        A str pushes the value of that skill; ``(k, n)`` pops the last n values and pushes "at
        least k of them". One value is left at the end.

    Examples
    --------
    >>> gate = parse_gate("A and (B or C)")
    >>> gate.program
    ('A', 'B', 'C', (1, 2), (2, 2))
    >>> gate.names
    ('A', 'B', 'C')
    >>> gate.is_open({"A", "C"}), gate.opening({"A": 3.0, "B": 9.0, "C": 5.0})
    (True, 5.0)
    """

    program: tuple[Instruction, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The skills of the gate, each once, in written order."""
        return tuple(dict.fromkeys(item for item in self.program if isinstance(item, str)))

    def is_open(self, mastered: Container[str] | Callable[[str], bool]) -> bool:
        """Return whether the gate is open when the skills in `mastered` are learned.

        `mastered` is a container of names, or a function that tells of a name whether it is in.
        """
        test = mastered if callable(mastered) else mastered.__contains__
        stack: list[bool] = []
        for item in self.program:
            if isinstance(item, str):
                stack.append(bool(test(item)))
            else:
                k, n = item
                stack[-n:] = [sum(stack[-n:]) >= k]
        return stack[0]

    def soft(self, values: Mapping[str, float]) -> float:
        """Return how far the gate is open, in [0, 1], when each skill is open to `values`.

        `and` is the product in written order, `or` the maximum, "k of" the product of the k
        largest (arXiv 2501.12391, appendix on task dependence; k-of is its continuation).

        Examples
        --------
        >>> parse_gate("2 of (A, B, C)").soft({"A": 0.5, "B": 0.1, "C": 0.25})
        0.125
        """
        stack: list[float] = []
        for item in self.program:
            if isinstance(item, str):
                stack.append(values[item])
            else:
                k, n = item
                last = stack[-n:]
                stack[-n:] = [prod(last if k == n else sorted(last, reverse=True)[:k])]
        return stack[0]

    def opening(self, times: Mapping[str, float]) -> float:
        """Return when a hard gate opens, given when each skill is mastered (inf: never).

        The maximum for `and`, the minimum for `or`, the k-th smallest for "k of".
        """
        stack: list[float] = []
        for item in self.program:
            if isinstance(item, str):
                stack.append(times[item])
            else:
                k, n = item
                stack[-n:] = [sorted(stack[-n:])[k - 1]]
        return stack[0]

    def __str__(self) -> str:
        """Return the shortest plain text of the gate; it parses back to an equal gate."""
        # Written from the end: every operator comes before its operands, and no text is copied
        # twice, however deep the gate.
        pieces: list[str] = []
        open_groups: list[tuple[str, str, bool]] = []  # separator, opening, binds as `and`
        left: list[int] = []
        for item in reversed(self.program):
            if not isinstance(item, str):
                k, n = item
                inside_and = bool(open_groups) and open_groups[-1][2]
                if k == n:
                    group = (" and ", "(" if inside_and else "", True)
                elif k == 1:
                    group = (" or ", "(" if inside_and else "", False)
                else:
                    group = (", ", f"{k} of (", False)
                pieces.append(")" if group[1] else "")
                open_groups.append(group)
                left.append(n)
                continue
            pieces.append(_written(item))
            while left:
                left[-1] -= 1
                separator, opening, _ = open_groups[-1]
                if left[-1]:
                    pieces.append(separator)
                    break
                pieces.append(opening)
                left.pop()
                open_groups.pop()
        return "".join(reversed(pieces))


def all_of(names: Iterable[str]) -> Gate:
    """Return the gate that opens when all of `names` (at least one) are mastered.

    Examples
    --------
    >>> str(all_of(["A", "KL divergence"]))
    "A and 'KL divergence'"
    """
    program: tuple[Instruction, ...] = tuple(names)
    if not program:
        raise GateError("no names", expected="at least one skill name")
    return Gate(program if len(program) == 1 else (*program, (len(program), len(program))))


def parse_gate(text: str, *, where: str = "") -> Gate:
    """Return the gate that `text` describes.

    Parameters
    ----------
    text
        An expression; see :mod:`domino_sim.gate_parser`.
    where
        File and key path, for the message of an error.

    Raises
    ------
    GateError
        If the text is not such an expression: with the column (from 1), what was found there and
        what was expected.

    Examples
    --------
    >>> print(parse_gate("((A)) and ('KL divergence' or 1 of (B, C))"))
    A and ('KL divergence' or B or C)
    """
    return Gate(parse_program(text, where))


def _written(name: str) -> str:
    if re.fullmatch(r"\w+", name) and name.casefold() not in RESERVED:
        return name
    quote = '"' if "'" in name and '"' not in name else "'"
    return quote + name.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote
