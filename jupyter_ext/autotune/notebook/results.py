"""A result on a command line: what was measured, the configuration that was run, and words that say why."""

import ast
import re
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError

from autotune.errors import InvalidInputError
from autotune.inputs.typed import typed_number
from autotune.notebook.command import Call
from autotune.notebook.expressions import is_expression, split_expressions
from autotune.notebook.line import Option, words
from autotune.notebook.near import did_you_mean
from autotune.views.shown import Suggestion

SD = Option("--sd", "rest", "SD", "the standard deviation of the response")
REASON = Option("--reason", "rest", "REASON", "why, for whoever reads the history")

_NEXT_NAME = re.compile(r",(?=[^,=]*=(?!=))")
_NAMED = re.compile(r"\s*[^\s={}\[\]<>!\"'][^={}\[\]<>!\"']*=(?!=)")
_MAKES_VALUES = (ast.Dict, ast.Set, ast.Call, ast.Subscript, ast.Attribute)
"""Expressions that no one writes as words: a dict, ``{expression}``, a call, an item, an attribute."""


def measured_of(call: Call, text: str) -> tuple[Any, str]:
    """Read the response at the beginning of a text, and return it with the rest of the text.

    The response is a number, an expression, or several of them by name, as in ``hardness=95, friability=0,8``.
    """
    if not text:
        raise call.missing("the response")
    if _NAMED.match(text):
        return _by_name(call, text)
    try:
        return _alone(call, text)
    except (InvalidInputError, UsageError) as error:
        names = call.session.known_responses()
        if len(names) < 2 or text.isidentifier():
            raise
        named = ", ".join(f"{name}=0.93" for name in names)
        first, *_others = str(error).splitlines()
        raise UsageError(f"{first}\nwrite the responses by name, as in {named}") from None


def _alone(call: Call, text: str) -> tuple[Any, str]:
    """Read a response without a name."""
    word, _, rest = text.partition(" ")
    if typed_number(word) is not None:
        return call.python.number(word), rest.strip()
    parts = split_expressions(text)
    if len(parts) > 1 and not all(map(is_expression, parts)):
        # What follows are words, and no configuration: the longest beginning that is an expression is the response.
        found = words(text)
        n = next((n for n in range(len(found), 1, -1) if is_expression(" ".join(found[:n]))), 1)
        parts = [" ".join(found[:n]), " ".join(found[n:])]
    return call.python.number(parts[0]), "".join(parts[1:])


def sd_of(call: Call) -> Any:
    """Read the option ``--sd``, which is written as a response is; None if it was not given."""
    written = call.option(SD.name)
    if written is None:
        return None
    sd, rest = measured_of(call, written)
    if rest:
        raise UsageError(f"{SD.name}: {rest!r} is not expected after it\n{call.help()}")
    return sd


def run_of(call: Call, text: str) -> tuple[Any, str]:
    """Read a configuration, words that say why, or both in this order; None and an empty text for what is not given."""
    if not text:
        return None, ""
    first, *others = _first_and_rest(text)
    for written, rest in {text: "", first: "".join(others)}.items():
        if _may_be_configuration(call, written):
            value = call.python.value(written)
            if isinstance(value, Mapping | Suggestion) or hasattr(value, "to_dict"):
                return value, call.python.text(rest)
    if is_expression(text) and isinstance(ast.parse(text, mode="eval").body, ast.Constant) and text[0] not in "\"'":
        raise UsageError(
            f"{text} is neither a configuration nor a reason\n"
            "write a dict of values or some words; an observation that is told is changed with `%autotune correct ID`"
        )
    return None, call.python.text(text)


def reason_of(call: Call, words_below: str) -> str | None:
    """Return why: by the words at the end of the line or by ``--reason``; None if neither says it."""
    reason = call.text(REASON.name)
    if reason and words_below:
        raise UsageError(f"the reason is given twice, by {words_below!r} and by --reason\ngive it once")
    return words_below or reason or None


def _by_name(call: Call, text: str) -> tuple[dict[str, Any], str]:
    responses: dict[str, Any] = {}
    *parts, last = _NEXT_NAME.split(text)
    name, _, written = last.partition("=")
    value, *others = _first_and_rest(written.strip()) or [""]
    for part in (*parts, f"{name}={value}"):
        name, _, written = (piece.strip() for piece in part.partition("="))
        if not (name and written):
            raise UsageError(f"{part.strip()!r} is no response\nwrite responses such as hardness=95, friability=0.8")
        if name in responses:
            raise UsageError(f"the response {name!r} is given twice\ngive it once")
        try:
            responses[name] = call.python.number(written)
        except InvalidInputError as error:
            raise UsageError(f"{name}: {error}") from None
    return responses, "".join(others)


def _first_and_rest(text: str) -> list[str]:
    """Split a text after its first word; blanks in quotes and brackets part no words."""
    first = next(iter(words(text)), "")
    rest = text.strip()[len(first) :].strip()
    return [part for part in (first, rest) if part]


def _may_be_configuration(call: Call, text: str) -> bool:
    """Return whether a text is to be evaluated; a name that looks like a variable is, so that a slip is no reason."""
    expression = text.replace("$", "")
    if not is_expression(expression):
        return False
    node = ast.parse(expression.strip(), mode="eval").body
    if isinstance(node, ast.Name):
        return call.python.knows(node.id) or bool(did_you_mean(node.id, call.python.variables()))
    return isinstance(node, _MAKES_VALUES) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr))
