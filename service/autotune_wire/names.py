"""Checks that the names which users choose hold no character that changes how the text around them is shown."""

import unicodedata
from collections.abc import Mapping

from autotune_wire.problems import FieldProblem
from autotune_wire.space import CatCovariate, Covariate

_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Unicode's embeddings, overrides and isolates (UAX 9), which change the direction of the text around them."""


def name_problems(space: Mapping[str, Covariate], others: Mapping[str, str]) -> list[FieldProblem]:
    """List the names that would change how a table or a log line is shown around them.

    Args:
        space: The covariates; their names, their units and the options of `cat` covariates are checked.
        others: Further names to check, by their fields.
    """
    fields = list(others.items())
    for name, covariate in space.items():
        fields.append((f"covars.{name}", name))
        fields.append((f"covars.{name}.unit", covariate.unit or ""))
        if isinstance(covariate, CatCovariate):
            fields += [(f"covars.{name}.options.{i}", str(option)) for i, option in enumerate(covariate.options)]
    return [FieldProblem(field=field, message=message) for field, name in fields if (message := _hidden_in(name))]


def _hidden_in(name: str) -> str | None:
    hidden = (character for character in name if unicodedata.category(character) == "Cc" or character in _REORDERING)
    found = next(hidden, None)
    return None if found is None else f"holds U+{ord(found):04X}, which changes how the text around it is shown"
