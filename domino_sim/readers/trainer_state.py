"""``trainer_state.json`` of Hugging Face trainers: the log of a training."""

from __future__ import annotations

from domino_sim.errors import FileError
from domino_sim.parsing import parse_json
from domino_sim.readers.jsonl import table_of_rows
from domino_sim.readers.table import Table
from domino_sim.wording import shown

__all__ = ["read_trainer_state"]

EXPECTED = "a trainer_state.json: an object with log_history, a list of objects"


def read_trainer_state(text: str, file: str) -> Table:
    """Return the log as a wide table: a row for each entry, a column for each key.

    Raises
    ------
    FileError
        If it is not such a file.

    Examples
    --------
    >>> table = read_trainer_state('{"log_history": [{"step": 5, "eval_copy_loss": 0.1}]}', "t")
    >>> table.place(0, "eval_copy_loss")
    't: log_history entry 1: eval_copy_loss'
    """
    state = parse_json(text, file)
    if not isinstance(state, dict) or "log_history" not in state:
        raise FileError("has no log_history", where=file, expected=EXPECTED)
    entries = state["log_history"]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        where = f"{file}: log_history"
        raise FileError(f"is {shown(entries)}", where=where, expected="a list of objects")
    if not entries:
        raise FileError("is empty", where=f"{file}: log_history", expected="one entry or more")
    return table_of_rows(entries, file, "log_history entry", range(1, len(entries) + 1))
