"""Progress meters: nobody sees one unless work is long and a terminal is there."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from domino_sim import progress
from domino_sim.progress import NullMeter, RichMeter


def terminal() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=True, width=80), text


def test_the_null_meter_takes_reports_and_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with NullMeter().task("run", total=10) as update:
        update(5)
    assert capfd.readouterr() == ("", "")


def test_short_work_shows_no_bar() -> None:
    console, text = terminal()
    with RichMeter(console).task("run", total=10) as update:
        update(10)
    assert text.getvalue() == ""


def test_long_work_shows_its_label_and_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    console, text = terminal()
    with RichMeter(console).task("[bold] pairs", total=8) as update:
        update(2)
    assert "[bold] pairs" in text.getvalue()
    assert "25 %" in text.getvalue()


def test_nothing_is_drawn_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    text = io.StringIO()
    with RichMeter(Console(file=text)).task("run", total=8) as update:
        update(2)
    assert text.getvalue() == ""


def test_the_bar_goes_away_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    console, text = terminal()
    with pytest.raises(ZeroDivisionError), RichMeter(console).task("run", total=8) as update:
        update(2)
        raise ZeroDivisionError
    assert text.getvalue().endswith("\x1b[2K")  # its line is erased


def test_redraws_are_rare_however_often_work_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "INTERVAL", 1e9)
    console, text = terminal()
    with RichMeter(console).task("run", total=1000) as update:
        for i in range(1000):
            update(i)
    assert text.getvalue().count("%") <= 3
