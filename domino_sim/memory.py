"""How much memory is free, and records that would not fit into it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from domino_sim.errors import InputError, ScenarioError

__all__ = ["check_record"]

#: Bytes that any machine has.
SMALL = 1 << 26


def check_record(
    points: int,
    series: int,
    *,
    of: str,
    each: int,
    part: float,
    where: str,
    kind: type[InputError] = ScenarioError,
) -> None:
    """Refuse a record that would not fit the memory that is free now.

    Parameters
    ----------
    points
        Recorded steps.
    series
        How many curves are recorded at each.
    of
        What they are of, for the message: ``"7 skills"``.
    each
        Bytes that a point of a curve takes in the end.
    part
        The part of the free memory the record may take; the rest is for working copies.
    where
        File and key path, for the message.
    kind
        What is raised.

    Raises
    ------
    InputError
        Of that kind.

    Examples
    --------
    >>> check_record(1000, 7, of="7 skills", each=24, part=0.1, where="record")
    """
    needed = points * series * each
    if needed < SMALL:
        return
    free = _free_memory()
    if needed > part * free:
        raise kind(
            f"recording {points:,} points of {of} takes {needed / 1e9:.1f} GB",
            where=where,
            expected=f"at most {part * free / 1e9:.1f} GB: fewer points or skills",
        )


def _free_memory() -> float:
    """Bytes of memory that can be had without swapping; a generous guess where unknown."""
    free = 16e9
    with suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as lines:
        free = next(1024 * float(x.split()[1]) for x in lines if x.startswith("MemAvailable:"))
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):
        # "max", where there is no limit, is no number.
        limit = float((group / "memory.max").read_text(encoding="ascii"))
        free = min(free, limit - float((group / "memory.current").read_text(encoding="ascii")))
    return free
