"""Checks that the names which users choose hold no character that changes how the text around them is shown."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from autotune_wire.problems import MAX_PROBLEMS, FieldProblem
from autotune_wire.space import CatCovariate, Covariate

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and Unicode's embeddings, overrides and isolates (UAX 9), which change the direction of text."""


def name_problems(space: Mapping[str, Covariate], others: Mapping[str, str]) -> list[FieldProblem]:
    """List the first names that would change how a table or a log line is shown around them.

    Args:
        space: The covariates; their names, their units, and the options of `cat` covariates with their descriptors are
            checked.
        others: Further names to check, by their fields.
    """
    return list(islice(_problems(space, others), MAX_PROBLEMS))


def _problems(space: Mapping[str, Covariate], others: Mapping[str, str]) -> Iterator[FieldProblem]:
    for field, name in others.items():
        yield from _hidden_in(name, field)
    for name, covariate in space.items():
        field = f"covars.{name}"
        yield from _hidden_in(name, field)
        yield from _hidden_in(covariate.unit or "", f"{field}.unit")
        if isinstance(covariate, CatCovariate):
            for i, option in enumerate(covariate.options):
                if isinstance(option, str) and _HIDDEN.search(option):
                    yield from _hidden_in(option, f"{field}.options.{i}")
            for descriptor in covariate.descriptor_names:
                yield from _hidden_in(descriptor, f"{field}.descriptors")


def _hidden_in(name: str, field: str) -> Iterator[FieldProblem]:
    found = _HIDDEN.search(name)
    if found is not None:
        message = f"holds U+{ord(found[0]):04X}, which changes how the text around it is shown"
        yield FieldProblem(field=field, message=message)
