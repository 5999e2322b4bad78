"""Numbers and names as the pictures write them."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from textwrap import wrap

from autotune_wire.base import Configuration, Value
from autotune_wire.space import Space, units_of

DIGITS = 3
LONGEST = 72
"""Most characters of a name that a picture shows; longer names end in an ellipsis."""
SECONDS = "%Y-%m-%d %H:%M:%S UTC"

_NUMBER = r"-?\d[\d.]*(?:e[+-]?\d+)?"
_MISSED = re.compile(rf" is (?:predicted to be )?{_NUMBER}, and must be ([<>=]=) ({_NUMBER})$")
"""The end of the contract's sentence about a bound that is missed."""

_WIDE, _USUAL, _NARROW = 0.78, 0.63, 0.36
"""How wide letters of DejaVu Sans are, in sizes of the type; those of Arial and Helvetica are narrower."""
_SLIM = "fijlrtI.,:;|'()[]- "

_LOOK_ALIKES = {ord('"'): "\N{RIGHT DOUBLE QUOTATION MARK}", ord("\\"): "/"}


def number_text(value: float) -> str:
    """Write a number with three significant digits, and all digits before the decimal point: 0.123, 81.3, 1013."""
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    if not -4 <= power < 6:
        mantissa, exponent = f"{value:.{DIGITS - 1}e}".split("e")
        short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{short}e{int(exponent)}"
    text = f"{value:.{max(0, DIGITS - 1 - power)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def value_text(value: Value) -> str:
    """Write the value of a covariate; whole numbers and options in full."""
    return number_text(value) if isinstance(value, float) else str(value)


def labelled(name: str, unit: str | None) -> str:
    """Write the name of a covariate with its unit, as the title of an axis: ``t (°C)``."""
    return name if unit is None else f"{name} ({unit})"


def rule_of(reason: str) -> str:
    """Write what a reason for not suggesting a run demands, for many runs that miss it by different amounts.

    "a + b is 1.25, and must be <= 6466641817" becomes "a + b must be <= 6.47e9"; other reasons stay.
    """
    return _MISSED.sub(lambda found: f" must be {found[1]} {number_text(float(found[2]))}", reason)


def configuration_text(configuration: Configuration, space: Space) -> str:
    """Write a configuration on one line, with the units of the covariates that have one."""
    units = units_of(space)
    return ", ".join(
        f"{name} = {value_text(value)}{' ' + units[name] if name in units else ''}"
        for name, value in configuration.items()
    )


def counted(n: int, noun: str) -> str:
    """Write a number with its noun, which takes an ``s`` unless the number is 1."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def spoken(name: str) -> str:
    """Return a name for the title of an axis, a legend or a tooltip.

    Vega-Lite writes these titles into expressions as they are (its issue 7460): a quote in one ends the expression, and
    there is no picture. Look-alikes take the places of what has a meaning there.
    """
    return " ".join(name.translate(_LOOK_ALIKES).split()) or " "


def title_lines(name: str, width: int) -> list[str]:
    """Break the title of an axis or a legend into lines."""
    return lines_of(spoken(name), width)


def lines_of(text: str, width: int, longest: int = LONGEST) -> list[str]:
    """Break a text into lines of at most ``width`` characters; a text longer than ``longest`` is cut."""
    shown = text if len(text) <= longest else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
    return wrap(shown, width) or [" "]


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is in a font without serifs, in pixels: as wide as in the widest of the usual ones.

    Args:
        text: The text.
        size: The size of the type, in pixels.
    """
    shares = (_WIDE if one.isupper() or one in "mw%@" else _NARROW if one in _SLIM else _USUAL for one in text)
    return size * sum(shares)


def label_expression(texts: Sequence[str] | Mapping[str, str], width: int) -> str:
    """Return a Vega expression that writes the text of a label's number, or of its key, in lines.

    The texts are JSON in this expression, so that no character of a name can end it or be read as a field.
    """
    keyed = texts if isinstance(texts, Mapping) else {str(index): text for index, text in enumerate(texts)}
    lines = {key: lines_of(text, width, 2 * width) for key, text in keyed.items()}
    return f"({json.dumps(lines)})[datum.value]"


def label_lines(texts: Sequence[str], width: int) -> int:
    """Return how many lines the longest of some labels takes."""
    return max((len(lines_of(text, width, 2 * width)) for text in texts), default=1)
