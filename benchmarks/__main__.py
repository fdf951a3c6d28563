"""``python -m benchmarks [NAME …] [--quick] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.measure import Row
from benchmarks.report import table

TOPICS = (
    "calibration", "clock_vs_euler", "events_growth", "clock_large", "gradient", "gradient_mlp",
    "inference", "meanfield", "startup", "sweeps",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the topics named (all without a name), print their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TOPICS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, few repetitions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in TOPICS:
            parser.error(f"unknown benchmark {name!r}; choose from {', '.join(TOPICS)}")
    measured = {}
    for name in options.names or TOPICS:
        topic = import_module(f"benchmarks.{name}")
        print(f"## {name}\n\n{str(topic.__doc__).strip()}\n", flush=True)
        measured[name] = list(_announced(topic.measure(options.quick)))
        print(table(measured[name]) + "\n", flush=True)
    if options.json:
        found = {name: [row.to_dict() for row in rows] for name, rows in measured.items()}
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _announced(rows: Iterator[Row]) -> Iterator[Row]:
    """Pass the rows on, saying on the error stream what has been measured: some take minutes."""
    for row in rows:
        print(f"  {row.name}: {row.median:.3g} {row.unit}", file=sys.stderr, flush=True)
        yield row


if __name__ == "__main__":
    main()
