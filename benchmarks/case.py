"""One engine run in a process of its own: ``python -m benchmarks.case JSON``.

The JSON holds `scenario` (the tables of a scenario file), `engine` and `repetitions`; it prints
as JSON the seconds to build the scenario, to turn it into arrays and to run it, and peak memory.
"""

from __future__ import annotations

import json
import resource
import sys
from time import perf_counter
from typing import Any

import numpy as np

#: Bytes of address space a case may take, so that a mistake cannot exhaust the machine.
MOST_MEMORY = 8_000_000 * 1024


def main(case: dict[str, Any]) -> dict[str, Any]:
    """Return the measurements of `case`."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    from domino_sim import engines, simulate
    from domino_sim.engines.system import build_system
    from domino_sim.scenario import Scenario

    # What is imported at first use is not part of a run.
    simulate(Scenario.from_dict({"skills": {"A": {}, "B": {"requires": "A"}}}), case["engine"])
    engine = getattr(engines, engines.ENGINES[case["engine"]])()
    begun = perf_counter()
    scenario = Scenario.from_dict(case["scenario"])
    built = perf_counter()
    system = build_system(scenario)
    ready = perf_counter()
    seconds = []
    for _ in range(case["repetitions"]):
        started = perf_counter()
        result = engine.run(system)
        seconds.append(perf_counter() - started)
    mastered = result["mastered_at"].to_numpy()
    return {
        "scenario_s": built - begun,
        "system_s": ready - built,
        "engine_s": seconds,
        "peak_gb": peak_memory() / 1e9,
        "mastered": float(np.isfinite(mastered).mean()),
        "last_mastered": float(np.nanmax(mastered)),
    }


def peak_memory() -> int:
    """Return the most bytes this process has had in memory."""
    # getrusage counts what the parent had before exec as well; the kernel's own mark does not.
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
