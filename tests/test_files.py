"""Files: a write is all or nothing, a read is a value or a FileError, names find bundled files."""

from __future__ import annotations

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.errors import FileError, ScenarioError
from domino_sim.files import (
    atomic_write,
    find_bundled,
    list_bundled,
    read_json,
    read_text,
    read_toml,
    resolve,
)
from domino_sim.parsing import parse_json, parse_toml


def test_a_write_replaces_the_old_content_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    for data in ("old", b"new", lambda temporary: temporary.write_text("é")):
        atomic_write(path, data)
    assert path.read_text(encoding="utf-8") == "é"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, OSError, SystemExit])
def test_an_interrupted_write_leaves_the_old_content(tmp_path, interruption):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half(temporary):
        temporary.write_text("ne")
        raise interruption("stop")

    with pytest.raises(BaseException, match="stop"):
        atomic_write(path, half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    atomic_write(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode
    os.chmod(tmp_path / "a.txt", 0o640)
    atomic_write(tmp_path / "a.txt", "y")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_link_is_followed_not_replaced(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    atomic_write(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_what_cannot_be_written_is_a_file_error(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for name in (".", "missing/a.txt", "nul\0.txt", "loop"):
        with pytest.raises(FileError):
            atomic_write(tmp_path / name, "x")
    with pytest.raises(FileError, match="has no UTF-8 form"):
        atomic_write(tmp_path / "a.txt", "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]


def test_a_byte_order_mark_is_dropped(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfsteps = 1")
    assert read_toml(tmp_path / "a.toml") == {"steps": 1}


def test_what_cannot_be_read_is_a_file_error(tmp_path):
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    cases = {
        tmp_path: "is a directory",
        tmp_path / "missing": "no such file",
        tmp_path / "latin.txt": r"not UTF-8 text \(byte 0\)",
        tmp_path / "latin.txt" / "below": "cannot be read",
        "nul\0": "cannot be read",
    }
    for path, message in cases.items():
        with pytest.raises(FileError, match=message):
            read_text(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb =", r"f: not valid TOML: Invalid value \(at the end, line 2\)"),
        ("a = 1\nb = ?", r"at line 2, column 5"),
        ("a = 1\na = 2", "given twice"),
        ("[a]\n[a]", "given twice"),
        ("a = {b = 1, b = 2}", "given twice"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a = " + "9" * 5000, "not valid TOML"),
        ("a = 2020-13-45", "not valid TOML"),
    ],
)
def test_toml_that_is_not_valid_is_refused_with_its_place(text, message):
    with pytest.raises(ScenarioError, match=message):
        parse_toml(text, "f", error=ScenarioError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1 column 2"),
        ('{"a": 1, "a": 2}', "the key 'a' is given twice"),
        ("[" * 200_000, "nested too deeply"),
        ("9" * 5000, "not valid JSON"),
        ("", "not valid JSON"),
    ],
)
def test_json_that_is_not_valid_is_refused_with_its_place(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FileError, match=message):
        read_json(tmp_path / "a.json")


@given(st.text(max_size=60))
def test_any_text_is_a_table_or_an_error(text):
    for parse in (parse_toml, parse_json):
        try:
            parse(text, "f")
        except FileError as error:
            assert "\n" not in str(error)


def test_bundled_files_are_found_by_name():
    assert {"two-pairs", "chain-of-three", "one-of-two"} <= list_bundled("graphs").keys()
    assert find_bundled("graphs", "two-pairs").is_file()
    with pytest.raises(FileError, match=r"no bundled graph is named 'two-pair'.*'two-pairs'\?"):
        find_bundled("graphs", "two-pair")


def test_a_path_wins_over_a_bundled_name_and_is_relative_to_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "two-pairs").write_text("")
    (tmp_path / "sub" / "mine.toml").write_text("")
    assert resolve("graphs", "two-pairs") == find_bundled("graphs", "two-pairs")
    assert resolve("graphs", "two-pairs", tmp_path / "sub") == tmp_path / "sub" / "two-pairs"
    assert resolve("graphs", "mine.toml", tmp_path / "sub").samefile("sub/mine.toml")
    assert resolve("graphs", "sub/mine.toml").samefile("sub/mine.toml")
    assert resolve("graphs", tmp_path / "sub" / "mine.toml", tmp_path).samefile("sub/mine.toml")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two-pairs.toml", "no such file.*did you mean 'two-pairs'"),
        ("no/where", "no such file"),
        ("", "no such file"),
        ("sub/", "is a directory"),
        ("nul\0.toml", "not a usable path|no such file"),
        ("x" * 5000, "not a usable path"),
    ],
)
def test_what_names_no_file_is_refused(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(FileError, match=message):
        resolve("graphs", name)
