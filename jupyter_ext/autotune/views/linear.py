"""Linear constraints written as text, so that ``inputs/linear_text.py`` reads the same constraint again."""

import re
from collections.abc import Collection, Iterable
from decimal import Decimal

from autotune_wire.constraints import LinearConstraint

QUOTES = "\"'`"


def linear_text(constraint: LinearConstraint, names: Collection[str]) -> str:
    """Write a linear constraint on one line, such as ``a + 2*b <= 1``, with numbers in full.

    Names stay without quotes if every covariate has a name of letters, digits and ``_``, which nobody can take for
    anything else.

    Args:
        constraint: The constraint.
        names: The names of all covariates of the experiment.
    """
    is_plain = all(re.fullmatch(r"[^\W\d]\w*", name) for name in names)
    terms = []
    for name, weight in constraint.weights.items():
        factor = "" if abs(weight) == 1 else f"{number_in_full(abs(weight), names)}*"
        terms.append(f"{'-' if weight < 0 else '+'} {factor}{name if is_plain else quoted(name, names)}")
    first, *others = terms
    first = first.removeprefix("+ ").replace("- ", "-", first.startswith("- "))
    sign = "-" if constraint.bound < 0 else ""
    return f"{' '.join([first, *others])} {constraint.relation} {sign}{number_in_full(abs(constraint.bound), names)}"


def quoted(name: str, names: Iterable[str]) -> str:
    """Write a covariate's name in quotes: if possible in a kind that no covariate's name holds."""
    quote = next((quote for quote in QUOTES if not any(quote in other for other in names)), QUOTES[0])
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"


def number_in_full(value: float, names: Collection[str]) -> str:
    """Write a number, which is not negative, with all its digits, and so that no covariate's name is read in it."""
    text = repr(value).removesuffix(".0")
    if "e" in text and any(name.strip()[0] in "eE" for name in names):
        text = f"{Decimal(text):f}"
    like_numbers = [name.strip() for name in names if re.search(r"\d", name)]
    while any(stands_at(signed, 0, name) for name in like_numbers for signed in (text, f"-{text}")):
        text = f"0{text}"
    return text


def stands_at(text: str, start: int, name: str) -> bool:
    """Return whether a name stands at a place of a text, and does not end within a word."""
    following = text[start + len(name) :]
    return text.startswith(name, start) and re.match(r"\w{2}", name[-1] + following[:1]) is None
