"""``domino-sim modularity``: what it writes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import cli, in_a_folder_of_its_own  # noqa: F401

from domino_sim.cli.modularity_report import MODULARITY_FILES
from domino_sim.netcdf import load_dataset

SIMULATED = [file for file in MODULARITY_FILES if file != "trained.png"]


def test_one_page_answers() -> None:
    code, out, err = cli(
        "modularity", "--skills", 5, "--n-dim", 200, "--exponent", 2, "--lr", 3e-3, "--out", "there"
    )
    assert (code, err) == (0, "")
    places = [
        out.index(words)
        for words in (
            "Regime: √n, bent by the step size", "Told by: ", "Best split: a module each, × 1.",
            " with the step-size floor)",
            "Best mixture: ", "a module each     ", "time: the step at which",
            "Steps at which skills are mastered",
            "to the power of … (n = 2 to 5)", "Skills in the wrong module", "loses to no split",
            "note: components: the same as", "there/modularity.json", "there/wrong.png",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert max(map(len, out.splitlines())) <= 100
    assert sorted(path.name for path in Path("there").iterdir()) == sorted(SIMULATED)


def test_json_is_what_the_file_holds_and_the_dataset_lies_beside() -> None:
    code, out, _ = cli("modularity", "modular-pair", "--quick", "--json", "--out", "there")
    assert code == 0
    found = json.loads(out)
    assert found == json.loads(Path("there/modularity.json").read_text("utf-8"))
    assert found["regime"]["name"] == "dependencies" and "scaling" not in found
    ds = load_dataset("there/modularity.nc", needs=["loss"], file="it", kind="it")
    assert [way["way"] for way in found["ways"]] == ds.way.values.tolist()


def test_partitions_shares_and_overrides_are_taken() -> None:
    Path("mine.toml").write_text('[modules]\nx = ["s1", "s2"]\ny = ["s3", "s4"]\n', "utf-8")
    code, out, err = cli(
        "modularity", "--skills", 4, "--n-dim", 100, "--law", "domino", "--set", "pool.lr=0.001",
        "--partition", "mine.toml", "--partition", "each", "--shares", "frequency", "--quick",
        "--budget", 7, "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [way["way"] for way in found["ways"][3:]] == ["mine", "a module each"]
    assert found["budget"] == 7 and found["shares"] == "frequency"
    assert found["ways"][3]["skills"][0]["share"] == pytest.approx(0.72)


def test_what_is_never_mastered_is_named_and_drawn() -> None:
    skills = "\n".join(f"{name} = {{}}" for name in "acd") + "\nb = { frequency = 0.0 }\n"
    Path("mine.toml").write_text(f"[pool]\nlaw = 'norm'\n[skills]\n{skills}", "utf-8")
    code, out, err = cli("modularity", "mine.toml", "--partition", "each", "--out", "there")
    assert (code, err) == (0, "") and "Never mastered: 'b';" in out
    assert "Best" not in out and "never      –" in out
    assert Path("there/times.png").exists() and not Path("there/wrong.png").exists()


def test_a_partition_file_that_is_none_is_named() -> None:
    Path("mine.toml").write_text('[modules]\nx = ["s1", "s2"]\ny = ["s2"]\n', "utf-8")
    code, _, err = cli("modularity", "--skills", 2, "--n-dim", 9, "--partition", "mine.toml")
    assert code == 2 and "mine.toml: modules: 's2' is in the module 'y' and in 'x'" in err


def test_help_names_the_table_of_a_partition_file() -> None:
    code, out, _ = cli("modularity", "--help")
    assert code == 0 and "[modules]" in out


def test_gradient_runs_of_every_way_are_in_it() -> None:
    code, out, err = cli(
        "modularity", "--skills", 3, "--n-dim", 200, "--partition", "each", "--quick", "--lr", 4e-3,
        "--train", 2,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "Gradient runs: 2 seeds of signgd" in out and "2 of 2" in out
    assert "done: seeds that mastered all within " in out
    assert Path("results/modularity-3-skills/trained.png").exists()


def test_a_run_file_is_trained() -> None:
    code, out, err = cli("modularity", "square-nonmodular", "--train", 2, "--set", "steps=30")
    assert (code, err) == (0, "")
    assert "Gradient runs: 2 seeds of adam" in out and "Regime" not in out
    names = {path.name for path in Path("results/modularity-square-nonmodular").iterdir()}
    assert names == {"modularity.json", "modularity.nc", "trained.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "neither a scenario nor --skills; expected one of them"),
        (["fig17-1", "--skills", "3"], "a scenario and --skills"),
        (["--skills", "3"], "--n-dim: is missing"),
        (["--n-dim", "3"], "--skills: is missing"),
        (["fig17-1", "--partition", "eech"], "--partition: unknown partition 'eech'"),
        (["fig17-1", "--shares", "even"], "--shares: unknown rule 'even'"),
        (["fig17-1", "--modules", "1"], "--modules: 1 modules of 3 skills; expected from 2 to 3"),
        (["fig17-1", "--budget", "-2"], "--budget: is -2.0; expected a step"),
        (["fig17-1", "--train", "1"], "--train: the pool has no lr and n_dim"),
        (["--skills", "9", "--n-dim", "8"], "9 modules share 8 parameters"),
        (["--skills", "2", "--n-dim", "8", "--law", "nrom"], "did you mean 'norm'"),
        (["curriculum"], "interventions"),
        (["nothing"], "no bundled scenario is named 'nothing'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    arguments: list[str], message: str
) -> None:
    code, out, err = cli("modularity", *arguments)
    assert code == 2 and message in err and err.count("\n") == 1 and out == ""
    assert not Path("results").exists()
