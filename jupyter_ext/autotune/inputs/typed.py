"""Numbers that a user types as a text, some of which Python would read as something else, or as another number."""

import ast
import re

from autotune.errors import InvalidInputError
from autotune_wire.numerals import either, number_of, readings_of

_WITH_COMMA = re.compile(r"[+-]?[\d.,'_]*,[\d.,'_]*(?:[eE][+-]?\d+)?")


def typed_number(word: str) -> float | None:
    """Read a number with a comma, such as ``0,93``.

    Returns:
        The number; None for everything else, which is left to Python.

    Raises:
        InvalidInputError: If the word may stand for two numbers, as ``1,050`` may, or looks like a number and is none,
            such as ``4_5``, which Python reads as 45, or ``50%``.
    """
    if word.endswith("%") and readings_of(word[:-1].strip()):
        raise InvalidInputError(f"{word} is not a number; write it without %, in the unit of the response")
    if _WITH_COMMA.fullmatch(word):
        readings = readings_of(word)
        if len(readings) > 1:
            raise InvalidInputError(f"{word} {either(word)}: write one of these")
        if not readings:
            raise InvalidInputError(f"{word} is not a number; write a decimal point or a decimal comma, as in 0.93")
        return readings.pop()
    if number_of(word, ".") is None and _is_python_number(word):
        raise InvalidInputError(f"{word} is not written as a number; write a decimal point, as in 0.93")
    return None


def _is_python_number(word: str) -> bool:
    try:
        value = ast.literal_eval(word)
    except (SyntaxError, ValueError):
        return False
    return isinstance(value, int | float | complex) and not isinstance(value, bool)
