"""A covariate written on one line: ``40..120 int step 5 °C``, ``1e-5..1e-1 log`` or ``K2CO3|K3PO4|Et3N``."""

import re
from typing import Any

from autotune.inputs.guessing import with_guess
from autotune.inputs.typed import typed_number
from autotune_wire.numerals import number_of

FORMS = 'write a range such as "40..120 int step 5 °C" or "1e-5..1e-1 log", or options such as "red|blue"'

_RANGE = re.compile(
    r"(?P<low>\S+?)\s*(?:\.\.|\N{HORIZONTAL ELLIPSIS})\s*"
    r"(?P<high>[+\-\N{MINUS SIGN}]?[\d.,'_]*\d(?:[eE][+-]?\d+)?)(?P<more>.*)"
)
_LAST_OPTION = re.compile(r"(?P<number>[+\-\N{MINUS SIGN}]?[\d.,]*\d(?:[eE][+-]?\d+)?)\s*(?P<unit>\D.*)")
_ROLES = ("context", "fidelity")
_OTHER_WORDS = dict.fromkeys(("integer", "whole"), "int") | dict.fromkeys(("float", "real"), "cont")
_OTHER_WORDS |= {"logarithmic": "log", "steps": "step", "categorical": "options such as red|blue"}


def covariate_of_text(text: str) -> dict[str, Any]:
    """Read the description of a covariate.

    A range is of real numbers, unless the word ``int`` follows. The other words are ``cont``, ``log``, ``step N``,
    ``context`` and ``fidelity``; what else follows is the unit. Options that are all numbers form a scale, as do
    others with the word ``ordered`` behind them.

    Raises:
        ValueError: If the text is no such description; the message says what is wrong and what is expected.
    """
    if "|" in text:
        return with_guess(_options(text))
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"is neither a range nor options; {FORMS}")
    covariate, words = {"vtype": "cont"}, iter(found["more"].split())
    fields: dict[str, Any] = {}
    unit = []
    for word in words:
        if word in {"int", "cont"}:
            covariate["vtype"] = word
        elif word == "log":
            fields["log"] = True
        elif word == "step":
            fields["step"] = _number(next(words, ""), "the step")
        elif word in _ROLES:
            fields["role"] = word
        elif word.lower() in _OTHER_WORDS:
            raise ValueError(f"has the word {word!r}; write {_OTHER_WORDS[word.lower()]}")
        else:
            unit.append(word)
    fields |= {"unit": " ".join(unit)} if unit else {}
    bounds = {"min": _number(found["low"], "the lower bound"), "max": _number(found["high"], "the upper bound")}
    return with_guess({**covariate, **bounds, **fields})


def guess_of_text(text: str) -> dict[str, float | str]:
    """Read values such as ``t=80, base=KOH`` by the names of their covariates.

    Raises:
        ValueError: If a part of the text has no equals sign.
    """
    values: dict[str, float | str] = {}
    for part in re.split(r",(?=[^,=]*=)", text):
        name, sign, written = (piece.strip() for piece in part.partition("="))
        if not (name and sign and written):
            raise ValueError(f"{part.strip()!r} is no value of a covariate; write values such as t=80, base=KOH")
        with_comma = typed_number(written)
        number = number_of(written, ".") if with_comma is None else with_comma
        values[name] = written if number is None else int(number) if number == int(number) else number
    return values


def _options(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    left = text.strip()
    while (word := left.rpartition(" ")[2]) in {"ordered", "context"} and "|" not in word:
        fields |= {"ordered": True} if word == "ordered" else {"role": word}
        left = left.removesuffix(word).strip()
    options: list[Any] = [option.strip() for option in left.split("|")]
    if "" in options:
        raise ValueError("has an empty option; write the options between single bars, as in red|blue")
    numbers = [number_of(option, ".") for option in options]
    last = _LAST_OPTION.fullmatch(options[-1])
    if last is not None and None not in numbers[:-1]:
        numbers[-1] = number_of(last["number"], ".")
        fields["unit"] = last["unit"].strip()
    if None not in numbers:
        options = [int(number) if number == int(number or 0) else number for number in numbers if number is not None]
        fields["ordered"] = True
    return {"vtype": "cat", "options": options, **fields}


def _number(text: str, what: str) -> float:
    with_comma = typed_number(text)
    number = number_of(text, ".") if with_comma is None else with_comma
    if number is None:
        raise ValueError(f"needs a number for {what}, not {text!r}; {FORMS}")
    return int(number) if re.fullmatch(r"[+-]?\d+", text) else number
