"""``show``, ``list`` and ``schema``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domino_sim.cli.output import check_folder, staged
from domino_sim.errors import FileError, nearest_name
from domino_sim.files import atomic_write, list_bundled, read_toml

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["list_bundle", "print_schema", "show_graph"]


def show_graph(name: str, out: Path | None) -> None:
    """Print the graph of a scenario, a bundled gradient run or a graph; draw `out`/graph.png."""
    from domino_sim.cli.tables import print_graph

    title, graph = _load(name)
    folder = out or Path("results") / Path(name).stem
    check_folder(folder, ["graph.png"])
    from domino_sim.plot import graph_figure, save_figure

    with staged(folder) as temporary:
        save_figure(graph_figure(graph), temporary / "graph.png")
    print_graph(title, graph, folder / "graph.png")


def _load(name: str) -> tuple[str, nx.DiGraph]:
    """Return title and graph; a name that both a scenario and a graph have is the scenario's."""
    from domino_sim.graph import load_graph
    from domino_sim.scenario import load_scenario

    scenarios, graphs, runs = (list_bundled(kind) for kind in ("scenarios", "graphs", "runs"))
    if name in runs:
        from domino_sim.gradient.run import load_run

        run = load_run(name)
        return run.title or name, run.skill_graph()
    path = Path(name)
    is_path = path.suffix in (".toml", ".json", ".graphml") or len(path.parts) > 1
    if not is_path and name not in scenarios and name not in graphs and not path.is_file():
        raise FileError(
            f"no scenario or graph named {name!r}",
            expected="a bundled name (domino-sim list) or a path",
            nearest=nearest_name(name, [*scenarios, *graphs, *runs]),
        )
    if path.suffix in (".json", ".graphml") or (name in graphs and name not in scenarios):
        graph = load_graph(name)
        return graph.graph.get("title") or name, graph
    scenario = load_scenario(name)
    return scenario.title or name, scenario.skill_graph()


def list_bundle(as_json: bool) -> None:
    """Print the names and titles of the bundled scenarios, gradient runs and graphs."""
    bundle = {
        kind: [
            {"name": name, "title": str(read_toml(path).get("title", ""))}
            for name, path in list_bundled(kind).items()
        ]
        for kind in ("scenarios", "runs", "graphs")
    }
    if as_json:
        print(json.dumps(bundle, indent=1))
        return
    from domino_sim.cli.tables import print_bundle

    print_bundle(bundle)


def print_schema(out: Path | None, of_runs: bool) -> None:
    """Print the JSON Schema of scenario files or run files, or write it to the file `out`."""
    from domino_sim.scenario import Scenario, table_schema

    table: type[Any] = Scenario
    if of_runs:
        from domino_sim.gradient.run import Run

        table = Run
    text = json.dumps(table_schema(table), indent=2) + "\n"
    if out is None:
        print(text, end="")
    else:
        atomic_write(out, text)
        print(out)
