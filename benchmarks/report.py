"""The report: a Markdown table a topic, one row a measurement."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.measure import Row

HEAD = ("measurement", "median", "min – max", "ratio", "target", "", "conditions")


def table(rows: Iterable[Row]) -> str:
    """Return `rows` as a Markdown table with aligned columns."""
    cells = [HEAD, *map(_cells, rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(HEAD))]
    rule = tuple("-" * max(width, 1) for width in widths)
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in (cells[0], rule, *cells[1:])
    )


def _cells(row: Row) -> tuple[str, ...]:
    low, high = min(row.values), max(row.values)
    spread = "" if len(row.values) == 1 else f"{_number(low, row.unit)} – {_number(high, row.unit)}"
    return (
        row.name,
        _number(row.median, row.unit),
        spread,
        "" if row.ratio is None else f"{row.ratio:.3g} ×",
        "" if row.target is None else str(row.target),
        {None: "", True: "ok", False: "short"}[row.met],
        row.note,
    )


def _number(value: float, unit: str) -> str:
    if unit == "s" and value < 1e-3:
        return f"{value * 1e6:.3g} µs"
    if unit == "s" and value < 1.0:
        return f"{value * 1e3:.3g} ms"
    return f"{value:.3g} {unit}".rstrip()
