"""Starting: whole processes, from the start of the interpreter to its end.

Baseline: an interpreter that does nothing. Target: 0.5 s, and Torch is not imported (looked up in
the interpreter's own list of imports, with a module named torch put on the path so that an attempt
would be seen on a machine without Torch).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import ROOT, Row, Target, interleaved

COMMANDS = {
    "python -c pass (baseline)": ["-c", "pass"],
    "import domino_sim": ["-c", "import domino_sim"],
    "domino-sim --help": ["-m", "domino_sim", "--help"],
}


def measure(quick: bool) -> Iterator[Row]:
    """Yield a row a command."""
    jobs = {name: lambda c=command: _run(c) for name, command in COMMANDS.items()}
    seconds = interleaved(jobs, 1 if quick else 15)
    for name, taken in seconds.items():
        if "baseline" in name:
            yield Row(name, taken, "s")
            continue
        yield Row(name, taken, "s", target=Target("≤", 0.5, "s"))
        yield Row(
            f"{name}: imports of Torch", (_torch_imports(COMMANDS[name]),), "",
            target=Target("≤", 0, ""),
        )


def _run(command: list[str]) -> None:
    subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, check=True)


def _torch_imports(command: list[str]) -> float:
    """Return how many modules of Torch the command imports."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "torch.py").touch()
        path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *command],
            cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    modules = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    return float(sum(name.partition(".")[0] == "torch" for name in modules))
