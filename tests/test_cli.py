"""The command line: what it writes, what it says, and how it ends."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim import __version__
from domino_sim.cli import main
from domino_sim.cli.output import check_folder, staged
from domino_sim.errors import FileError, RunError
from domino_sim.result import load_result

RUN_FILES = ["figure.png", "result.nc", "summary.json"]

SAYS_WHEN_IT_RUNS = """
import sys
from domino_sim.cli import main, run
simulate_job = run.simulate_job
def told(job):
    print("running", flush=True)
    return simulate_job(job)
run.simulate_job = told
main(sys.argv[1:])
"""

SMALL = 'title = "Small"\nsteps = 500\n[skills]\nA = {}\nB = { requires = "A" }\n'


def cli(*args: object) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(arg) for arg in args])
    code = ended.value.code
    return code if isinstance(code, int) else 0, out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank_figures: None
) -> Iterator[None]:
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# What a run leaves


def test_a_run_writes_figure_netcdf_and_summary_and_says_where() -> None:
    code, out, err = cli("run", "two-pairs", "--engine", "clock")
    folder = Path("results/two-pairs")
    assert (code, err) == (0, "")
    assert names_in(folder) == RUN_FILES
    for name in RUN_FILES:
        assert str(folder / name) in out
    for words in ("T7", "opened", "mastered", "share", "All of 7 skills mastered"):
        assert words in out
    assert load_result(folder / "result.nc").attrs["engine"] == "clock"


def test_events_is_the_engine_one_gets(small: Path) -> None:
    assert cli("run", small)[0] == 0
    assert json.loads(Path("results/small/summary.json").read_text())["engine"] == "events"


def test_the_scenario_kept_in_the_result_runs_again_to_the_same_summary(small: Path) -> None:
    cli("run", small, "--engine", "clock", "--set", "skills.B.frequency=3", "--out", "first")
    Path("again.toml").write_text(load_result("first/result.nc").attrs["scenario"])
    cli("run", "again.toml", "--engine", "clock", "--out", "second")
    assert Path("first/summary.json").read_text() == Path("second/summary.json").read_text()


def test_json_is_all_there_is_on_standard_output(small: Path) -> None:
    code, out, _ = cli("run", small, "--engine", "clock", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(Path("results/small/summary.json").read_text())


def test_overrides_change_the_run(small: Path) -> None:
    _, out, _ = cli("run", small, "--engine", "clock", "--set", "steps=7", "--json")
    assert json.loads(out)["steps"] == 7


def test_several_scenarios_have_a_folder_each_also_when_named_alike(small: Path) -> None:
    Path("other").mkdir()
    twin = Path("other/small.toml")
    twin.write_text(SMALL)
    code, out, _ = cli("run", small, twin, "fig17-1", "--engine", "clock", "--out", "o", "--json")
    assert code == 0
    assert names_in(Path("o")) == ["fig17-1", "small", "small-2"]
    assert list(json.loads(out)) == ["small", "small-2", "fig17-1"]


def test_other_files_in_the_folder_are_left_alone(small: Path) -> None:
    Path("o").mkdir()
    Path("o/notes.txt").write_text("mine")
    Path("o/summary.json").write_text("old")
    assert cli("run", small, "--engine", "clock", "--out", "o")[0] == 0
    assert names_in(Path("o")) == sorted(["notes.txt", *RUN_FILES])
    assert Path("o/notes.txt").read_text() == "mine"
    assert Path("o/summary.json").read_text() != "old"


def test_long_tables_are_cut() -> None:
    code, out, _ = cli("run", "layered-1000", "--engine", "clock", "--set", "record.points=5")
    assert code == 0
    assert "… and 960 more (all are in summary.json)" in out
    assert out.count("\n") < 70


def test_names_are_not_read_as_markup(tmp_path: Path) -> None:
    Path("odd.toml").write_text('title = "[red]x"\nsteps = 5\n[skills]\n"[bold]KL[/]" = {}\n')
    code, out, _ = cli("run", "odd.toml", "--engine", "clock")
    assert code == 0
    assert "[bold]KL[/]" in out
    assert "[red]x" in out


# The other commands


def test_a_comparison_has_one_figure_one_table_and_a_result_for_each_run() -> None:
    args = ("compare", "fig9-serial", "fig9-parallel", "--engine", "clock", "--out", "c")
    code, out, _ = cli(*args)
    assert code == 0
    files = ["fig9-parallel.nc", "fig9-serial.nc", "figure.png", "summary.json"]
    assert names_in(Path("c")) == files
    assert "fig9-serial" in out and "fig9-parallel" in out and "s10" in out
    _, out, _ = cli(*args, "--json")
    assert json.loads(out) == json.loads(Path("c/summary.json").read_text())


def test_many_compared_runs_are_rows(small: Path) -> None:
    code, out, _ = cli("compare", *[small] * 6, "--engine", "clock", "--set", "record.points=2")
    assert code == 0
    assert "small-6" in out and "2 of 2" in out


def test_one_scenario_is_nothing_to_compare(small: Path) -> None:
    code, _, err = cli("compare", small)
    assert code == 2
    assert "two or more" in err


def test_list_names_what_is_bundled() -> None:
    code, out, _ = cli("list", "--json")
    bundle = json.loads(out)
    assert code == 0
    assert {"name": "two-pairs", "title": bundle["graphs"][2]["title"]} in bundle["graphs"]
    table = cli("list")[1]
    for entry in (*bundle["scenarios"], *bundle["graphs"]):
        assert entry["title"]
        assert entry["name"] in table


def test_show_tells_generations_gates_and_frequencies_and_draws_the_graph() -> None:
    code, out, _ = cli("show", "fig17-3")
    assert code == 0
    assert "T3 or T4" in out and "3 generations" in out and "0.01" in out
    assert names_in(Path("results/fig17-3")) == ["graph.png"]


def test_show_takes_graphs_too(tmp_path: Path) -> None:
    Path("g.json").write_text(
        '{"directed": true, "nodes": [{"id": "A"}, {"id": "B"}],'
        ' "edges": [{"source": "A", "target": "B"}]}'
    )
    for name in ("chain-of-three", "g.json"):
        code, out, err = cli("show", name, "--out", "o")
        assert (code, err) == (0, "")
        assert "generation" in out


def test_the_schema_accepts_the_bundled_demo() -> None:
    code, out, _ = cli("schema")
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(out))
    assert cli("schema", "--out", "s.json")[0] == 0
    assert Path("s.json").read_text() == out


def test_the_version_and_the_module_entry() -> None:
    assert cli("--version")[:2] == (0, f"domino-sim {__version__}\n")
    command = [sys.executable, "-m", "domino_sim", "--version"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert __version__ in out


# Refusals

REFUSED = [
    (["run"], "Missing argument"),
    (["run", "two-pair"], "did you mean 'two-pairs'?"),
    (["run", "missing.toml"], "missing.toml"),
    (["run", "two-pairs", "--engine", "evnts"], "did you mean 'events'?"),
    (["run", "two-pairs", "--set", "pool.lawx=1"], "did you mean 'pool.law'?"),
    (["run", "two-pairs", "--set", "pool.law=summ"], "did you mean 'sum'?"),
    (["run", "two-pairs", "--set", "steps"], "KEY=VALUE"),
    (["run", "two-pairs", "fig17-1", "no-such-thing"], "no-such-thing"),
    (["run", "two-pairs", "--out", "file"], "is not a folder"),
    (["run", "two-pairs", "--out", "file/below"], "is not a folder"),
    (["run", "two-pairs", "--out", "a\0b"], "null byte"),
    (["run", "two-pairs", "--out", "x" * 300], "not a path"),
    (["run", "two-pairs", "--out", "taken"], "is a folder"),
    (["run", "two-pairs", "--frobnicate"], "No such option"),
    (["rnu", "two-pairs"], "No such command"),
    (["show", "two-pear"], "did you mean 'two-pairs'?"),
    (["show", "file"], "file"),
    (["show", "."], "."),
    (["show", ""], "no scenario or graph"),
    (["schema", "--out", "taken"], "is a directory"),
]


@pytest.mark.parametrize(("args", "words"), REFUSED, ids=lambda v: " ".join(v)[:40])
def test_what_cannot_be_done_is_refused_in_one_line_and_nothing_is_written(
    args: list[str], words: str
) -> None:
    Path("file").write_text("not TOML [")
    Path("taken/summary.json").mkdir(parents=True)
    code, out, err = cli(*args)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert err.count("\n") == 1
    assert names_in(Path()) == ["file", "taken"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(small: Path) -> None:
    Path("locked").mkdir(mode=0o500)
    code, _, err = cli("run", small, "--out", "locked/o")
    assert (code, "not writable" in err) == (2, True)


def test_without_a_command_there_is_help() -> None:
    code, out, err = cli()
    assert "Usage" in out + err
    assert code == 2


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["run", "show", "compare"]),
    st.lists(st.text(max_size=20), max_size=2),
    st.lists(st.text(max_size=20).map(lambda s: f"--set={s}"), max_size=1),
)
def test_any_argument_ends_in_a_refusal_of_one_line(
    command: str, names: list[str], sets: list[str]
) -> None:
    # "--" keeps names that look like options what they are.
    options = [] if command == "show" else sets
    code, out, err = cli(command, *options, "--", *names)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert names_in(Path()) == []


# Failures


def test_of_several_runs_one_that_fails_is_reported_and_the_others_go_on(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from domino_sim.cli import run

    simulate = run.simulate_job

    def fails_on_small(job):  # type: ignore[no-untyped-def]
        if job.label == "small":
            raise RunError("the pool ran dry at step 3")
        return simulate(job)

    monkeypatch.setattr(run, "simulate_job", fails_on_small)
    code, out, err = cli("run", small, "fig17-1", "--engine", "clock")
    assert code == 1
    assert err == "error: small: the pool ran dry at step 3\n"
    assert names_in(Path("results")) == ["fig17-1"]
    code, out, err = cli("run", small, "--out", "o")
    assert (code, out, err) == (1, "", "error: the pool ran dry at step 3\n")
    assert not Path("o").exists()


def test_a_full_disk_is_one_line_and_leaves_the_old_result(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import xarray as xr

    cli("run", small, "--engine", "clock", "--out", "o")
    before = {name: Path("o", name).read_bytes() for name in RUN_FILES}

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    for folder in ("o", "new/deep"):
        code, _, err = cli("run", small, "--engine", "clock", "--out", folder)
        assert (code, err.count("\n")) == (1, 1)
        assert err.startswith(f"error: {folder}: ")
        assert "No space left" in err
    assert {name: Path("o", name).read_bytes() for name in RUN_FILES} == before
    assert names_in(Path()) == ["o", "small.toml"]


def test_an_interrupted_run_leaves_the_old_result(small: Path) -> None:
    cli("run", small, "--engine", "clock", "--out", "o")
    before = {name: Path("o", name).read_bytes() for name in RUN_FILES}
    endless = ["--engine", "euler", "--set", "steps=1000000000", "--set", "record.points=2"]
    command = [sys.executable, "-c", SAYS_WHEN_IT_RUNS, "run", str(small), "--out", "o", *endless]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Both at once, to wait once.
    signals = (signal.SIGINT, signal.SIGTERM)
    processes = [subprocess.Popen(command, **pipes) for _ in signals]  # type: ignore[call-overload]
    try:
        for process, number in zip(processes, signals, strict=True):
            assert process.stdout.readline() == "running\n"
            time.sleep(0.2)
            process.send_signal(number)
            _, err = process.communicate(timeout=20)
            assert process.returncode == 128 + number
            assert err.count("\n") <= 1
    finally:
        for process in processes:  # they would run for days
            process.kill()
    assert {name: Path("o", name).read_bytes() for name in RUN_FILES} == before
    assert names_in(Path()) == ["o", "small.toml"]


def test_an_interruption_while_files_move_waits_until_all_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace = os.replace

    def interrupted(*args: object) -> None:
        signal.raise_signal(signal.SIGINT)
        replace(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), staged(Path("o")) as folder:
        (folder / "a").write_text("a")
        (folder / "b").write_text("b")
    assert names_in(Path("o")) == ["a", "b"]
    assert names_in(Path()) == ["o"]


def test_an_interruption_before_that_leaves_nothing() -> None:
    with pytest.raises(KeyboardInterrupt), staged(Path("new/deep/o")) as folder:
        (folder / "a").write_text("a")
        raise KeyboardInterrupt
    assert names_in(Path()) == []


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m domino_sim schema | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""


def test_a_folder_in_which_nothing_can_be_made_is_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_folder(tmp_path / "new" / "one", ["a"])
    assert not list(tmp_path.iterdir())

    def refuse(**_: object) -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)  # as in /proc
    with pytest.raises(FileError, match="new/one: cannot be written: No such file"):
        check_folder(tmp_path / "new" / "one", ["a"])
