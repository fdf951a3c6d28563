"""The parser of gate expressions: text in, postfix program out, in one pass and without recursion.

Grammar (`and` binds tighter than `or`)::

    either = both {"or" both}
    both   = atom {"and" atom}
    atom   = NAME | "(" either ")" | COUNT "of" "(" either {"," either} ")"

A NAME is a word of letters, digits and underscores, or any printable text in quotes, where a
backslash stands before a quote or a backslash. A COUNT is a word of digits before ``of``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from domino_sim.errors import GateError
from domino_sim.wording import shown

__all__ = ["RESERVED", "Instruction", "parse_program"]

#: A name, or "at least k of the last n values".
Instruction = str | tuple[int, int]

#: Words that must be quoted to be a name, in any case (so that "AND" is never taken for a skill).
RESERVED = frozenset({"and", "or", "of", "not", "xor"})

HINT = "a monotone gate of and, or, k of (…)"
OPERAND = "a skill name, '(' or 'k of (…)'"

TOKEN = re.compile(
    r"""\s*(?:
        (?P<word>\w+)
      | (?P<mark>[(),])
      | '(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'
      | "(?P<double>[^"\\]*(?:\\.[^"\\]*)*)"
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse_program(text: str, where: str = "") -> tuple[Instruction, ...]:
    """Return the postfix program of an expression; see :class:`domino_sim.gates.Gate`.

    Raises
    ------
    GateError
        If the text is not an expression: with the column (from 1), what was found there and what
        was expected.

    Examples
    --------
    >>> parse_program("A and (B or C)")
    ('A', 'B', 'C', (1, 2), (2, 2))
    """
    if not isinstance(text, str):
        raise GateError(
            f"is {shown(text)}", where=where, expected="a text such as 'A and (B or C)'"
        )
    return _Parser(text, where).parse()


class _Group:
    """An open bracket, or the whole text: what it holds so far.

    Operands are the positions of their last instructions in the program.
    """

    __slots__ = ("column", "count", "factors", "items", "terms")

    def __init__(self, count: int | None, column: int) -> None:
        self.count, self.column = count, column
        self.factors: list[int] = []  # joined by `and`
        self.terms: list[int] = []  # joined by `or`
        self.items: list[int] = []  # of "k of", separated by commas


class _Parser:
    """One pass over the tokens with a stack of open brackets."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        # A None was an operator that its parent has absorbed: `A and (B and C)` is 3 of 3.
        self.program: list[Instruction | None] = []

    def parse(self) -> tuple[Instruction, ...]:
        groups = [_Group(None, 1)]
        tokens = self._tokens()
        want_operand = True
        for kind, value, column in tokens:
            group = groups[-1]
            word = value if kind == "word" else ""
            if want_operand:
                if kind == "(":
                    groups.append(_Group(None, column))
                elif kind == "count":
                    groups.append(_Group(self._count(value, column), column))
                    kind, value, column = next(tokens)
                    if kind != "(":
                        self._fail(kind, value, column, "'(' after 'of'")
                elif kind == "name" or (word and word.casefold() not in RESERVED):
                    group.factors.append(len(self.program))
                    self.program.append(value)
                    want_operand = False
                elif kind == "end" and not self.text.strip():
                    raise GateError("is empty", where=self.where, expected="a gate expression")
                else:
                    self._fail(kind, value, column, OPERAND)
            elif word in ("and", "or"):
                if word == "or":
                    self._end_term(group)
                want_operand = True
            elif kind == "," and group.count is not None:
                self._end_item(group)
                want_operand = True
            elif kind == ")" and len(groups) > 1:
                self._end_item(group)
                groups.pop()
                groups[-1].factors.append(self._end_group(group))
            elif kind == "end" and len(groups) == 1:
                self._end_item(group)
                return tuple(item for item in self.program if item is not None)
            else:
                closing = "the end" if len(groups) == 1 else f"')' for column {group.column}"
                comma = "" if group.count is None else "',', "
                self._fail(
                    kind, value, column, f"'and', 'or', {comma}{closing}", after_operand=True
                )
        raise AssertionError("the end token always returns or raises")

    def _end_term(self, group: _Group) -> None:
        n = len(group.factors)
        group.terms.append(self._join(n, group.factors))
        group.factors = []

    def _end_item(self, group: _Group) -> None:
        self._end_term(group)
        group.items.append(self._join(1, group.terms))
        group.terms = []

    def _end_group(self, group: _Group) -> int:
        n = len(group.items)
        if group.count is not None and not 1 <= group.count <= n:
            raise GateError(
                f"column {group.column}: {shown(group.count)} of {n}",
                where=self.where,
                expected=f"a count from 1 to {n}",
            )
        return self._join(group.count or 1, group.items)

    def _join(self, k: int, operands: list[int]) -> int:
        """Append "at least k of `operands`"; return the position of its last instruction."""
        n = len(operands)
        if n == 1:
            return operands[0]
        total = n
        if k in (1, n):
            for position in operands:
                inner = self.program[position]
                if isinstance(inner, tuple) and inner[0] == (1 if k == 1 else inner[1]):
                    self.program[position] = None
                    total += inner[1] - 1
        self.program.append((k if k != n else total, total))
        return len(self.program) - 1

    def _tokens(self) -> Iterator[tuple[str, str, int]]:
        """Yield (kind, value, column); kind is word, name, count, a mark, end or unknown."""
        position = 0
        while True:
            match = TOKEN.match(self.text, position)
            if match is None:
                start = len(self.text) - len(self.text[position:].lstrip())
                yield "unknown", self.text[start:], start + 1
                return
            kind = match.lastgroup or ""
            value, column = match[kind], match.start(kind) + 1
            position = match.end()
            if kind == "word" and value.isdecimal():
                following = TOKEN.match(self.text, position)
                if following and following["word"] == "of":
                    kind, position = "count", following.end()
            elif kind == "mark":
                kind = value
            elif kind in ("single", "double"):
                kind, value = "name", self._unquote(value, column)
            yield kind, value, column
            if kind == "end":
                return

    def _unquote(self, raw: str, column: int) -> str:
        for escape in ESCAPE.finditer(raw):
            if escape[1] not in "\\'\"":
                raise GateError(
                    f"column {column + escape.start()}: found {escape[0]!r} in a quoted name",
                    where=self.where,
                    expected="a backslash only before a quote or a backslash",
                )
        name = ESCAPE.sub(r"\1", raw)
        if not name or not name.isprintable():
            raise GateError(
                f"column {column}: the quoted name {shown(name)} is empty or not printable",
                where=self.where,
                expected="one or more printable characters",
            )
        return name

    def _count(self, digits: str, column: int) -> int:
        # Python refuses to read integers of thousands of digits; no gate has 10^18 operands.
        return int(digits) if len(digits.lstrip("0")) < 19 else 10**18

    def _fail(
        self, kind: str, value: str, column: int, expected: str, after_operand: bool = False
    ) -> NoReturn:
        found, nearest = shown(value), None
        folded = value.casefold() if kind == "word" else ""
        if kind == "end":
            found = "the end"
        elif kind == "unknown" and value[0] in "'\"":
            found, expected = f"a quote {value[0]} that is never closed", "a closing quote"
        elif folded in ("not", "xor") or (kind == "unknown" and value[0] in "!&|=<>^~+-*/%"):
            found, expected = shown(re.split(r"[\s\w(]", value)[0] or value), HINT
        elif kind == "unknown":
            found = f"{shown(value[0])}, which only a quoted name may hold"
        elif folded in RESERVED:
            nearest = folded if value != folded else None
        elif after_operand and kind in ("word", "name"):
            expected += " (a name that is not one plain word is quoted)"
        raise GateError(
            f"column {column}: found {found}",
            where=self.where,
            expected=expected,
            nearest=nearest,
        )
