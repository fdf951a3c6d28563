"""From the arguments of a command to checked scenarios, and from those to results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domino_sim import engines
from domino_sim.engines import ENGINES
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.progress import RichMeter
from domino_sim.scenario import Scenario, load_scenario, parse_override

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Job", "plan", "simulate_job"]

@dataclass(frozen=True)
class Job:
    """A scenario to run: its label names its column in tables and its files."""

    label: str
    scenario: Scenario
    engine: str


def plan(names: Iterable[str], engine: str, settings: Iterable[str]) -> list[Job]:
    """Check all arguments before anything is run.

    Raises
    ------
    InputError
        If the engine, an override or a scenario cannot be used.
    """
    if engine not in ENGINES:
        raise ArgumentError(
            f"unknown engine {engine!r}",
            where="--engine",
            expected=f"one of {', '.join(ENGINES)}",
            nearest=nearest_name(engine, ENGINES),
        )
    overrides: dict[str, Any] = dict(parse_override(setting) for setting in settings)
    names = list(names)
    scenarios = [load_scenario(name, overrides) for name in names]
    return [
        Job(label, scenario, engine)
        for label, scenario in zip(_labels(names), scenarios, strict=True)
    ]


def _labels(names: Iterable[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        stem = label = _stem(name)
        number = 2
        while label in taken:
            label, number = f"{stem}-{number}", number + 1
        taken.add(label)
        yield label


def _stem(name: str) -> str:
    # A bundled name may hold a dot; only a file has a suffix to drop.
    return Path(name).name.removesuffix(".toml")


def simulate_job(job: Job) -> xr.Dataset:
    """Run one job under a progress bar.

    Raises
    ------
    DominoError
        If the engine refuses the scenario, or the run cannot be carried through.
    """
    from domino_sim.simulation import simulate

    return simulate(job.scenario, getattr(engines, ENGINES[job.engine])(meter=RichMeter()))
