"""One thread for linear algebra where matrices are small.

The products of a fit are of a few hundred rows. Handed to several threads they take longer, and on
a busy machine, where those threads wait for each other, several times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]

P = ParamSpec("P")
R = TypeVar("R")


def one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function do its linear algebra in one thread, whatever is set outside.

    Examples
    --------
    >>> one_thread(sum)([1, 2])
    3
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


@cache
def _controller() -> ThreadpoolController:
    """Look for the libraries once; NumPy and SciPy must be loaded by then."""
    import scipy.linalg  # noqa: F401  it brings a library of its own

    return ThreadpoolController()
