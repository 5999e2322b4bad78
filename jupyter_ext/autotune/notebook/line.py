"""A command line split into words and options, as people write it: blanks in quotes and brackets part no words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from IPython.core.error import UsageError

from autotune.notebook.near import did_you_mean

Takes = Literal["nothing", "word", "words", "rest"]
"""What follows an option: nothing, one word, or all up to the next option, as words or as one expression."""

_QUOTED = re.compile(r"""(?<!\w)[fFrRbBuU]{0,2}("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_OPTION = re.compile(r"(?P<name>--?[A-Za-z][A-Za-z-]*)(?:=(?P<value>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a command.

    Attributes:
        name: The option as it is written, such as ``--fixed``.
        takes: What follows the option.
        shown: The name of what follows, in the help.
        says: One sentence for the help.
        is_repeated: Whether the option may be given more than once.
        choices: What may follow; empty if the option does not limit it.
    """

    name: str
    takes: Takes
    shown: str
    says: str
    is_repeated: bool = False
    choices: Sequence[str] = ()


@dataclass(slots=True)
class Split:
    """A command line, split.

    Attributes:
        left: The line without its options.
        given: The values of each option that was given, in the order of the line.
    """

    left: str = ""
    given: list[tuple[str, str]] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        """Return the values of an option, in order."""
        return [value for given, value in self.given if given == name]


def without_comment(line: str) -> str:
    """Return a line without the comment at its end: from a ``#`` between blanks that is not in quotes."""
    for found in re.finditer(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<!\S)#(?!\S)""", line):
        if found[0] == "#":
            return line[: found.start()].strip()
    return line.strip()


def words(text: str) -> list[str]:
    """Split a text at the blanks that are in neither quotes nor brackets."""
    return [text[start:end] for start, end in _places(text)]


def unquoted(text: str) -> str:
    """Return a text without the quotes around it, if all of it is in quotes."""
    text = text.strip()
    if text[:1] in {"'", '"'} and (found := _QUOTED.fullmatch(text)) is not None:
        return found[1][1:-1].replace(f"\\{text[0]}", text[0])
    return text


def split(text: str, options: Sequence[Option], command: str) -> Split:
    """Split the line of a command into its options and the rest.

    Args:
        text: The line without the command.
        options: The options of the command.
        command: The command, for the messages.

    Raises:
        UsageError: If an option is unknown or given twice, or its value is missing or not allowed.
    """
    places = list(_places(text))
    found = Split()
    known = {option.name: option for option in options}
    left: list[str] = []
    at = 0
    while at < len(places):
        start, end = places[at]
        written = _OPTION.fullmatch(text, start, end)
        if written is None or (written["name"] not in known and not written["name"].startswith("--")):
            left.append(text[start:end])
            at += 1
            continue
        option = known.get(written["name"])
        if option is None:
            raise _unknown(written["name"], list(known), command)
        at += 1
        n = 0 if option.takes == "nothing" else _n_words(text, places[at:], option, known, written["value"])
        value = "" if n == 0 else text[places[at][0] : places[at + n - 1][1]]
        value = value if written["value"] is None else f"{written['value']} {value}".strip()
        at += n
        _add(found, option, value, command)
    found.left = " ".join(left)
    return found


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each word; brackets that never close are no brackets, as in ``:(``."""
    found = list(_spans(text, has_brackets=True))
    yield from found if found or not text.strip() else _spans(text, has_brackets=False)


def _spans(text: str, *, has_brackets: bool) -> Iterator[tuple[int, int]]:
    spans, start, depth, at = [], -1, 0, 0
    while at < len(text):
        if text[at].isspace() and depth == 0:
            if start >= 0:
                spans.append((start, at))
            start = -1
        elif start < 0:
            start = at
        quoted = _QUOTED.match(text, at)
        if has_brackets and quoted is None:
            depth = max(depth + (text[at] in "([{") - (text[at] in ")]}"), 0)
        at = at + 1 if quoted is None else quoted.end()
    if start >= 0:
        spans.append((start, len(text)))
    if depth == 0:
        yield from spans


def _n_words(
    text: str, places: Sequence[tuple[int, int]], option: Option, known: dict[str, Option], written: str | None
) -> int:
    """Return how many of the words that follow an option belong to it."""
    if option.takes == "word":
        return 0 if written is not None else min(1, len(places))
    n = 0
    for start, end in places:
        found = _OPTION.fullmatch(text, start, end)
        if found is not None and (found["name"] in known or found["name"].startswith("--")):
            break
        n += 1
    # A value in quotes ends with them.
    is_quoted = option.takes == "rest" and written is None and n > 0 and _QUOTED.fullmatch(text, *places[0])
    return 1 if is_quoted else n


def _add(found: Split, option: Option, value: str, command: str) -> None:
    if option.takes == "nothing" and value:
        raise UsageError(f"{option.name} takes no value\n`%autotune help {command}` says more")
    if option.takes != "nothing" and not value:
        raise UsageError(f"{option.name} needs a value, {option.shown}\n`%autotune help {command}` says more")
    if not option.is_repeated and found.values(option.name):
        raise UsageError(f"{option.name} is given twice\ngive it once")
    if option.choices and option.takes == "word" and unquoted(value) not in option.choices:
        allowed = ", ".join(option.choices)
        near = did_you_mean(unquoted(value), option.choices)
        raise UsageError(f"{option.name} cannot be {unquoted(value)!r}{near}\nwrite one of {allowed}")
    found.given.append((option.name, value))


def _unknown(name: str, known: list[str], command: str) -> UsageError:
    near = did_you_mean(name, known)
    takes = f"it takes {', '.join(known)}" if known else "it takes no options"
    return UsageError(f"%autotune {command} has no option {name}{near}\n{takes}; put quotes around a text with dashes")
