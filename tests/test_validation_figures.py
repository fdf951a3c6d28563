"""A subset of the figures with its verdicts, and that its rows notice a wrong simulator."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from validation.figure import module_of
from validation.row import DIFFERS, FAIL, Row
from validation.setting import Setting
from validation.simulator import CHANGES, Simulator


class Expected(NamedTuple):
    """Of a figure: rows, how many differ, and how many are held to each part of the simulator."""

    rows: int
    differ: int
    rate: int
    wasted: int
    gates: int
    law: int


#: Figures that take seconds.
SUBSET = {
    "fig09": Expected(9, 0, 7, 0, 0, 9),
    "fig17": Expected(9, 1, 7, 7, 8, 7),
    "models": Expected(37, 3, 15, 8, 0, 17),
    "aligned": Expected(9, 0, 4, 3, 0, 4),
    "phase": Expected(10, 0, 1, 0, 0, 1),
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where gradient runs are kept between tests: a wrong simulator has the same."""
    return tmp_path_factory.mktemp("validation")


def checked(name: str, parts: Path, change: str | None = None) -> tuple[Row, ...]:
    setting = Setting(simulator=Simulator(change), figure=name, folder=parts / name / "parts")
    return module_of(name).check(setting).rows


@pytest.mark.parametrize("name", SUBSET)
def test_rows_pass_and_notice_a_wrong_simulator(name: str, parts: Path) -> None:
    expected, rows = SUBSET[name], checked(name, parts)
    assert not [told(row) for row in rows if row.verdict == FAIL]
    assert len(rows) == expected.rows
    assert sum(row.verdict == DIFFERS for row in rows) == expected.differ
    for change in CHANGES:
        held = sum(change in row.guards for row in rows)
        assert held == getattr(expected, change), change
        if held:
            wrong = [row for row in checked(name, parts, change) if change in row.guards]
            assert not [told(row) for row in wrong if row.verdict != FAIL], change


def told(row: Row) -> str:
    return f"{row.claim}: reference {row.reference}, ours {row.ours} ({row.remark})"
