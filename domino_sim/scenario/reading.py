"""From the tables of a file to a checked object: overridden, validated, in our own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from domino_sim.errors import ScenarioError
from domino_sim.scenario.fields import Table
from domino_sim.scenario.messages import scenario_error
from domino_sim.scenario.overrides import override, plain

T = TypeVar("T", bound=Table)


def read_tables(
    kind: type[T], data: Mapping[str, Any], where: str, overrides: Mapping[str, Any] | None
) -> T:
    """Return `data` as a `kind`, with `overrides` (new values by key path) put in.

    Raises
    ------
    ScenarioError
        What is wrong first, with the file `where` and the key path.
    """
    try:
        given = plain(data)
        if not isinstance(given, dict):
            name = kind.__name__.lower()
            raise ScenarioError("is not a table", expected=f"the tables of a {name}")
        return kind.model_validate(override(given, overrides) if overrides else given)
    except ScenarioError as error:
        raise (error.at(where) if where else error) from None
    except ValidationError as error:
        raise scenario_error(error, where) from None
    except RecursionError:
        raise ScenarioError("is nested too deeply", where=where) from None
