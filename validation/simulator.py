"""The simulator as the figures use it, and ways to make it wrong.

Whatever a row says of the simulator goes through here, so that a wrong simulator can be put in its
place: then the rows that hold it against something must fail (``python -m validation --change``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import xarray as xr

from domino_sim import predict_gradient, simulate
from domino_sim.pool import PoolSettings
from domino_sim.scenario import Scenario

__all__ = ["CHANGES", "Simulator"]

#: Ways to make the simulator wrong, by name.
CHANGES = {
    "rate": "η × 1.3",
    "wasted": "N₀ × 3",
    "gates": "gates always open",
    "law": "another pool law",
}

FASTER, MORE_WASTED = 1.3, 3.0

#: A leak of 1 is no gate, and is refused.
NEARLY_ONE = 1.0 - 1e-12

#: What stands for each law where the law is wrong.
OTHER_LAW = {"sum": "norm", "norm": "sum", "constant": "sum", "domino": "sum"}


@dataclass(frozen=True, slots=True)
class Simulator:
    """What simulates: as it is, or with one change (a name of `CHANGES`)."""

    change: str | None = None

    def __post_init__(self) -> None:
        if self.change is not None and self.change not in CHANGES:
            raise ValueError(f"unknown change {self.change!r}; choose from {', '.join(CHANGES)}")

    def scenario(self, tables: dict[str, Any] | Scenario) -> Scenario:
        """Return the scenario of `tables`, with the change in it."""
        scenario = tables if isinstance(tables, Scenario) else Scenario.from_dict(tables)
        if self.change is None:
            return scenario
        return scenario.with_overrides(self._overrides(scenario))

    def simulate(self, tables: dict[str, Any] | Scenario, engine: Any = "clock") -> xr.Dataset:
        """Return what `domino_sim.simulate` gives for a scenario or its tables."""
        return simulate(self.scenario(tables), engine)

    def pool(self, **settings: Any) -> tuple[float, float]:
        """Return (η, N₀) as they follow from `settings` (see `PoolSettings`)."""
        rate, wasted = PoolSettings(**settings).derive()
        return self._rate(rate), self._wasted(wasted)

    def predict(self, **arguments: Any) -> xr.Dataset:
        """Return what `domino_sim.predict_gradient` gives; the wrong law is that of a pool.

        With the wrong law only ``level`` is there, and the attributes.
        """
        if self.change == "rate":
            arguments["lr"] *= FASTER
        if self.change == "wasted":
            arguments["noise"] = MORE_WASTED * arguments.get("noise", 0.0)
        predicted = predict_gradient(**arguments)
        if self.change != "law":
            return predicted
        rate, wasted = float(predicted.attrs["rate"]), float(predicted.attrs["wasted"])
        sgd = arguments.get("optimizer", "signgd") == "sgd"
        names = [str(name) for name in predicted.skill.values]
        frequency = [float(x) for x in predicted.frequency.values]
        level = simulate(
            Scenario.from_dict(
                {
                    "steps": arguments["steps"], "record": {"every": 1},
                    "loss": arguments.get("loss", "mse"),
                    "pool": {"law": "norm" if sgd else "sum", "rate": rate, "wasted": wasted},
                    "skills": {n: {"frequency": p} for n, p in zip(names, frequency, strict=True)},
                }
            ),
            "clock",
        )["level"]  # fmt: skip
        return xr.Dataset({"level": level}, attrs=predicted.attrs)

    def _overrides(self, scenario: Scenario) -> dict[str, Any]:
        pool = scenario.pool
        if self.change == "rate":
            if pool.lr is not None:
                return {"pool.lr": FASTER * pool.lr}
            return {"pool.rate": FASTER * pool.rate}
        if self.change == "wasted":
            if pool.noise is not None:
                return {"pool.noise": MORE_WASTED * pool.noise}
            return {"pool.wasted": MORE_WASTED * pool.wasted}
        if self.change == "law":
            rate, wasted = PoolSettings(**pool.model_dump()).derive()
            return {"pool": {"law": OTHER_LAW[pool.law], "rate": rate, "wasted": wasted}}
        return {"gate.leak": NEARLY_ONE}

    def _rate(self, rate: float) -> float:
        return FASTER * rate if self.change == "rate" else rate

    def _wasted(self, wasted: float) -> float:
        return MORE_WASTED * wasted if self.change == "wasted" else wasted

