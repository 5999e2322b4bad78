"""Names that a user gives: all that they hold must be seen."""

import unicodedata
from collections.abc import Iterable, Mapping

from autotune_wire.problems import FieldProblem
from autotune_wire.space import CatCovariate, Covariate

_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Unicode's embeddings, overrides and isolates (UAX 9)."""


def name_problems(space: Mapping[str, Covariate], others: Mapping[str, str]) -> list[FieldProblem]:
    """Say which names would change how a table or a log line is shown around them.

    Args:
        space: Its covariates and their options are looked at.
        others: Further names, by their fields.
    """
    fields = [*others.items(), *_names_of(space)]
    return [FieldProblem(field=field, message=says) for field, name in fields if (says := _unseen(name))]


def _names_of(space: Mapping[str, Covariate]) -> Iterable[tuple[str, str]]:
    for name, covariate in space.items():
        yield f"covars.{name}", name
        if isinstance(covariate, CatCovariate):
            yield from ((f"covars.{name}.options.{i}", str(option)) for i, option in enumerate(covariate.options))


def _unseen(name: str) -> str | None:
    unseen = next((one for one in name if unicodedata.category(one) == "Cc" or one in _REORDERING), None)
    return None if unseen is None else f"holds U+{ord(unseen):04X}, which changes how the text around it is shown"
