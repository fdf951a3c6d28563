"""Gates: what an expression means, how it is written, and what is refused."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domino_sim.errors import GateError
from domino_sim.gates import Gate, all_of, parse_gate

NAMES = ("A", "B", "C", "and", "KL divergence", 'say "hi"', "it's", "back\\slash", "概念", "12")

#: Names as anyone may give them: any printable text.
names = st.one_of(
    st.sampled_from(NAMES),
    st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=8).filter(
        str.isprintable
    ),
)


def quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


#: A gate as nested data: a name, or (k, operands).
trees = st.recursive(
    names,
    lambda inner: st.lists(inner, min_size=1, max_size=4).flatmap(
        lambda operands: st.tuples(st.integers(1, len(operands)), st.just(operands))
    ),
    max_leaves=12,
)


def text_of(tree) -> str:
    if isinstance(tree, str):
        return quoted(tree)
    k, operands = tree
    return f"{k} of ({', '.join(map(text_of, operands))})"


def leaves(tree) -> list[str]:
    return [tree] if isinstance(tree, str) else [n for t in tree[1] for n in leaves(t)]


def is_true(tree, mastered) -> bool:
    if isinstance(tree, str):
        return tree in mastered
    return sum(is_true(t, mastered) for t in tree[1]) >= tree[0]


@given(trees, st.sets(st.sampled_from(NAMES)))
def test_a_gate_is_open_exactly_when_at_least_k_of_its_operands_are(tree, mastered):
    assert parse_gate(text_of(tree)).is_open(mastered) == is_true(tree, mastered)


@given(trees)
def test_the_text_of_a_gate_parses_back_to_an_equal_gate(tree):
    gate = parse_gate(text_of(tree))
    again = parse_gate(str(gate))
    assert again == gate
    assert hash(again) == hash(gate)
    assert str(again) == str(gate)
    assert gate.names == tuple(dict.fromkeys(leaves(tree)))


@given(trees, st.data())
def test_a_gate_opens_at_the_first_instant_at_which_enough_is_mastered(tree, data):
    gate = parse_gate(text_of(tree))
    instants = st.floats(0, 10) | st.just(math.inf)
    times = {name: data.draw(instants) for name in gate.names}
    opening = gate.opening(times)

    def is_open_at(t: float) -> bool:
        return gate.is_open(lambda name: times[name] <= t < math.inf)

    if opening < math.inf:
        assert is_open_at(opening)
        assert not is_open_at(math.nextafter(opening, -1))
    else:
        assert not is_open_at(1e300)


@given(trees, st.data())
def test_a_soft_gate_agrees_with_the_hard_one_at_zero_and_one(tree, data):
    gate = parse_gate(text_of(tree))
    mastered = {name for name in gate.names if data.draw(st.booleans())}
    soft = gate.soft({name: float(name in mastered) for name in gate.names})
    assert soft == float(gate.is_open(mastered))


@given(trees, st.data())
def test_to_learn_more_never_closes_a_soft_gate(tree, data):
    gate = parse_gate(text_of(tree))
    part = st.floats(0, 1)
    low = {name: data.draw(part) for name in gate.names}
    high = {name: max(value, data.draw(part)) for name, value in low.items()}
    assert 0 <= gate.soft(low) <= gate.soft(high) <= 1


def test_soft_and_multiplies_in_written_order():
    values = {"A": 0.1, "B": 0.7, "C": 0.3}
    assert parse_gate("C and A and B").soft(values) == (0.3 * 0.1) * 0.7
    assert parse_gate("A or B or C").soft(values) == 0.7
    assert parse_gate("2 of (A, B, C)").soft(values) == 0.7 * 0.3


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("A", "A"),
        ("((A))", "A"),
        ("A and B or C", "A and B or C"),
        ("A and (B or C)", "A and (B or C)"),
        ("(A and B) and C", "A and B and C"),
        ("A or (B or C)", "A or B or C"),
        ("2 of (A, B)", "A and B"),
        ("1 of (A, B)", "A or B"),
        ("1 of (A)", "A"),
        ("2 of (A, B, C and D)", "2 of (A, B, C and D)"),
        ("02 of(A,B,C)", "2 of (A, B, C)"),
        ("2 of (1, 2, 3)", "2 of (1, 2, 3)"),
        (" 2d_conv\nand\t'KL divergence' ", "2d_conv and 'KL divergence'"),
        ("'and' or \"of\"", "'and' or 'of'"),
        (r"'it\'s' and \"a\"".replace('\\"', '"'), '"it\'s" and a'),
        (r"'a\\b'", r"'a\\b'"),
        ("'NOT'", "'NOT'"),
        ("ΔE and 概念", "ΔE and 概念"),
    ],
)
def test_the_canonical_text_has_the_fewest_brackets_and_quotes(text, canonical):
    assert str(parse_gate(text)) == canonical


def test_and_or_and_k_of_are_one_primitive():
    assert parse_gate("A and B and C").program == ("A", "B", "C", (3, 3))
    assert parse_gate("A or B").program == ("A", "B", (1, 2))
    assert parse_gate("2 of (A, B, C)").program == ("A", "B", "C", (2, 3))


def test_all_of_is_the_and_of_its_names():
    assert all_of(["A"]) == parse_gate("A")
    assert all_of(["A", "B", "C"]) == parse_gate("A and B and C")
    with pytest.raises(GateError, match="no names"):
        all_of([])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f: k: is empty; expected a gate expression"),
        ("  ", "is empty"),
        ("A and", r"column 6: found the end; expected a skill name, '\(' or 'k of"),
        ("A B", r"column 3: found 'B'; expected 'and', 'or', the end \(a name that is not one"),
        ("A AND B", "column 3: found 'AND'.*did you mean 'and'?"),
        ("OR", "did you mean 'or'?"),
        ("not A", "column 1: found 'not'; expected a monotone gate of and, or, k of"),
        ("A & B", "found '&'; expected a monotone gate"),
        ("A xor B", "found 'xor'; expected a monotone gate"),
        ("A == B", "found '=='; expected a monotone gate"),
        ("A or !B", "found '!'; expected a monotone gate"),
        ("A ? B", r"column 3: found '\?', which only a quoted name may hold"),
        ("(A", "column 3: found the end; expected 'and', 'or', '\\)' for column 1"),
        ("A)", r"column 2: found '\)'"),
        ("()", r"column 2: found '\)'"),
        ("A, B", "column 2: found ','"),
        ("(A, B)", "column 3: found ','"),
        ("2 of A", r"column 6: found 'A'; expected '\(' after 'of'"),
        ("2 of", r"found the end; expected '\(' after 'of'"),
        ("2 of 3 of (A)", r"expected '\(' after 'of'"),
        ("2 of (A,)", r"found '\)'"),
        ("4 of (A, B)", "column 1: 4 of 2; expected a count from 1 to 2"),
        ("0 of (A)", "0 of 1; expected a count from 1 to 1"),
        ("9" * 5000 + " of (A)", "expected a count from 1 to 1"),
        ("A of B", "found 'of'"),
        ("'A", "column 1: found a quote ' that is never closed"),
        ("A and ''", "column 8: the quoted name '' is empty or not printable"),
        ("'a\nb'", "not printable"),
        (r"'a\n'", "column 3: found '.*' in a quoted name; expected a backslash only"),
        (5, "f: k: is 5; expected a text"),
        (None, "is None; expected a text"),
    ],
)
def test_what_is_not_a_gate_is_refused_with_its_column(text, message):
    with pytest.raises(GateError, match=message):
        parse_gate(text, where="f: k")


def test_depth_is_limited_by_memory_only():
    depth = 100_000
    assert parse_gate("(" * depth + "A" + ")" * depth) == parse_gate("A")
    deep = parse_gate("A and (B or (" * 20_000 + "A" + "))" * 20_000)
    assert parse_gate(str(deep)) == deep
    assert hash(deep) == hash(parse_gate(str(deep)))
    assert deep.names == ("A", "B")
    assert deep.is_open({"A"})
    assert deep.soft({"A": 0.5, "B": 1.0}) == 0.5
    assert deep.opening({"A": 1.0, "B": 0.5}) == 1.0


pieces = st.sampled_from(["A", "B", "and", "or", "of", "2", "(", ")", ",", "'", '"', "\\", " "])


@given(st.one_of(st.text(max_size=30), st.lists(pieces, max_size=15).map(" ".join)))
@example("A and \ud800")
@example("²of(A)")
def test_any_text_is_a_gate_or_a_gate_error(text):
    try:
        gate = parse_gate(text)
    except GateError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(gate, Gate)
        assert parse_gate(str(gate)) == gate


def test_every_short_row_of_tokens_is_a_gate_or_a_gate_error():
    for row in itertools.product(["A", "and", "of", "1", "(", ")", ","], repeat=4):
        try:
            parse_gate(" ".join(row))
        except GateError:
            continue
