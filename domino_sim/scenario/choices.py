"""Keys that hold one of two kinds of value, such as `graph`: its name or a family."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from domino_sim.scenario.fields import Count, NonNegative, Seed, Text
from domino_sim.scenario.tables import Correlation, Family, FrequencyLaw

#: By key: the tags of its kinds, which pydantic puts into the key path, and what they are.
CHOICES = {
    "graph": (("name", "family"), "the name or path of a graph, or {family = …}"),
    "frequencies": (("law", "table"), "{law = …} or a table of frequencies by name"),
    "correlation": (("file", "random"), "{n_dim = …} or the path of a matrix"),
    "seeds": (("count", "list"), "how many seeds, or a list of them"),
    "model": (
        ("geometry", "parity", "powers", "addition"),
        "a table with kind = 'geometry' or 'mlp'",
    ),
}


def _kind_of_graph(value: Any) -> str:
    return "family" if isinstance(value, dict | Family) else "name"


def _kind_of_frequencies(value: Any) -> str:
    # A skill may be called "law": then its frequency, a number, stands under that key.
    is_law = isinstance(value, dict) and isinstance(value.get("law"), str)
    return "law" if is_law or isinstance(value, FrequencyLaw) else "table"


def _kind_of_correlation(value: Any) -> str:
    return "random" if isinstance(value, dict | Correlation) else "file"


def _kind_of_seeds(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "count"


Graph = Annotated[
    Annotated[Text, Tag("name")] | Annotated[Family, Tag("family")],
    Discriminator(_kind_of_graph),
]
Frequencies = Annotated[
    Annotated[FrequencyLaw, Tag("law")] | Annotated[dict[str, NonNegative], Tag("table")],
    Discriminator(_kind_of_frequencies),
]
Correlated = Annotated[
    Annotated[Text, Tag("file")] | Annotated[Correlation, Tag("random")],
    Discriminator(_kind_of_correlation),
]
Seeds = Annotated[
    Annotated[Count, Tag("count")] | Annotated[tuple[Seed, ...], Tag("list")],
    Discriminator(_kind_of_seeds),
]
