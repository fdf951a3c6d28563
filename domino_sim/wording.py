"""How values and places are written in messages."""

from __future__ import annotations

import json
import re
from reprlib import Repr

__all__ = ["key_path", "quoted", "reason_of", "shown"]

#: Shortest first: a message is one line.
SHORT = Repr()
SHORT.maxlevel, SHORT.maxdict, SHORT.maxlist, SHORT.maxtuple = 2, 3, 4, 4
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 60


def shown(value: object) -> str:
    """Return a short `repr` of any value: of long, deep and huge ones, a part.

    Examples
    --------
    >>> shown("summ"), shown([1, 2, 3, 4, 5])
    ("'summ'", '[1, 2, 3, 4, ...]')
    """
    try:
        return SHORT.repr(value)
    except ValueError:  # Python does not write integers of more than 4300 digits
        return f"an integer of {value.bit_length()} bits" if isinstance(value, int) else "a value"
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"


def quoted(text: str) -> str:
    """Return `text` as a basic string of TOML, in double quotes.

    Examples
    --------
    >>> print(quoted('the "KL" term'))
    "the \\"KL\\" term"
    """
    # JSON escapes what TOML wants escaped, but for the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key_path(*keys: object) -> str:
    """Return the dotted path of keys, each quoted as in TOML if it is not a bare word.

    Examples
    --------
    >>> print(key_path("skills", "KL divergence", "requires"))
    skills."KL divergence".requires
    """
    words = (str(key) for key in keys)
    return ".".join(w if re.fullmatch(r"[A-Za-z0-9_-]+", w) else quoted(w) for w in words)


def reason_of(error: Exception) -> str:
    """Return why something failed: the system's words for it, without path or number.

    Examples
    --------
    >>> reason_of(FileNotFoundError(2, "No such file or directory", "a.toml"))
    'No such file or directory'
    """
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
