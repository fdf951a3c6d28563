"""Figures: drawn for any number of skills and any names, and readable."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import xarray as xr
from fake_runs import fake_run
from matplotlib.figure import Figure
from matplotlib.text import Text

from domino_sim import plot
from domino_sim.errors import FileError, InputError
from domino_sim.graph import build_graph, load_graph
from domino_sim.plot.layout import MAX_ROWS, place
from domino_sim.plot.style import colours, mastery_order, short


def layered(n: int, layers: int) -> nx.DiGraph:
    groups = np.array_split(np.arange(n), layers)
    skills = {}
    for above, group in zip([[], *groups], groups, strict=False):
        for i in group:
            gate = {"requires": f"s{above[i % len(above)]}"} if len(above) else {}
            skills[f"s{i}"] = {"frequency": 1 / (i + 1), **gate}
    return build_graph(skills)


def texts(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_visible() and t.get_text()]


@pytest.fixture(scope="module")
def pairs() -> tuple[xr.Dataset, nx.DiGraph]:
    graph = load_graph("one-of-two")
    return fake_run(graph, steps=250), graph


@pytest.mark.parametrize("n", [1, 3, 30, 300])
def test_a_run_of_any_size_has_a_figure(n: int, tmp_path: Path) -> None:
    graph = layered(n, max(1, n // 8))
    plot.save_figure(plot.run_figure(fake_run(graph, steps=60), graph), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("law", ["sum", "constant"])
def test_a_run_in_which_nothing_is_mastered_has_a_figure(law: str, tmp_path: Path) -> None:
    graph = build_graph({"A": {"frequency": 0.0}, "B": {"requires": "A"}})
    figure = plot.run_figure(fake_run(graph, steps=20, law=law), graph)
    plot.save_figure(figure, tmp_path / "f.svg")
    assert any("never opened" in text for text in texts(figure))


def test_a_run_of_no_steps_has_a_figure(pairs: tuple, tmp_path: Path) -> None:
    ds = pairs[0].isel(step=[0])
    plot.save_figure(plot.run_figure(ds, pairs[1]), tmp_path / "f.png")


def test_each_of_a_few_skills_is_named_in_the_legend_and_the_strip(pairs: tuple) -> None:
    found = texts(plot.run_figure(*pairs))
    for name in pairs[0].skill.values:
        assert found.count(name) >= 3  # legend, graph, strip


def test_names_are_written_as_they_are(tmp_path: Path) -> None:
    names = ["_private", "$x$ costs 5$", "数学", "%s {0} \\alpha", "very " * 40 + "long"]
    graph = build_graph({name: {} for name in names})
    ds = fake_run(graph, steps=200)
    figure = plot.run_figure(ds, graph)
    plot.save_figure(figure, tmp_path / "f.png")
    plot.save_figure(plot.compare_figure({"$_$": ds, "_b": ds}), tmp_path / "c.png")
    found = texts(figure)
    assert {"_private", "$x$ costs 5$", "数学", "%s {0} \\alpha"} <= set(found)
    assert max(map(len, found)) < 120


def test_many_skills_are_not_named_one_by_one() -> None:
    graph = layered(300, 10)
    found = texts(plot.run_figure(fake_run(graph, steps=20), graph))
    assert len([text for text in found if text.startswith("s2")]) == 0
    assert any("300 skills" in text for text in found)


def test_bands_of_many_skills_still_add_up_to_the_whole_pool() -> None:
    ds = fake_run(layered(100, 4), steps=50)
    ax = Figure().subplots()
    plot.share(ax, ds)
    tops = [collection.get_datalim(ax.transData).y1 for collection in ax.collections]
    assert len(tops) == 31  # thirty bands and what is wasted
    assert max(tops) == pytest.approx(1.0)


def test_the_pools_of_several_modules_share_one_figure() -> None:
    ds = fake_run(load_graph("two-pairs"), steps=50)
    ax = Figure().subplots()
    plot.share(ax, ds.isel(module=[0, 0]))
    assert "2 pools" in ax.get_ylabel()


def test_mastered_skills_come_first_and_unopened_ones_last() -> None:
    graph = build_graph({"late": {"requires": "slow"}, "slow": {"frequency": 1e-3}, "fast": {}})
    ds = fake_run(graph, steps=70)
    assert ds.skill.values[mastery_order(ds)].tolist() == ["fast", "slow", "late"]


def test_the_strip_of_a_skill_runs_from_opening_to_mastery(pairs: tuple) -> None:
    ds = pairs[0]
    ax = Figure().subplots()
    plot.strip(ax, ds)
    bars = {round(bar.get_y() + bar.get_height() / 2): bar for bar in ax.patches}
    for row, i in enumerate(mastery_order(ds)):
        if np.isfinite(ds.mastered_at.values[i]):
            assert bars[row].get_x() == ds.opened_at.values[i]
            assert bars[row].get_x() + bars[row].get_width() == ds.mastered_at.values[i]


def test_prerequisites_are_to_the_left_of_their_dependents() -> None:
    graph = layered(60, 6)
    places = place(graph)
    assert all(places[before][0] < places[after][0] for before, after in graph.edges)
    assert len(set(places.values())) == 60


def test_a_long_chain_is_folded_and_a_wide_generation_split() -> None:
    chain = build_graph({f"s{i}": {"requires": f"s{i - 1}"} if i else {} for i in range(300)})
    xs, ys = np.array(list(place(chain).values())).T
    assert np.ptp(xs) < 60
    assert np.ptp(ys) > 5
    wide = build_graph({f"s{i}": {} for i in range(300)})
    _, counts = np.unique([x for x, _ in place(wide).values()], return_counts=True)
    assert counts.max() <= MAX_ROWS


def test_or_gates_can_be_told_from_and_gates(pairs: tuple) -> None:
    assert "one is enough" in texts(plot.graph_figure(pairs[1]))
    assert "one is enough" not in texts(plot.graph_figure(load_graph("two-pairs")))


def test_a_huge_graph_is_drawn_by_generation(tmp_path: Path) -> None:
    figure = plot.graph_figure(layered(3000, 20))
    plot.save_figure(figure, tmp_path / "graph.png")
    assert "generation" in texts(figure)


def test_a_comparison_has_a_panel_for_each_run_and_one_for_mastery(pairs: tuple) -> None:
    other = fake_run(load_graph("two-pairs"), steps=300)
    figure = plot.compare_figure({"OR": pairs[0], "AND": other})
    assert len(figure.axes) == 3
    assert {"OR", "AND"} <= set(texts(figure))


def test_a_skill_has_one_colour_in_all_panels_of_a_comparison(pairs: tuple) -> None:
    other = fake_run(load_graph("two-pairs"), steps=300)
    first, second, _ = plot.compare_figure({"OR": pairs[0], "AND": other}).axes

    def colour_of(ax):  # type: ignore[no-untyped-def]
        box = ax.get_legend()
        return {
            text.get_text(): line.get_color().tolist()
            for text, line in zip(box.get_texts(), box.get_lines(), strict=True)
        }

    assert colour_of(first) == colour_of(second)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InputError, match="no runs"):
        plot.compare_figure({})


def test_the_colours_of_a_few_skills_differ_and_none_is_lost_on_white() -> None:
    for count in (1, 7, 8, 100):
        palette = colours(count)
        assert len(np.unique(palette, axis=0)) == count
        luminance = palette[:, :3] @ [0.2126, 0.7152, 0.0722]
        assert luminance.max() < 0.85


def test_a_long_name_keeps_both_its_ends() -> None:
    assert short("abcdefgh", 8) == "abcdefgh"
    assert short("abcdefghi", 5) == "ab…hi"


def test_an_unknown_kind_of_figure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="unknown kind of figure"):
        plot.save_figure(Figure(), tmp_path / "figure.xyz")
    assert list(tmp_path.iterdir()) == []
