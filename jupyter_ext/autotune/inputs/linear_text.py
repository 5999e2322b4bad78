"""Linear constraints as people write them: ``a + 2*b <= 1``."""

import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise
from typing import Any, Literal, NamedTuple

from autotune.views.linear import QUOTES, number_in_full, quoted, stands_at
from autotune_wire.space import listed

AT_MOST = ("<=", "=<", "\u2264", "\u2a7d", "\u2266")
AT_LEAST = (">=", "=>", "\u2265", "\u2a7e", "\u2267")
_NUMBER = re.compile(r"(?P<mantissa>[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OPERATOR = re.compile(
    rf"""(?P<relation>{"|".join((*AT_MOST, *AT_LEAST))}|==|=)
    |(?P<sign>[+\-\u2212\u2013])
    |(?P<times>[*\u00b7\u00d7])
    |(?P<over>/)
    |(?P<stop>;)""",
    re.VERBOSE,
)
_QUOTED = re.compile("|".join(f"{quote}(?:[^{quote}]|{quote}{quote})+{quote}" for quote in QUOTES))
_RELATIONS = {"=": "==", "==": "=="} | dict.fromkeys(AT_MOST, "<=") | dict.fromkeys(AT_LEAST, ">=")
_MIRRORED = {"<=": ">=", ">=": "<=", "==": "=="}
_MAX_READINGS = 1000

_Sum = dict[str | None, Fraction]
"""A factor for each covariate, and under None the sum of the numbers without a covariate."""


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class _State(NamedTuple):
    """What the text before a place allows to come next.

    Attributes:
        awaits: A new constraint, the first factor of a term, a further factor, a divisor, or anything that may follow a
            factor.
        name: The covariate of the term, if there is one already.
        has_relation: Whether there is a relation already.
    """

    awaits: Literal["constraint", "term", "factor", "divisor", "more"]
    name: str | None
    has_relation: bool


_Place = tuple[int, _State]
_START: _Place = (0, _State("constraint", None, False))


def parsed_linear(text: str, names: Collection[str]) -> list[dict[str, Any]]:
    """Read constraints such as ``a + 2*b <= 1``, ``a + b + c == 1`` or ``0.2 <= a - b <= 0.5``.

    A line break or a semicolon ends a constraint. A covariate's name may stand as it is, also if it holds blanks or
    operators, or looks like a number. Where that can be read in two ways, the name goes in quotes of any kind; the same
    kind of quote within the name is doubled. A name may be composed of other characters that mean the same (NFC).

    Args:
        text: Two or more sums with a relation between each two of them. A term is a covariate, a number, or a covariate
            with a factor.
        names: The covariates' names.

    Returns:
        Linear constraints as the service takes them, one for each relation.

    Raises:
        ValueError: If the text is not a linear constraint, and the message says which part is wrong; or if the text can
            be read in two ways, and the message has both.
    """
    try:
        return _of_lines(text, names)
    except ValueError:
        composed = {unicodedata.normalize("NFC", name): name for name in names}
        same = unicodedata.normalize("NFC", text)
        if len(composed) < len(names) or (same == text and list(composed) == list(names)):
            raise
    constraints = _of_lines(same, composed)
    return [
        {**found, "weights": {composed[name]: weight for name, weight in found["weights"].items()}}
        for found in constraints
    ]


def _of_lines(text: str, names: Collection[str]) -> list[dict[str, Any]]:
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(lines) <= 1:
        return _of_line("".join(lines), names)
    constraints = []
    for line in lines:
        try:
            constraints += _of_line(line, names)
        except ValueError as error:
            raise ValueError(f"{error} (in the line {line!r})") from None
    return constraints


def _of_line(text: str, names: Collection[str]) -> list[dict[str, Any]]:
    steps = _steps(text, names)
    found: list[tuple[list[_Token], list[dict[str, Any]]]] = []
    refused: ValueError | None = None
    for reading in islice(_readings(text, steps), _MAX_READINGS):
        try:
            constraints = _constraints(reading)
        except ValueError as error:
            refused = refused or error
            continue
        if not found or constraints != found[0][1]:
            found.append((reading, constraints))
        if len(found) > 1:
            first, second = (_written(tokens, names) for tokens, _ in found)
            raise ValueError(f"can be read in two ways: write {first} or {second}")
    if not found:
        raise refused or _complaint(text, steps, names)
    return found[0][1]


def _steps(text: str, names: Collection[str]) -> dict[_Place, list[tuple[_Token, _Place]]]:
    """List, for each place that some reading of the text comes to, the tokens that may stand there.

    Longer names come first, and names come before numbers.
    """
    longest_first = sorted(names, key=len, reverse=True)
    steps: dict[_Place, list[tuple[_Token, _Place]]] = {}
    reached = [_START]
    while reached:
        place = reached.pop()
        if place in steps:
            continue
        tokens = _tokens_at(text, place[0], longest_first)
        steps[place] = [
            (token, (_skipped(text, token.end), state))
            for token in tokens
            if (state := _after(place[1], token)) is not None
        ]
        reached += [following for _, following in reversed(steps[place])]
    return steps


def _tokens_at(text: str, start: int, names: Collection[str]) -> list[_Token]:
    found = [name for name in names if stands_at(text, start, name.strip())]
    tokens = [_Token("name", name, start, start + len(name.strip())) for name in found]
    if (number := _NUMBER.match(text, start)) is not None:
        # Of "2e5", the e5 may be a covariate; of "2.", the point may be the beginning of a name.
        ends = {number.end(), number.end("mantissa"), number.start() + len(number["mantissa"].rstrip("."))}
        cuts = (
            end for end in ends - {start, number.end()} if any(stands_at(text, end, name.strip()) for name in names)
        )
        tokens += [_Token("number", text[start:end], start, end) for end in (*cuts, number.end())]
    if (mark := _QUOTED.match(text, start)) is not None and (name := _unquoted(mark[0])) in names:
        tokens.append(_Token("name", name, start, mark.end()))
    if (operator := _OPERATOR.match(text, start)) is not None and operator.lastgroup is not None:
        tokens.append(_Token(operator.lastgroup, operator[0], start, operator.end()))
    return tokens


def _after(state: _State, token: _Token) -> _State | None:
    """Return what may come after a token, or None if the token cannot stand there."""
    if state.awaits != "more":
        if token.kind == "sign":
            return state._replace(awaits="term") if state.awaits == "constraint" else state
        if token.kind == "number" and not _is_wrong_number(token.text):
            is_zero = state.awaits == "divisor" and float(token.text) == 0
            return None if is_zero else state._replace(awaits="more")
        is_new = token.kind == "name" and state.awaits != "divisor" and state.name is None
        return state._replace(awaits="more", name=token.text) if is_new else None
    match token.kind:
        case "sign":
            return _State("term", None, state.has_relation)
        case "relation":
            return _State("term", None, True)
        case "stop" if state.has_relation:
            return _START[1]
        case "times":
            return state._replace(awaits="factor")
        case "over":
            return state._replace(awaits="divisor")
        case "name" if state.name is None:  # "2 a" means 2*a, but two numbers side by side are a mistake
            return state._replace(name=token.text)
    return None


def _readings(text: str, steps: dict[_Place, list[tuple[_Token, _Place]]]) -> Iterator[list[_Token]]:
    """Generate the ways to read the whole text, each as its tokens."""
    good = {place for place in steps if _is_end(text, place)}
    for place in sorted(steps, key=lambda place: place[0], reverse=True):
        if any(following in good for _, following in steps[place]):
            good.add(place)
    waiting: list[tuple[_Place, list[_Token]]] = [(_START, [])] if _START in good else []
    while waiting:
        place, tokens = waiting.pop()
        if _is_end(text, place):
            yield tokens
        ahead = [([*tokens, token], following) for token, following in steps[place] if following in good]
        waiting += [(following, longer) for longer, following in reversed(ahead)]


def _is_end(text: str, place: _Place) -> bool:
    start, state = place
    is_done = state.awaits == "more" and state.has_relation
    return start == len(text) and (is_done or (state.awaits == "constraint" and start > 0))


def _constraints(tokens: Sequence[_Token]) -> list[dict[str, Any]]:
    """Build the constraints of a reading.

    Raises:
        ValueError: If a constraint has no covariate, a number that no double holds, or what looks like the end of one
            constraint and the beginning of the next.
    """
    parts: list[list[_Token]] = [[]]
    for token in tokens:
        if token.kind == "stop":
            parts.append([])
        else:
            parts[-1].append(token)
    return [constraint for part in parts if part for constraint in _chain(part)]


def _chain(tokens: Sequence[_Token]) -> list[dict[str, Any]]:
    _check_run_together(tokens)
    sums: list[_Sum] = [{}]
    relations: list[str] = []
    name, factor, is_divided, is_begun = None, Fraction(1), False, False
    for token in [*tokens, _Token("end", "", 0, 0)]:
        if is_begun and token.kind in {"sign", "relation", "end"}:
            sums[-1][name] = sums[-1].get(name, Fraction(0)) + factor
            name, factor, is_begun = None, Fraction(1), False
        if token.kind == "sign":
            factor *= 1 if token.text == "+" else -1
        elif token.kind == "relation":
            relations.append(_RELATIONS[token.text])
            sums.append({})
        elif token.kind in {"times", "over"}:
            is_begun, is_divided = False, token.kind == "over"
        elif token.kind == "name":
            name, is_begun = token.text, True
        elif token.kind == "number":
            # Exact, so that 0.1 + 0.2 is 0.3; but of 0e999999999 a Fraction would compute the power.
            number = Fraction(Decimal(token.text)) if float(token.text) else Fraction(0)
            factor = factor / number if is_divided else factor * number
            is_begun, is_divided = True, False
    return [_constraint(*ends, relation) for ends, relation in zip(pairwise(sums), relations, strict=True)]


def _check_run_together(tokens: Sequence[_Token]) -> None:
    """Refuse ``a <= 1 b <= 2``, which is more likely two constraints than ``a <= 1*b`` and ``1*b <= 2``.

    In ``0 <= 2 a <= 1`` the first side is a bound, so that both relations are about the middle.
    """
    places = [index for index, token in enumerate(tokens) if token.kind == "relation"]
    for first, second in pairwise([-1, *places]):
        if not any(token.kind == "name" for token in tokens[first + 1 : second]):
            continue
        following = next((place for place in places if place > second), second)
        for number, name in pairwise(tokens[second + 1 : following]):
            if (number.kind, name.kind) == ("number", "name") and number.end < name.start:
                raise ValueError(
                    f"{number.text} {name.text} may be a product, or the end of a constraint and the beginning of the "
                    f"next: write {number.text}*{name.text}, or {number.text}; {name.text}"
                )


def _constraint(left: _Sum, right: _Sum, relation: str) -> dict[str, Any]:
    if not left.keys() - {None}:
        left, right, relation = right, left, _MIRRORED[relation]
    names = [name for name in {**left, **right} if name is not None]
    exact = {name: left.get(name, Fraction(0)) - right.get(name, Fraction(0)) for name in names}
    weights = {name: _double(weight, f"the factor of {name}") for name, weight in exact.items() if weight != 0}
    if not weights:
        raise ValueError("no covariate is left on either side")
    bound = _double(right.get(None, Fraction(0)) - left.get(None, Fraction(0)), "the bound")
    return {"ctype": "linear", "weights": weights, "relation": relation, "bound": bound}


def _double(exact: Fraction, what: str) -> float:
    try:
        number = float(exact)
    except OverflowError:
        number = math.inf
    if math.isinf(number) or (exact != 0 and number == 0):
        raise ValueError(f"{what} is too {'large' if number else 'small'} for a number")
    return number


def _written(tokens: Sequence[_Token], names: Collection[str]) -> str:
    """Write a reading so that it is the only one."""
    parts = []
    for before, token in pairwise([_Token("", "", 0, 0), *tokens]):
        if before.kind == "number" and token.kind == "name":
            parts.append("*")
        number = number_in_full(float(token.text), names) if token.kind == "number" else token.text
        parts.append(quoted(token.text, names) if token.kind == "name" else number)
    return " ".join(parts)


def _complaint(text: str, steps: dict[_Place, list[tuple[_Token, _Place]]], names: Collection[str]) -> ValueError:
    """Say what is wrong at the place farthest to the right that a reading comes to."""
    start, state = max(steps, key=lambda place: place[0])
    before = text[:start].strip()
    where = f"after {before!r}" if before else "at the beginning"
    if start == len(text):
        if state.awaits == "more":
            return ValueError("has no <=, >= or ==")
        return ValueError(f"a {'number' if state.awaits == 'divisor' else 'covariate or a number'} is missing {where}")
    token = next(iter(_tokens_at(text, start, names)), None)
    if token is None:
        return ValueError(_not_understood(text, start, names))
    if token.kind == "number":
        wrong = "divides by 0" if state.awaits == "divisor" else f"{token.text!r} is not expected {where}"
        return ValueError(_is_wrong_number(token.text) or wrong)
    if token.kind == "name":
        is_divisor = state.awaits == "divisor"
        wrong = f"dividing by {token.text}" if is_divisor else f"{state.name} times {token.text}"
        return ValueError(f"{wrong} is not linear")
    if token.kind == "stop" and state.awaits == "more":
        return ValueError(f"has no <=, >= or == before {text[start:]!r}")
    return ValueError(f"a {'number' if state.awaits == 'divisor' else 'covariate or a number'} is missing {where}")


def _not_understood(text: str, start: int, names: Collection[str]) -> str:
    if text[start] in "<>":
        return f"{text[start]} is not understood: use <=, >= or =="
    if text[start] == "," and re.match(r"[0-9]?,[0-9]", text[max(start - 1, 0) :]):
        return "',' is not understood: write numbers with a decimal point, as in 1.5"
    if text[start] in ",&":
        return f"{text[start]!r} is not understood: write each constraint in a line of its own, or ; between two"
    if text[start] == "%":
        return "'%' is not understood: write the number without it, in the unit of the covariate, such as 50 or 0.5"
    if text[start] in "()":
        return "brackets are not understood: write 2*a + 2*b for 2*(a + b)"
    mark = _QUOTED.match(text, start)
    word = _unquoted(mark[0]) if mark is not None else re.split(r"\W", text[start:])[0]
    if not word:
        return f"{text[start]!r} is not understood{_how_to_quote(names)}"
    return f"{word!r} is not a covariate; the covariates are {listed(list(names))}{_how_to_quote(names)}"


def _how_to_quote(names: Collection[str]) -> str:
    unusual = next((name for name in names if re.fullmatch(r"[^\W\d]\w*", name) is None), None)
    return "" if unusual is None else f"; a name may stand in quotes, as in {quoted(unusual, names)}"


def _is_wrong_number(text: str) -> str | None:
    number = float(text)
    if math.isinf(number):
        return f"{text} is too large for a number"
    is_lost = number == 0 and re.search("[1-9]", re.split("[eE]", text)[0]) is not None
    return f"{text} is too small for a number" if is_lost else None


def _unquoted(mark: str) -> str:
    return mark[1:-1].replace(mark[0] * 2, mark[0])


def _skipped(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start
