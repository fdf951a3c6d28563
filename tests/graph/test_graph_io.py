"""Graphs in files: what is written comes back, what is wrong is named with its place."""

from __future__ import annotations

import json
import re

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domino_sim.errors import FileError, GraphError, InputError
from domino_sim.files import list_bundled
from domino_sim.graph import check_graph, gate_of, load_graph, make_graph, save_graph
from domino_sim.graph.graphml import NOT_XML

SUFFIXES = (".toml", ".graphml", ".json")

NAMES = ["A", "KL divergence", 'say "hi"', "it's", "a\\b\\", "<&>]]>", "概念", "12", "a.b", "and"]

in_any_form = st.text(max_size=12).filter(lambda text: not NOT_XML.search(text))
one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def graphs(draw) -> nx.DiGraph:
    printable = st.text(min_size=1, max_size=6).filter(
        lambda text: text.isprintable() and not NOT_XML.search(text)
    )
    names = draw(st.lists(st.sampled_from(NAMES) | printable, min_size=1, max_size=6, unique=True))
    graph = nx.DiGraph()
    for key in ("title", "source"):
        if draw(st.booleans()):
            graph.graph[key] = draw(in_any_form)
    for position, name in enumerate(names):
        graph.add_node(name)
        if draw(st.booleans()):
            graph.nodes[name]["frequency"] = draw(st.floats(0, 1e300))
        if draw(st.booleans()):
            graph.nodes[name]["level"] = draw(st.floats(0, 1))
        if position:
            before = draw(st.lists(st.sampled_from(names[:position]), unique=True))
            graph.add_edges_from((other, name) for other in before)
            if len(before) > 1 and draw(st.booleans()):
                k = draw(st.integers(1, len(before)))
                listed = ", ".join(
                    "'" + n.replace("\\", "\\\\").replace("'", "\\'") + "'" for n in before
                )
                graph.nodes[name]["requires"] = f"{k} of ({listed})"
    return check_graph(graph)


@one_file
@given(graphs(), st.sampled_from(SUFFIXES))
def test_a_graph_comes_back_as_it_was_written(tmp_path, graph, suffix):
    path = tmp_path / f"graph{suffix}"
    save_graph(graph, path)
    again = load_graph(path)
    assert list(again) == list(graph)
    assert again.graph == graph.graph
    assert set(again.edges) == set(graph.edges)
    for name in graph:
        assert gate_of(again, name) == gate_of(graph, name)
        assert list(again.pred[name]) == list(graph.pred[name])
        for key in ("frequency", "level"):
            assert again.nodes[name].get(key) == graph.nodes[name].get(key)


@pytest.mark.parametrize("suffix", [".graphml", ".json"])
def test_other_plain_attributes_come_back_too(tmp_path, suffix):
    graph = nx.DiGraph([("A", "B")], year=2025)
    graph.nodes["A"].update(colour="red", size=2.5, seen=True)
    graph.edges["A", "B"].update(probability=0.5, status="sure")
    save_graph(graph, tmp_path / f"g{suffix}")
    assert nx.utils.graphs_equal(load_graph(tmp_path / f"g{suffix}"), graph)


def test_what_networkx_writes_is_read(tmp_path):
    graph = make_graph("two-pairs")
    nx.write_graphml(graph, tmp_path / "a.graphml")
    assert nx.utils.graphs_equal(load_graph(tmp_path / "a.graphml"), graph)
    for edges in ("edges", "links"):
        (tmp_path / "a.json").write_text(json.dumps(nx.node_link_data(graph, edges=edges)))
        assert nx.utils.graphs_equal(load_graph(tmp_path / "a.json"), graph)


def test_what_is_written_is_read_by_networkx(tmp_path):
    graph = make_graph("one-of-two")
    save_graph(graph, tmp_path / "a.graphml")
    read = nx.read_graphml(tmp_path / "a.graphml")
    assert (read.nodes, read.edges, read.graph["title"]) == (
        graph.nodes, graph.edges, graph.graph["title"]
    )  # fmt: skip
    save_graph(read, tmp_path / "b.graphml")
    assert nx.utils.graphs_equal(load_graph(tmp_path / "b.graphml"), graph)
    save_graph(graph, tmp_path / "a.json")
    data = json.loads((tmp_path / "a.json").read_text())
    assert nx.utils.graphs_equal(nx.node_link_graph(data, edges="edges"), graph)


def test_a_graph_file_without_gates_means_all_predecessors(tmp_path):
    (tmp_path / "a.json").write_text(
        '{"nodes": [{"id": "A"}, {"id": 2}, {"id": "C"}],'
        ' "links": [{"source": 2, "target": "C"}, {"source": "A", "target": "C"}]}'
    )
    graph = load_graph("a.json", relative_to=tmp_path)
    assert str(gate_of(graph, "C")) == "2 and A"


def test_every_bundled_graph_loads_and_has_a_title_and_a_source():
    for name in list_bundled("graphs"):
        graph = load_graph(name)
        assert graph.graph["title"]
        assert graph.graph["source"]


def test_dot_quotes_any_name(tmp_path):
    graph = nx.DiGraph([(name, "last") for name in NAMES])
    graph.graph["title"] = 'the "title"'
    save_graph(graph, tmp_path / "a.dot")
    text = (tmp_path / "a.dot").read_text(encoding="utf-8")
    body = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", text).splitlines()
    assert body[0] == "digraph {"
    assert body[-1] == "}"
    assert set(body[1:-1]) == {"  rankdir = LR;", "  label = Q;", "  Q [label=Q];", "  Q -> Q;"}
    assert r'"a\\b\\" -> "last";' in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[skills", "not valid TOML: .*at the end, line 1"),
        ("[skills]\nA = {}\nA = {}", "given twice"),
        ("[skill]\nA = {}", "a.toml: unknown key 'skill'; expected one of.*'skills'"),
        ("title = 3\n[skills]\nA = {}", "a.toml: title: is 3; expected a text"),
        ("", "a.toml: skills: has no skills"),
        ("skills = 3", "a.toml: skills: is 3; expected a table"),
        ("[skills]\nA = { frequency = -1 }", "a.toml: skills.A.frequency: is -1; expected"),
        ("[skills]\nA = { frequency = 0x" + "f" * 9000 + " }", "frequency: is an integer of 36000"),
        ("[skills]\nA = { requires = ['B'] }\nB = {}", "a.toml: skills.A.requires: is .*B"),
        ("[skills]\nA = { requires = 'B' }\nB = { requires = 'A' }", "circle: A → B → A"),
        ("[skills]\n'a b' = { requires = 'a c' }", 'a.toml: skills."a b".requires: column 3'),
        ("skills.A.B.C = 1", "skills.A: unknown key 'B'"),
    ],
)
def test_a_toml_file_that_is_no_graph_is_refused(tmp_path, text, message):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_graph(tmp_path / "a.toml")


def xml(body: str, keys: str = "", mode: str = "directed") -> str:
    return f'<graphml>{keys}\n<graph edgedefault="{mode}">\n{body}</graph></graphml>'


A, B, AB = '<node id="A"/>', '<node id="B"/>', '<edge source="A" target="B"/>'
FREQUENCY = '<key id="f" for="node" attr.name="frequency" attr.type="double"/>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1"),
        ("<graphml><graph>\n</grap></graphml>", "line 2, column 3.*|mismatched tag"),
        ("<html/>", "line 1: the root element is <html>; expected <graphml>"),
        ("<graphml/>", "holds no graph"),
        (xml(""), "has no skills"),
        (xml(A, mode="undirected"), "line 2: is an undirected graph"),
        (xml(A + B + '<edge directed="false" source="A" target="B"/>'), "is an undirected edge"),
        (xml(A + "\n" + A), "line 4: two nodes have the id 'A'"),
        (xml(A + AB), "line 3: unknown node 'B'"),
        (xml(A + "<node/>"), "<node> has no id"),
        (xml(A + '<edge source="A"/>'), "<edge> has no target"),
        (xml(A + "<hyperedge/>"), "is a hyperedge"),
        (xml('<node id="A"><graph/></node>'), "nested or a second graph"),
        ("<graphml><graph/><graph/></graphml>", "nested or a second graph"),
        (xml('<node id="A"><data key="f">1</data></node>'), "unknown key 'f'"),
        (xml(A, FREQUENCY + FREQUENCY), "two keys have the id 'f'"),
        (xml(A, '<key id="f" attr.name="x" attr.type="flaot"/>'), "'flaot'.*'float'"),
        (xml('<node id="A"><data key="f">x</data></node>', FREQUENCY), "frequency is 'x'.*double"),
        (xml('<node id="A"><data key="f">NaN</data></node>', FREQUENCY), "A.frequency: is nan"),
        (xml('<node id="A"><data key="f">-1</data></node>', FREQUENCY), "A.frequency: is -1"),
        (xml(A + B + AB + '<edge source="B" target="A"/>'), "circle: A → B → A"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + xml(A), "line 1: has a document type"),
        ('<?xml version="1.0" encoding="no-such"?>' + xml(A), "a.graphml: .*"),
    ],
)
def test_a_graphml_file_that_is_no_graph_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "a.graphml").write_text(text)
    with pytest.raises(GraphError, match=message) as caught:
        load_graph(tmp_path / "a.graphml")
    assert "a.graphml" in str(caught.value)


def test_drawing_data_of_editors_is_skipped_and_defaults_apply(tmp_path):
    keys = (
        '<key id="d" for="node" yfiles.type="nodegraphics"/>'
        '<key id="f" for="node" attr.name="frequency" attr.type="double"><default>2</default></key>'
    )
    drawing = '<data key="d"><Shape xmlns="y"><Label>an <b>A</b></Label></Shape></data>'
    body = f'{AB}{AB}<node id="A"><desc>x</desc>{drawing}<data key="f"> 3 </data></node>{B}'
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>' + xml(body, keys)
        (tmp_path / "a.graphml").write_bytes(text.encode(encoding))
        graph = load_graph(tmp_path / "a.graphml")
        assert dict(graph.nodes(data=True)) == {"A": {"frequency": 3.0}, "B": {"frequency": 2.0}}
        assert list(graph.edges) == [("A", "B")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", r"is \[\]; expected an object"),
        ("{}", "nodes: is missing; expected a list"),
        ('{"nodes": [], "edges": []}', "has no skills"),
        ('{"nodes": [{"id": 1}]}', "edges: is missing"),
        ('{"nodes": 1, "edges": []}', "nodes: is 1; expected a list"),
        ('{"nodes": [1], "edges": []}', r"nodes\[0\]: is 1; expected an object"),
        ('{"nodes": [{"name": 1}], "edges": []}', r"nodes\[0\].id: is missing; expected a name"),
        ('{"nodes": [{"id": [1]}], "edges": []}', r"nodes\[0\].id: is \[1\]; expected a name"),
        ('{"nodes": [{"id": 1}, {"id": "1"}], "edges": []}', r"nodes\[1\]: two nodes have the id"),
        ('{"nodes": [{"id": 1}], "edges": [{"source": 1}]}', r"edges\[0\].target: is missing"),
        ('{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 2}]}', r"links\[0\]: unknown"),
        ('{"nodes": [{"id": 1}], "links": [], "edges": []}', "has both 'edges' and 'links'"),
        ('{"nodes": [{"id": 1}], "edges": [], "directed": false}', "is an undirected graph"),
        ('{"nodes": [{"id": 1}], "edges": [], "graph": 3}', "graph: is 3; expected an object"),
        ('{"nodes": [{"id": 1, "level": NaN}], "edges": []}', "a.json: 1.level: is nan"),
        ('{"nodes": [{"id": 1, "id": 2}], "edges": []}', "'id' is given twice"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_json_file_that_is_no_graph_is_refused(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_graph(tmp_path / "a.json")
    assert "a.json" in str(caught.value)


def test_unknown_kinds_of_file_are_refused(tmp_path):
    (tmp_path / "a.tml").write_text("")
    with pytest.raises(FileError, match=r"unknown kind of graph file: '\.tml'.*'\.toml'"):
        load_graph(tmp_path / "a.tml")
    with pytest.raises(FileError, match=r"expected one of \.toml, \.graphml, \.json, \.dot"):
        save_graph(make_graph("chain", n=2), tmp_path / "a.pdf")
    with pytest.raises(FileError, match="no bundled graph is named 'two-pair'"):
        load_graph("two-pair")


def test_what_a_form_cannot_hold_is_refused_and_nothing_is_written(tmp_path):
    control = nx.DiGraph(title="bell\a")
    control.add_node("A")
    listed = nx.DiGraph()
    listed.add_node("A", tags=["x"])
    lone = nx.DiGraph(title="\ud800")
    lone.add_node("A", thing=object())
    for graph, suffix in ((control, ".graphml"), (listed, ".graphml"), (lone, ".json")):
        with pytest.raises(GraphError):
            save_graph(graph, tmp_path / f"a{suffix}")
    del lone.nodes["A"]["thing"]
    with pytest.raises(FileError, match="no UTF-8 form"):
        save_graph(lone, tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


pieces = {
    ".toml": ["[skills]\n", "A", "B", "=", "{", "}", "requires", "frequency", "'A'", "1", "\n"],
    ".graphml": ["<graphml>", "<graph>", A, B, AB, FREQUENCY, "</graph>", "</graphml>", "<node>",
                 '<data key="f">', "1", "</data>", "</node>", '<node id="C">', "<default>", "&x;"],
    ".json": ["{", "}", "[", "]", '"nodes"', '"edges"', ":", ",", '"id"', "1", "null", '{"id":1}'],
}  # fmt: skip


@one_file
@given(st.sampled_from(SUFFIXES), st.data())
def test_any_text_in_a_file_is_a_graph_or_an_error(tmp_path, suffix, data):
    words = st.lists(st.sampled_from(pieces[suffix]) | st.text(max_size=3), max_size=20)
    raw = data.draw(words.map(lambda w: "".join(w).encode("utf-8", "replace")) | st.binary())
    path = tmp_path / f"fuzz{suffix}"
    path.write_bytes(raw)
    try:
        load_graph(path)
    except InputError as error:
        assert "fuzz" in str(error)
        assert "\n" not in str(error)


@one_file
@given(st.sampled_from(SUFFIXES), st.data())
def test_a_damaged_file_is_a_graph_or_an_error(tmp_path, suffix, data):
    path = tmp_path / f"fuzz{suffix}"
    save_graph(make_graph("one-of-two"), path)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=5))
    path.write_bytes(raw)
    try:
        load_graph(path)
    except InputError as error:
        assert "\n" not in str(error)
