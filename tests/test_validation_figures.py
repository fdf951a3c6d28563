"""A subset of the figures with its verdicts, and that its rows notice a wrong simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from validation.figure import module_of
from validation.row import DIFFERS, FAIL, PASS, Row
from validation.setting import Setting
from validation.simulator import CHANGES, Simulator

#: Figures that take seconds; how many rows they have with each verdict.
SUBSET = {"fig17": (8, 1)}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where gradient runs are kept between tests: a wrong simulator has the same."""
    return tmp_path_factory.mktemp("parts")


@pytest.mark.parametrize("name", SUBSET)
def test_rows_pass(name: str, parts: Path) -> None:
    rows = module_of(name).check(Setting(figure=name, folder=parts / name)).rows
    assert not [told(row) for row in rows if row.verdict == FAIL]
    assert tuple(sum(row.verdict == v for row in rows) for v in (PASS, DIFFERS)) == SUBSET[name]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", SUBSET)
def test_rows_notice_a_wrong_simulator(name: str, change: str, parts: Path) -> None:
    setting = Setting(simulator=Simulator(change), figure=name, folder=parts / name)
    rows = [row for row in module_of(name).check(setting).rows if change in row.guards]
    if not rows:
        pytest.skip(f"nothing in {name} is held to it")
    assert not [told(row) for row in rows if row.verdict != FAIL]


def told(row: Row) -> str:
    return f"{row.claim}: reference {row.reference}, ours {row.ours} ({row.remark})"
