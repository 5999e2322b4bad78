"""The cells of a table of runs: numbers, options, and what stands for a value that is not there."""

import math
import sys
from collections.abc import Mapping
from typing import Any

from autotune_wire.base import Value
from autotune_wire.numerals import DecimalSign, number_of, readings_of
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate, listed

_NOTHING = frozenset(
    {
        "", "nan", "n/a", "na", "n.a.", "<na>", "#n/a", "#na", "#nv", "null", "none", "nat",
        "-", "--", "\N{EN DASH}", "\N{EM DASH}",
    }
)  # fmt: skip
_TRUTHS = {"true": True, "false": False}


class CellError(ValueError):
    """A cell cannot be read; the message says what the cell must be."""


def is_nothing(cell: Any) -> bool:
    """Return whether a cell says that there is no value: an empty cell, NaN, or a text such as ``N/A`` or a dash."""
    if isinstance(cell, str):
        return cell.strip().casefold() in _NOTHING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


class Options:
    """The options of a covariate, found by what a spreadsheet or pandas may have made of them.

    Options that are texts are found by their text. A number stands for the option that is written as this number
    (``128`` or ``128.0`` for ``"128"``), and a truth value for the option that is written as this word (``True`` or
    ``TRUE`` for ``"true"``), unless several options are.
    """

    def __init__(self, covariate: CatCovariate) -> None:
        self._are_texts = isinstance(covariate.options[0], str)
        self._exact: dict[Value, Value] = {option: option for option in covariate.options}
        self._stripped: dict[str, list[Value]] = {}
        self._by_number: dict[float, list[Value]] = {}
        self._by_truth: dict[bool, list[Value]] = {}
        for option in covariate.options:
            if isinstance(option, str):
                self._add(option)

    def _add(self, option: str) -> None:
        bare = option.strip()
        self._stripped.setdefault(bare, []).append(option)
        # Whoever wrote the option may have meant either sign: "1,5" is 1.5, and "1,050" may be 1.05 or 1050.
        for number in readings_of(bare):
            self._by_number.setdefault(number, []).append(option)
        if bare.casefold() in _TRUTHS:
            self._by_truth.setdefault(_TRUTHS[bare.casefold()], []).append(option)

    def of(self, value: Any, sign: DecimalSign = ".") -> Value | None:
        """Return the option that a value stands for, None if there is no such option.

        Args:
            value: A text, a number or a truth value.
            sign: The decimal sign of numbers that come as texts.

        Raises:
            CellError: If the value stands for several options.
        """
        if isinstance(value, bool):
            return _single(self._by_truth.get(value, []), value)
        if isinstance(value, str):
            return self._of_text(value, sign)
        if not isinstance(value, int | float):
            return None
        return _single(self._by_number.get(value, []), value) if self._are_texts else self._exact.get(value)

    def _of_text(self, text: str, sign: DecimalSign) -> Value | None:
        bare = text.strip()
        if not self._are_texts:
            number = number_of(bare, sign)
            return None if number is None else self._exact.get(number)
        if text in self._exact:
            return text
        if bare in self._stripped:
            return _single(self._stripped[bare], text)
        if bare.casefold() in _TRUTHS:
            return _single(self._by_truth.get(_TRUTHS[bare.casefold()], []), text)
        number = number_of(bare, sign)
        if number is None:  # what Python made of an option has a point in every table, as in 128.0
            number = number_of(bare, ".")
        if number is None or number not in self._by_number:
            return None
        met = [option for reading in (number, *readings_of(bare)) for option in self._by_number.get(reading, [])]
        return _single(list(dict.fromkeys(met)), text)


def with_options(covars: Mapping[str, Any], space: Mapping[str, Covariate]) -> dict[str, Any]:
    """Replace values that pandas made of options, such as the number 128, by these options; see ``Options``.

    Raises:
        CellError: If a value stands for several options, or a truth value for none; the message begins with the
            covariate.
    """
    found = dict(covars)
    for name, value in covars.items():
        covariate = space.get(name)
        if isinstance(covariate, CatCovariate) and not isinstance(value, str):
            try:
                option = Options(covariate).of(value)
            except CellError as error:
                raise CellError(f"{name} {error}") from None
            if option is None and isinstance(value, bool):
                raise CellError(f"{name} must be one of {listed(covariate.options)}")
            found[name] = value if option is None else option
    return found


def value_of(covariate: Covariate, options: Options | None, cell: Any, sign: DecimalSign) -> Any:
    """Read a cell of a covariate; None if the cell says that there is no value.

    An option that the covariate does not have is returned as it is, for the check against the space to refuse.

    Args:
        covariate: The covariate of the column.
        options: Its options, None for a number.
        cell: A text, or a value of pandas made plain.
        sign: The decimal sign of numbers that come as texts.

    Raises:
        CellError: If the cell cannot be a value of this kind.
    """
    if options is not None:
        # An option may be called NA: it is looked up before the cell is taken to say that there is no value.
        option = options.of(cell, sign)
        if option is not None or is_nothing(cell):
            return option
        if isinstance(cell, bool) and isinstance(covariate, CatCovariate):
            raise CellError(f"must be one of {listed(covariate.options)}")
        if not isinstance(cell, str | int | float):
            raise CellError("must be a number or a text")
        return cell.strip() if isinstance(cell, str) else cell
    if is_nothing(cell):
        return None
    number = finite_number(cell, sign)
    if isinstance(covariate, ContCovariate):
        return float(number)
    if isinstance(covariate, IntCovariate) and not float(number).is_integer():
        raise CellError("must be a whole number")
    return int(number)


def finite_number(cell: Any, sign: DecimalSign) -> int | float:
    """Read a cell that must hold a number.

    Raises:
        CellError: If the cell holds anything else.
    """
    if isinstance(cell, str):
        number = number_of(cell.strip(), sign)
    else:
        number = cell if isinstance(cell, int | float) and not isinstance(cell, bool) else None
    # A whole number may be too large for a float, of which isfinite is an error.
    if number is None or not (abs(number) <= sys.float_info.max):
        raise CellError("must be a finite number" + ("" if sign == "." else ", with a decimal comma as in other cells"))
    return number


def _single(options: list[Value], value: Any) -> Value | None:
    if len(options) > 1:
        texts = " or ".join(f'"{option}"' for option in options)
        raise CellError(f"may be the option {texts}: write the text of the option")
    return options[0] if options else None
