"""Names of series, such as ``eval_copy_loss``: which skill they are of, and what they measure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from domino_sim.errors import FileError
from domino_sim.readers.options import SKIP, Options
from domino_sim.readers.tidy import KNOWN_METRICS
from domino_sim.wording import shown

__all__ = ["Series", "understand"]

#: What trainers log beside the skills.
BOOKKEEPING = re.compile(
    r"(.*[/_.])?(epoch|lr|learning_rate|grad_norm|runtime|timestamp|total_flos|wall_time|time"
    r"|\w+_per_second|gpu_\w+|memory\w*)(/\w+)?|train_\w+|hp_metric|_\w+",
    re.IGNORECASE,
)

#: What stands before the name of a skill where held-out data are evaluated.
PREFIX = re.compile(r"(eval|evaluation|val|valid|validation|test)[_/.]", re.IGNORECASE)

#: The name of a metric at the end; the longest first.
SUFFIX = re.compile(
    rf"(.+)[_/. -]({'|'.join(sorted(KNOWN_METRICS, key=len, reverse=True))})", re.IGNORECASE
)


@dataclass
class Series:
    """Skill and kind of each series that is taken, and the names of those that are not."""

    of: dict[str, tuple[str, str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def understand(
    names: Iterable[str], options: Options, *, file: str, default: str | None, prefixed: bool
) -> Series:
    """Return the skill and kind of each series.

    Parameters
    ----------
    names
        Of the series.
    options
        Of the user: `tags` come first; `kind` is for series whose name does not tell.
    file
        For messages.
    default
        The kind without `kind`; None: a series whose name does not tell is refused.
    prefixed
        Whether ``eval_`` and the like before a name are not part of the skill's.

    Raises
    ------
    FileError
        If the kind of a series is not known, or two are the same thing.

    Examples
    --------
    >>> names = ["epoch", "loss", "eval_copy_loss", "eval_copy_accuracy"]
    >>> found = understand(names, Options(), file="a", default=None, prefixed=True)
    >>> found.of["eval_copy_loss"], found.left_out
    (('copy', 'loss'), ['epoch'])
    """
    found = Series()
    only = any(kind != SKIP for _, kind in options.tags)
    for name in names:
        skill, kind = _by_tag(name, options)
        if kind is None and not only and not BOOKKEEPING.fullmatch(name):
            skill, kind = _by_name(name, prefixed)
            kind = kind or options.kind or default
            if kind is None:
                raise FileError(
                    f"{shown(name)} may be levels, accuracies or losses",
                    where=file,
                    expected=f"to be told: --tag '{re.escape(name)}=level' (accuracy, percent, "
                    "loss, perplexity, skip), or --kind for all whose name does not tell",
                )
        if kind is None or kind == SKIP:
            found.left_out.append(name)
            continue
        twin = next((other for other, of in found.of.items() if of == (skill, kind)), None)
        if twin is not None:
            raise FileError(
                f"{shown(twin)} and {shown(name)} are both the {kind} of {shown(skill)}",
                where=file,
                expected=f"one of them: --tag '{re.escape(twin)}=skip'",
            )
        found.of[name] = (skill, kind)
    return found


def _by_tag(name: str, options: Options) -> tuple[str, str | None]:
    """Return skill and kind by the first pattern that matches; its first group is the skill."""
    for pattern, kind in options.tags:
        match = pattern.fullmatch(name)
        if match:
            return (match.group(1) or name) if pattern.groups else name, kind
    return name, None


def _by_name(name: str, prefixed: bool) -> tuple[str, str | None]:
    plain = name.casefold()
    if plain in KNOWN_METRICS:
        return name, KNOWN_METRICS[plain]
    inner = PREFIX.sub("", name, count=1) if prefixed and PREFIX.match(name) else name
    if inner.casefold() in KNOWN_METRICS:
        return name, KNOWN_METRICS[inner.casefold()]  # eval_loss: of no skill in particular
    match = SUFFIX.fullmatch(inner)
    if match:
        return match[1], KNOWN_METRICS[match[2].casefold()]
    return inner, None
