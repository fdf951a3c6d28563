"""What the tables of a perceptron run alone cannot tell, checked. Needs no Torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from domino_sim.errors import ScenarioError
from domino_sim.gradient.mlp_layout import (
    SKILL_KEYS,
    blocks_of,
    pair_counts,
    sample_counts,
    skill_bits,
)
from domino_sim.gradient.mlp_tables import MOST_UNITS, Addition, Mlp, Parity, Powers
from domino_sim.scenario.places import Place
from domino_sim.wording import shown

if TYPE_CHECKING:
    from domino_sim.gradient.run import Member, Run

__all__ = ["check_mlp", "check_skill_keys"]


def check_mlp(run: Run) -> None:
    """Refuse what the tables of a run of kind "mlp" alone cannot tell.

    Raises
    ------
    ScenarioError
        With the file and the key path.
    """
    model, place = run.model, Place(run.where)
    assert isinstance(model, Mlp)
    _check_loss(run, model, place)
    for size, path in _batch_sizes(run):
        _check_batch(model, size, place.of(*path))
    if isinstance(model, Parity):
        if model.samples is None and run.batch_size is None:
            raise ScenarioError(
                "this key is missing",
                where=place.of("batch_size"),
                expected="batch_size, or a data set of model.samples",
            )
        skill_bits(run)
    else:
        _check_own_keys(run, model, place)
    if isinstance(model, Powers):
        for member in run.members()[:: len(run.seed_list())]:  # one a mixture
            _check_counts(run, member, model.samples, place)
    if isinstance(model, Addition):
        pair_counts(run)
    blocks_of(run)


def check_skill_keys(run: Run) -> None:
    """Refuse keys of skills that the run's model or task does not use.

    Raises
    ------
    ScenarioError
    """
    task = run.model.task if isinstance(run.model, Mlp) else None
    used = SKILL_KEYS[task][0] if task else None
    for name, skill in run.skills.items():
        for key, _ in SKILL_KEYS.values():
            if key != used and getattr(skill, key) is not None:
                raise ScenarioError(
                    f"{key} is given with {'task' if task else 'kind'} = {task or 'geometry'!r}",
                    where=Place(run.where).of("skills", name, key),
                    expected=used or "frequency or requires",
                )


def _check_loss(run: Run, model: Mlp, place: Place) -> None:
    wanted = {"powers": "mse", "addition": "ce"}.get(model.task, run.loss)
    if run.loss != wanted:
        raise ScenarioError(
            f"{run.loss!r} with task = {model.task!r}",
            where=place.of("loss"),
            expected=repr(wanted),
        )
    if run.loss == "ce" and model.was_given("targets"):
        raise ScenarioError(
            "targets is given with loss = 'ce'",
            where=place.of("model", "targets"),
            expected="loss = 'mse', or no targets",
        )


def _batch_sizes(run: Run) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """Yield every batch size of the run, and its key path."""
    if run.batch_size is not None:
        yield run.batch_size, ("batch_size",)
    for i, intervention in enumerate(run.interventions):
        if "batch_size" in intervention.set:
            size = int(intervention.set["batch_size"])
            yield size, ("interventions", i, "set", "batch_size")


def _check_batch(model: Mlp, size: int, where: str) -> None:
    if not isinstance(model, Parity):
        raise ScenarioError(
            f"batches with task = {model.task!r}",
            where=where,
            expected="no batch_size: each step uses all samples",
        )
    most = model.samples or MOST_UNITS
    if size > most:
        of = f" of {most} samples" if model.samples else ""
        raise ScenarioError(f"a batch of {size}{of}", where=where, expected=f"at most {most}")


def _check_own_keys(run: Run, model: Mlp, place: Place) -> None:
    """Each skill of `powers` and `addition` has its key, and is composed of no other."""
    key, expected = SKILL_KEYS[model.task]
    for name in run.names:
        if getattr(run.skills.get(name), key, None) is None:
            raise ScenarioError(
                "this key is missing", where=place.of("skills", name, key), expected=expected
            )
        if run.skill_graph().pred[name]:
            raise ScenarioError(
                f"{shown(name)} is composed of other skills",
                where=place.of("skills", name, "requires"),
                expected="task = 'parity' for that",
            )


def _check_counts(run: Run, member: Member, samples: int, place: Place) -> None:
    counts = sample_counts(member.frequencies, samples)
    for name, p, count in zip(run.names, member.frequencies, counts, strict=True):
        if p and not count:
            given = member.mixture and name in run.mixtures[member.mixture]
            path = ("mixtures", member.mixture, name) if given else ("skills", name, "frequency")
            raise ScenarioError(
                f"a frequency of {p:g} is none of {samples} samples",
                where=place.of(*path),
                expected="more model.samples, a higher frequency, or 0",
            )
