"""Recording a training of one's own: what is logged, what is refused, and what a crash leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim.curves import load_curves
from domino_sim.errors import ArgumentError, FileError
from domino_sim.record import Recorder

MIXTURE = {"copy": 0.9, "reverse": 0.1}

number = st.floats(allow_infinity=False, max_value=1.5) | st.just(float("nan"))
tables = st.dictionaries(st.sampled_from(["A", "B b", "γ"]), number, max_size=3)
frequencies = st.dictionaries(st.sampled_from(["A", "γ"]), st.floats(0, 9), max_size=2)
logs = st.lists(st.tuples(st.integers(0, 9), tables, tables, frequencies), max_size=6).map(
    lambda rows: sorted({row[0]: row for row in rows}.values(), key=lambda row: row[0])
)


FOREIGN = [b"[0.5, 0.3]", b"losses: 0.5", b"\x00\x01\x02", b'{"loss": 0.5', b'{"run": "a"}\nmore']


@pytest.mark.parametrize("content", FOREIGN)
def test_a_file_of_something_else_is_refused_and_kept(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "losses.json"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"losses\.json: line \d"):
        Recorder("a", path=path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "wrong", [{"skills": "abc"}, {"skills": 5}, {"path": 3}, {"mixture": 0}], ids=str
)
def test_an_argument_of_another_kind_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"^{next(iter(wrong))}: is "):
        Recorder(**wrong)


def filled(recorder: Recorder, last: int = 30) -> Recorder:
    for step in range(0, last + 1, 10):
        recorder.log(step, losses={"copy": 1 / (1 + step), "reverse": 1.0})
    return recorder


def test_two_lines_in_a_loop_make_learning_curves() -> None:
    recorder = Recorder("seed 0", mixture=MIXTURE)
    for step in range(0, 100, 10):
        recorder.log(step, losses={"copy": 1 / (1 + step), "reverse": 1.0})
    curves = recorder.curves()
    assert curves.loss.dims == ("run", "step", "skill")
    assert curves.loss.sel(run="seed 0", step=90, skill="copy") == 1 / 91
    assert curves.frequency.sel(run="seed 0", skill="reverse") == 0.1
    assert "level" not in curves


def test_losses_and_levels_may_be_logged_together_or_one_after_the_other() -> None:
    one, two = Recorder(), Recorder()
    one.log(5, losses={"A": 0.5}, levels={"A": 0.2})
    two.log(5, levels={"A": 0.2})
    two.log(5, losses={"A": 0.5})
    xr.testing.assert_identical(one.curves(), two.curves())


def test_skills_may_come_later_and_values_may_be_missing() -> None:
    recorder = Recorder(mixture={"A": 1.0})
    recorder.log(0, levels={"A": 0.1})
    recorder.log(1, levels={"B": 0.2})
    recorder.log(2, levels={"A": None, "B": float("nan")})
    np.testing.assert_array_equal(
        recorder.curves().level[0], [[0.1, np.nan], [np.nan, 0.2], [np.nan, np.nan]]
    )
    np.testing.assert_array_equal(recorder.curves().frequency, [[1.0, np.nan]])


def test_a_loss_that_diverged_is_missing_not_an_end_of_the_training() -> None:
    recorder = Recorder()
    recorder.log(0, losses={"A": np.float32("inf"), "B": 10**400})
    assert np.isnan(recorder.curves().loss).all()


def test_numbers_of_every_kind_are_taken() -> None:
    values = {"a": 1, "b": Fraction(1, 2), "c": np.float32(0.25), "d": np.array([[0.125]])}
    recorder = Recorder()
    recorder.log(np.int64(3), losses=values)
    assert recorder.curves().loss.values.ravel().tolist() == [1.0, 0.5, 0.25, 0.125]


def test_tensors_are_taken_with_their_graph_and_without_a_warning() -> None:
    torch = pytest.importorskip("torch")
    weight = torch.ones(1, requires_grad=True)
    recorder = Recorder()
    recorder.log(torch.tensor(7), losses={"A": (weight * 0.5).sum(), "B": weight})
    assert recorder.curves().loss.sel(step=7).values.tolist() == [[0.5, 1.0]]


def test_declared_skills_are_in_the_curves_also_if_never_logged() -> None:
    recorder = Recorder(skills=["A", "B"], mixture={"B": 1.0})
    recorder.log(0, levels={"B": 0.5})
    assert recorder.skills == ("A", "B")
    np.testing.assert_array_equal(recorder.curves().level[0], [[np.nan, 0.5]])


def test_nothing_logged_makes_curves_without_steps() -> None:
    assert Recorder(mixture=MIXTURE).curves().sizes == {"run": 1, "step": 0, "skill": 2}


@pytest.mark.parametrize(
    ("step", "given", "message"),
    [
        (10, {}, "step 10: nothing to log; expected losses, levels or mixture"),
        (29, {"losses": {"copy": 1.0}}, r"step 29: goes back: step 30 is logged already; .*rewind"),
        (30, {"losses": {"copy": 1.0}}, "step 30: losses.copy: is logged already"),
        (-1, {"losses": {}}, "step: is -1; expected an integer from 0"),
        (1.5, {"losses": {}}, "step: is 1.5; expected an integer"),
        (True, {"losses": {}}, "step: is True"),
        (40, {"losses": 0.5}, "step 40: losses: is 0.5; expected numbers by skill"),
        (40, {"losses": {"copy": "low"}}, "step 40: losses.copy: is 'low'; expected a number"),
        (40, {"losses": {"copy": np.ones(2)}}, r"is ndarray of shape \(2,\); expected one number"),
        (40, {"losses": {"copy": True}}, "losses.copy: is True; expected a number"),
        (40, {"losses": {"copi": 0.5}}, "unknown skill 'copi'; .* did you mean 'copy'"),
        (40, {"levels": {"copy": 87.5}}, "levels.copy: is 87.5; expected a level, 1 when all"),
        (40, {"mixture": {"copy": -0.5}}, "mixture.copy: is -0.5; expected a finite number ≥ 0"),
        (40, {"mixture": {"copy": None}}, "mixture.copy: is None"),
    ],
)
def test_what_cannot_be_logged_is_named_and_nothing_of_it_is_kept(
    step: object, given: dict[str, object], message: str, tmp_path: Path
) -> None:
    recorder = filled(Recorder(skills=["copy", "reverse"], path=tmp_path / "r.jsonl"))
    before = recorder.curves()
    with pytest.raises(ArgumentError, match=message):
        recorder.log(step, **given)  # type: ignore[arg-type]
    xr.testing.assert_identical(recorder.curves(), before)
    again = Recorder(skills=["copy", "reverse"], path=tmp_path / "r.jsonl")
    xr.testing.assert_identical(again.curves(), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"run": ""}, "runs: the name '' is no name"),
        ({"skills": ["A", "A"]}, "skills: two skills are named 'A'"),
        ({"skills": ["A"], "mixture": {"B": 1.0}}, "mixture: unknown skill 'B'"),
        ({"mixture": {"A": np.nan}}, "mixture.A: is nan; expected a finite number"),
    ],
)
def test_a_recorder_that_cannot_be_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Recorder(**arguments)  # type: ignore[arg-type]


def test_a_change_of_the_mixture_is_kept_step_by_step() -> None:
    recorder = Recorder(mixture={"A": 0.9, "B": 0.1})
    recorder.log(0, levels={"A": 0.0, "B": 0.0})
    recorder.log(10, levels={"A": 0.5, "B": 0.1}, mixture={"A": 0.0})
    recorder.log(15, mixture={"A": 0.2})
    recorder.log(20, levels={"A": 0.5, "B": 0.2})
    curves = recorder.curves()
    np.testing.assert_array_equal(curves.frequency, [[np.nan, 0.1]])
    assert curves.frequency_at.sel(skill="A").values.tolist() == [[0.9, 0.0, 0.2, 0.2]]
    assert curves.frequency_at.sel(skill="B").values.tolist() == [[0.1, 0.1, 0.1, 0.1]]


def test_a_mixture_that_is_said_again_has_not_changed() -> None:
    recorder = Recorder(mixture=MIXTURE)
    recorder.log(0, levels={"copy": 0.0})
    recorder.log(10, levels={"copy": 0.5}, mixture=MIXTURE)
    assert recorder.curves().frequency.values.tolist() == [[0.9, 0.1]]
    assert "frequency_at" not in recorder.curves()


def test_a_mixture_that_is_known_from_the_first_step_on_is_that_of_the_run() -> None:
    recorder = Recorder()
    recorder.log(100, levels={"copy": 0.0}, mixture=MIXTURE)
    recorder.log(200, levels={"copy": 0.1})
    assert recorder.curves().frequency.values.tolist() == [[0.9, 0.1]]


@given(logs)
@settings(max_examples=40)
def test_a_journal_gives_back_all_that_was_logged(rows: list) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl"
        recorder = Recorder("r 1", mixture={"γ": 1.0}, path=path)
        for step, losses, levels, mixture in rows:
            recorder.log(step, losses, levels, mixture=mixture)
        again = Recorder("r 1", mixture={"γ": 1.0}, path=path)
        xr.testing.assert_identical(again.curves(), recorder.curves())
        assert (again.step, again.skills) == (recorder.step, recorder.skills)


def test_a_journal_is_a_tidy_table_of_strict_json(tmp_path: Path) -> None:
    recorder = Recorder("seed 0", mixture={"copy": 0.5}, path=tmp_path / "r.jsonl")
    recorder.log(10, losses={"copy": 2, "KL 数": float("inf")}, levels={"copy": 0.5})
    lines = (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line, parse_constant=pytest.fail) for line in lines] == [
        {"run": "seed 0", "skill": "copy", "frequency": 0.5},
        {"run": "seed 0", "step": 10, "skill": "copy", "loss": 2.0, "level": 0.5},
        {"run": "seed 0", "step": 10, "skill": "KL 数", "loss": None},
    ]


def test_a_journal_is_continued_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    filled(Recorder("seed 0", mixture=MIXTURE, path=path))
    again = Recorder("seed 0", path=path)
    assert again.step == 30
    again.log(40, losses={"copy": 0.0})
    assert Recorder("seed 0", path=path).curves().step.values.tolist() == [0, 10, 20, 30, 40]


def test_a_training_that_goes_on_from_a_checkpoint_logs_its_steps_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    straight = filled(Recorder(mixture=MIXTURE))
    dead = Recorder(mixture=MIXTURE, path=path)
    filled(dead, last=20).log(20, mixture={"copy": 0.0})
    resumed = Recorder(mixture=MIXTURE, path=path)
    resumed.rewind(20)
    assert resumed.step == 10
    for step in (20, 30):
        resumed.log(step, losses={"copy": 1 / (1 + step), "reverse": 1.0})
    for recorder in (resumed, Recorder(path=path)):
        xr.testing.assert_identical(recorder.curves(), straight.curves())


def test_a_killed_training_loses_nothing_but_the_line_in_writing(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    code = (
        "import itertools, sys\n"
        "from domino_sim.record import Recorder\n"
        f"recorder = Recorder('r', mixture={{'A': 1.0}}, path={str(path)!r})\n"
        "for step in itertools.count():\n"
        "    recorder.log(step, losses={'A': step, 'B': -step})\n"
        "    print(step, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as training:
        assert training.stdout is not None
        told = [next(training.stdout) for _ in range(500)]
        os.kill(training.pid, signal.SIGKILL)
        told += list(training.stdout)
    whole = [int(line) for line in told if line.endswith(b"\n")]
    recorder = Recorder("r", mixture={"A": 1.0}, path=path)
    loss = recorder.curves().loss[0]
    assert len(loss) - len(whole) in (0, 1)
    np.testing.assert_array_equal(loss.sel(skill="B")[: len(whole)], -np.array(whole))
    recorder.log(len(loss), losses={"A": 0.0})


@given(st.integers(0, 400))
@settings(max_examples=40)
def test_wherever_a_crash_cuts_the_journal_the_whole_lines_are_kept(cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl"
        recorder = Recorder("数", mixture=MIXTURE, path=path)
        filled(recorder)
        raw = path.read_bytes()
        path.write_bytes(raw[:cut])
        # A line that lacks nothing but its end is whole too.
        whole = raw[: cut + 1].count(b"\n")
        again = Recorder("数", mixture=MIXTURE, path=path)
        lines = path.read_bytes().splitlines()
        assert lines[: max(whole, 2)] == raw.splitlines()[: max(whole, 2)]
        assert again.curves().frequency.values.tolist() == [[0.9, 0.1]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "r.jsonl: line 2: not valid JSON"),
        ("[1]", r"line 2: is \[1\]; expected an object of run, step, skill"),
        ('{"run": "r", "step": 1}', "line 2: skill: is missing; expected a name"),
        ('{"run": "r", "skill": "A", "loss": 1}', "line 2: step: is None; expected an integer"),
        ('{"run": "r", "step": 1, "skill": "A", "los": 1}', "key 'los'.* did you mean 'loss'"),
        ('{"run": "r", "step": 5, "skill": "A", "loss": 1}', "line 2: .*A: is logged already"),
        ('{"run": "r", "step": 4, "skill": "A", "loss": 1}', "line 2: step 4: goes back"),
        ('{"run": "r", "step": 6, "skill": "A", "loss": "x"}', "losses.A: is 'x'; expected a num"),
        ('{"run": "s", "step": 6, "skill": "A", "loss": 1}', "holds the run 's'; expected 'r'"),
    ],
)
def test_a_journal_that_cannot_be_continued_is_refused_with_its_line(
    line: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "r.jsonl"
    first = '{"run": "r", "step": 5, "skill": "A", "loss": 1}'
    path.write_text(f"{first}\n{line}\n", encoding="utf-8")
    with pytest.raises((FileError, ArgumentError), match=message):
        Recorder("r", path=path)
    assert path.read_text(encoding="utf-8") == f"{first}\n{line}\n"


def test_a_journal_of_another_mixture_is_refused(tmp_path: Path) -> None:
    filled(Recorder(mixture=MIXTURE, path=tmp_path / "r.jsonl"))
    for other in ({"copy": 0.8, "reverse": 0.2}, {"copy": 0.9}, {**MIXTURE, "add": 0.1}):
        with pytest.raises(ArgumentError, match="mixture: is not the mixture with which"):
            Recorder(mixture=other, path=tmp_path / "r.jsonl")


def test_two_recorders_do_not_write_one_file(tmp_path: Path) -> None:
    one, two = Recorder(path=tmp_path / "r.jsonl"), Recorder(path=tmp_path / "r.jsonl")
    one.log(0, losses={"A": 1.0})
    with pytest.raises(FileError, match=r"changed by something else .*; expected one re"):
        two.log(0, losses={"A": 1.0})
    assert len(Recorder(path=tmp_path / "r.jsonl").curves().step) == 1


def test_a_place_that_cannot_be_written_is_known_before_the_training(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "r.jsonl", tmp_path, tmp_path / "nul\0"):
        with pytest.raises(FileError):
            Recorder(path=path)


def test_a_full_disk_leaves_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    path = tmp_path / "r.jsonl"
    code = (
        "import resource, signal\n"
        "from domino_sim.errors import FileError\n"
        "from domino_sim.record import Recorder\n"
        f"recorder = Recorder(path={str(path)!r})\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        "recorder.log(0, losses={'A': 1.0})\n"
        "try:\n"
        "    recorder.log(1, losses={'A': 2.0})\n"
        "except FileError as error:\n"
        "    print(error)\n"
        "assert recorder.step == 0\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "recorder.log(2, losses={'A': 3.0})\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "r.jsonl: cannot be written: " in out.stdout
    assert Recorder(path=path).curves().loss.values.ravel().tolist() == [1.0, 3.0]


def test_the_training_may_change_its_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorder = Recorder(path="r.jsonl")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recorder.log(0, losses={"A": 1.0})
    assert (tmp_path / "r.jsonl").stat().st_size > 0


def test_saved_curves_are_those_that_were_recorded(tmp_path: Path) -> None:
    recorder = filled(Recorder(mixture=MIXTURE))
    recorder.save(tmp_path / "curves.nc")
    xr.testing.assert_identical(load_curves(tmp_path / "curves.nc"), recorder.curves())
