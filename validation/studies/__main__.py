"""``python -m validation.studies [NAME …] [--quick]``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

TOPICS = (
    "calibration", "forecast", "frequencies", "meanfield", "modularity", "sweeps",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Check the topics named (all without a name), print their reports."""
    parser = argparse.ArgumentParser(prog="python -m validation.studies", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TOPICS)}")
    parser.add_argument("--quick", action="store_true", help="few and small cases")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in TOPICS:
            parser.error(f"unknown topic {name!r}; choose from {', '.join(TOPICS)}")
    for name in options.names or TOPICS:
        topic = import_module(f"validation.studies.{name}")
        print(f"## {name}\n\n{str(topic.__doc__).strip()}\n", flush=True)
        for text in topic.report(options.quick):
            print(text, flush=True)


if __name__ == "__main__":
    main()
