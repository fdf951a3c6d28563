"""A claim checked: reference beside ours, and a verdict that follows from the two."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from validation.value import Value

__all__ = ["DIFFERS", "FAIL", "PASS", "Instead", "Row"]

PASS, DIFFERS, FAIL = "PASS", "DIFFERS", "FAIL"


@dataclass(frozen=True, slots=True)
class Instead:
    """What is expected in place of the reference, and why.

    It is a number of its own that ours is held against: a reason alone excuses nothing.
    """

    reason: str
    value: Value

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"reason": self.reason, "value": self.value.to_list()}


@dataclass(frozen=True, slots=True)
class Row:
    """A claim, the published or reference number, ours, and the verdict.

    Attributes
    ----------
    claim
        What is compared, in words, with its unit.
    source
        Where the reference is from.
    reference, ours
        The two, each with its interval.
    within, by
        By how much the two intervals may be apart: a part of the reference, and so much more.
    instead
        What is expected where the reference is known to be of something else.
    guards
        The errors of the simulator that must make this row fail: names of `simulator.CHANGES`.

    Examples
    --------
    >>> from validation.value import Value, exactly
    >>> Row("t2/t1", "Fig. 4", exactly(1.93), Value(1.95, 1.9, 2.0)).verdict
    'PASS'
    """

    claim: str
    source: str
    reference: Value
    ours: Value
    within: float = 0.0
    by: float = 0.0
    instead: Instead | None = None
    guards: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """PASS: ours agrees with the reference; DIFFERS: with `instead`; else FAIL."""
        if self.ours.agrees(self.reference, self.within, self.by):
            return PASS
        if self.instead and self.ours.agrees(self.instead.value, self.within, self.by):
            return DIFFERS
        return FAIL

    @property
    def remark(self) -> str:
        """What is to be said beside the verdict: how near is near, and why ours differs."""
        slack = []
        if self.within:
            slack.append(f"{100 * self.within:.3g} %")
        if self.by:
            slack.append(f"{self.by:.3g}")
        parts = [f"within {' + '.join(slack)}"] if slack else []
        if self.instead and self.verdict != PASS:
            parts.append(f"expected {self.instead.value}: {self.instead.reason}")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON can hold it."""
        return {
            "claim": self.claim, "source": self.source, "verdict": self.verdict,
            "reference": self.reference.to_list(), "ours": self.ours.to_list(),
            "within": self.within, "by": self.by, "guards": list(self.guards),
            "instead": self.instead.to_dict() if self.instead else None,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Row:
        """Return the row that `to_dict` wrote; its verdict is computed anew."""
        instead = data["instead"]
        return cls(
            data["claim"], data["source"],
            Value.from_list(data["reference"]), Value.from_list(data["ours"]),
            data["within"], data["by"],
            Instead(instead["reason"], Value.from_list(instead["value"])) if instead else None,
            tuple(data["guards"]),
        )  # fmt: skip
