"""What `infer_frequencies` returns: frequencies, clock, and what the curves do not tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Frequencies"]

#: Skills a printed table has at most.
_MOST_ROWS = 30


@dataclass(frozen=True, repr=False)
class Frequencies:
    """Frequencies and clock of runs, from their curves alone.

    Attributes
    ----------
    frequencies : xarray.Dataset
        Over ``skill``: ``estimate``, ``low`` and ``high`` (0 or inf where the interval is open),
        ``log_error`` (standard error of the logarithm), ``inflation`` (by what factor residuals
        that go together widen its square), ``group`` (skills whose ratios are known have one
        number; 0 is the largest group, in which frequencies add up to 1) and ``status``.
    clock : xarray.Dataset
        Over ``run`` and ``step``: ``tau``, the resource clock, and ``conserved``, C = e^(−τ) =
        u_i^(1/p_i) (MSE), each with ``…_low`` and ``…_high`` at that record. NaN where a run has
        no record, or where all its skills are at rest. The unit is that of the frequencies.
    not_identified
        What these curves do not tell, in sentences; the first says what the scale is.
    residual
        Root mean square of observed − fitted level (in standard errors, where those are given).
    settled
        Whether the search came to its end.
    settings
        What was assumed: loss, law, mastery and so on.
    """

    frequencies: xr.Dataset
    clock: xr.Dataset
    not_identified: tuple[str, ...]
    residual: float
    settled: bool
    settings: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold: None for NaN and infinite."""
        table, clock = self.frequencies, self.clock
        skills = [
            {"skill": str(name)} | {str(k): _plain(v.values[i]) for k, v in table.data_vars.items()}
            for i, name in enumerate(table["skill"].values)
        ]
        steps = [int(step) for step in clock["step"].values]
        clocks = [
            {
                "run": str(run),
                "step": steps,
                **{str(k): [_plain(x) for x in v.values[r]] for k, v in clock.data_vars.items()},
            }
            for r, run in enumerate(clock["run"].values)
        ]
        return {
            "settings": dict(self.settings),
            "skills": skills,
            "clock": clocks,
            "not_identified": list(self.not_identified),
            "residual": _plain(self.residual),
            "settled": self.settled,
        }

    def __repr__(self) -> str:
        table = self.frequencies
        names = [str(name) for name in table["skill"].values]
        wide = max([len("skill"), *(len(name) for name in names[:_MOST_ROWS])])
        sure = f"{100.0 * self.settings['confidence']:g} %"
        lines = [f"{'skill':<{wide}}  {'frequency':>10}  {sure + ' interval':>23}  status"]
        for i, name in enumerate(names[:_MOST_ROWS]):
            one = {key: table[key].values[i] for key in ("estimate", "low", "high", "status")}
            interval = f"{one['low']:10.4g} … {one['high']:10.4g}"
            lines.append(f"{name:<{wide}}  {one['estimate']:10.4g}  {interval}  {one['status']}")
        if len(names) > _MOST_ROWS:
            lines.append(f"… and {len(names) - _MOST_ROWS} more")
        lines.append(f"residual {self.residual:.3g}" + ("" if self.settled else ", not settled"))
        return "\n".join([*lines, *(f"- {sentence}" for sentence in self.not_identified)])


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(value) if math.isfinite(value) else None
