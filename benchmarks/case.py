"""One engine run in a process of its own: ``python -m benchmarks.case JSON``.

The JSON holds `scenario` (the tables of a scenario file), `engine` and `repetitions`; it prints
as JSON the seconds to build the scenario, to turn it into arrays (`system_s`) and to run it
(`engine_s`), the processor's seconds of the last two (`cpu_s`), and peak memory.
"""

from __future__ import annotations

import json
import resource
import sys
from time import perf_counter, process_time
from typing import Any

import numpy as np

#: Bytes of address space a case may take, so that a mistake cannot exhaust the machine.
MOST_MEMORY = 8_000_000 * 1024


def main(case: dict[str, Any]) -> dict[str, Any]:
    """Return the measurements of `case`."""
    from domino_sim import engines, simulate
    from domino_sim.engines.system import build_system
    from domino_sim.scenario import Scenario

    # What is imported at first use is not part of a run.
    simulate(Scenario.from_dict({"skills": {"A": {}, "B": {"requires": "A"}}}), case["engine"])
    engine = getattr(engines, engines.ENGINES[case["engine"]])()
    marks = [_now()]
    scenario = Scenario.from_dict(case["scenario"])
    marks.append(_now())
    system = build_system(scenario)
    marks.append(_now())
    for _ in range(case["repetitions"]):
        result = engine.run(system)
        marks.append(_now())
    (scenario_s, _), (system_s, system_cpu), *runs = np.diff(marks, axis=0).tolist()
    mastered = result["mastered_at"].to_numpy()
    return {
        "scenario_s": scenario_s,
        "system_s": system_s,
        "engine_s": [seconds for seconds, _ in runs],
        "cpu_s": system_cpu + min(cpu for _, cpu in runs),
        "peak_gb": peak_memory() / 1e9,
        "mastered": float(np.isfinite(mastered).mean()),
        "last_mastered": float(np.nanmax(mastered)),
    }


def _now() -> tuple[float, float]:
    """Return seconds of the wall clock and of the processor."""
    return perf_counter(), process_time()


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
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    print(json.dumps(main(json.loads(sys.argv[1]))))
