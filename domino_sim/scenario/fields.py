"""What every table of a scenario file is made of: strict numbers, and no unknown keys."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from domino_sim.errors import nearest_name

#: No number of a scenario may be larger: its square, summed over a million skills, stays finite.
MOST = 1e100

#: The largest integer that TOML and NumPy hold.
MOST_INT = 2**63 - 1

#: The last step a run may have: a float counts up to there without a gap.
MOST_STEP = 10**15


def refuse(
    what: str, expected: str = "", nearest: str | None = None, at: tuple[str | int, ...] = ()
) -> NoReturn:
    """Refuse a value from within a validator; `at` is the key path below the value's own."""
    raise PydanticCustomError(
        "refused", "{what}", {"what": what, "expected": expected, "nearest": nearest, "at": at}
    )


def whole(value: Any) -> Any:
    """Return a float that is a whole number as an int, all else as it is."""
    # `1e5` is a float in TOML, yet means a whole number; JSON Schema sees it the same way.
    if type(value) is float and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    return value


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NonNegative = Annotated[Number, Field(ge=0, le=MOST)]
Positive = Annotated[Number, Field(gt=0, le=MOST)]
Level = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[int, Field(strict=True, ge=1, le=MOST_INT), BeforeValidator(whole)]
Seed = Annotated[int, Field(strict=True, ge=0, le=MOST_INT), BeforeValidator(whole)]
Step = Annotated[int, Field(strict=True, ge=0, le=MOST_STEP), BeforeValidator(whole)]
Text = Annotated[str, Field(strict=True)]


class Table(BaseModel):
    """A table of a scenario file: immutable, each key known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", field_title_generator=lambda name, _: name
    )

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, data: Any) -> Any:
        if isinstance(data, dict) and cls.model_config["extra"] == "forbid":
            for key in data:
                if key not in cls.model_fields:
                    refuse(
                        "unknown key",
                        expected="one of " + ", ".join(cls.model_fields),
                        nearest=nearest_name(key, cls.model_fields),
                        at=(key,),
                    )
        return data

    def was_given(self, key: str) -> bool:
        """Return whether the file (not a default) set `key`."""
        return key in self.model_fields_set and getattr(self, key) is not None

    def _default(self, key: str, value: Any) -> None:
        """Fill in a default that depends on other keys; the key still counts as not given."""
        self.__dict__[key] = value
