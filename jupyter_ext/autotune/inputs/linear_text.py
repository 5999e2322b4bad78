"""Linear constraints as people write them: ``a + 2*b <= 1``."""

import math
import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<relation><=|>=|==|=|\u2264|\u2265)
    |(?P<strict><|>)
    |(?P<sign>[+\-\u2212])
    |(?P<times>[*\u00b7\u00d7])
    |(?P<over>/)
    |(?P<bracket>[()])
    |(?P<quoted>'[^']+'|"[^"]+"|`[^`]+`)
    |(?P<word>\w+)""",
    re.VERBOSE,
)
_RELATIONS = {"=": "==", "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{GREATER-THAN OR EQUAL TO}": ">="}
_MIRRORED = {"<=": ">=", ">=": "<=", "==": "=="}
_OPERATORS = "+-*/<>=()'\"`"

_Sum = dict[str | None, Decimal]
"""A factor for each covariate, and under None the sum of the numbers without a covariate."""


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


def parsed_linear(text: str, names: Collection[str]) -> list[dict[str, Any]]:
    """Read one line such as ``a + 2*b <= 1``, ``a + b + c == 1`` or ``0.2 <= a - b <= 0.5``.

    A name that starts with an operator, or that looks like a number, needs quotes: ``'10' + a <= 1``.

    Args:
        text: Two or more sums with a relation between each two of them. A term is a covariate, a number, or a covariate
            with a factor.
        names: The covariates' names, which may hold spaces.

    Returns:
        Linear constraints as the service takes them, one for each relation.

    Raises:
        ValueError: If the text is not a linear constraint; the message says which part is wrong.
    """
    reader = _Reader(text, list(_tokens(text, names)))
    sums, relations = [reader.take_sum()], []
    while (token := reader.take("relation")) is not None:
        relations.append(_RELATIONS.get(token.text, token.text))
        sums.append(reader.take_sum())
    reader.require_end()
    if not relations:
        raise ValueError("has no <=, >= or ==")
    return [_constraint(*ends, relation) for ends, relation in zip(pairwise(sums), relations, strict=True)]


def _tokens(text: str, names: Collection[str]) -> Iterator[_Token]:
    unquoted = sorted(filter(_stands_unquoted, names), key=len, reverse=True)
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        name = next((name for name in unquoted if _is_at(text, position, name)), None)
        if name is not None:
            yield _Token("name", name, position)
            position += len(name)
            continue
        token = _token(text, position, names)
        yield token
        position += len(token.text) + (2 if token.kind == "name" else 0)  # the quotes


def _token(text: str, position: int, names: Collection[str]) -> _Token:
    match = _TOKEN.match(text, position)
    kind = match.lastgroup if match else None
    if match is None or kind is None:
        raise ValueError(f"{text[position]!r} is not understood")
    if kind == "strict":
        raise ValueError(f"{match[0]} is not understood: use <=, >= or ==")
    if kind == "bracket":
        raise ValueError("brackets are not understood: write 2*a + 2*b for 2*(a + b)")
    if kind in {"quoted", "word"}:
        name = match[0][1:-1] if kind == "quoted" else match[0]
        if name not in names:
            raise ValueError(f"{name!r} is not a covariate; the covariates are {', '.join(names)}")
        return _Token("name", name, position)
    return _Token(kind, match[0], position)


def _stands_unquoted(name: str) -> bool:
    return name[:1] not in _OPERATORS and not name.isspace() and not re.fullmatch(r"[\d.eE+\-]+", name)


def _is_at(text: str, position: int, name: str) -> bool:
    if not text.startswith(name, position):
        return False
    following = text[position + len(name) : position + len(name) + 1]
    return not (_is_of_word(name[-1:]) and _is_of_word(following))


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


class _Reader:
    """Takes the tokens of one line from left to right."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._next = 0

    def take(self, *kinds: str) -> _Token | None:
        """Return the next token and move past it if it is of one of these kinds; None otherwise."""
        token = self._tokens[self._next] if self._next < len(self._tokens) else None
        if token is None or token.kind not in kinds:
            return None
        self._next += 1
        return token

    def require_end(self) -> None:
        """Raise ValueError if tokens are left."""
        if self._next < len(self._tokens):
            raise ValueError(f"{self._tokens[self._next].text!r} is not expected after {self._text_before()!r}")

    def take_sum(self) -> _Sum:
        """Read terms up to a relation or the end."""
        total: _Sum = {}
        sign = self._take_signs()
        while True:
            name, factor = self._take_term()
            total[name] = total.get(name, Decimal(0)) + (sign or 1) * factor
            sign = self._take_signs()
            if sign is None:
                return total

    def _take_signs(self) -> int | None:
        sign = None
        while (token := self.take("sign")) is not None:
            sign = (sign or 1) * (1 if token.text == "+" else -1)
        return sign

    def _take_term(self) -> tuple[str | None, Decimal]:
        name, factor = self._take_factor()
        while True:
            if self.take("over") is not None:
                factor /= self._take_divisor()
                continue
            # "2 a" means 2*a, but two numbers side by side are a mistake.
            if self.take("times") is None and not self._is_before_name():
                return name, factor
            other, times = self._take_factor()
            if name is not None and other is not None:
                raise ValueError(f"{name} times {other} is not linear")
            name, factor = name or other, factor * times

    def _take_factor(self) -> tuple[str | None, Decimal]:
        token = self.take("name", "number")
        if token is None:
            raise ValueError(f"a covariate or a number is missing {self._where()}")
        return (token.text, Decimal(1)) if token.kind == "name" else (None, _number(token.text))

    def _take_divisor(self) -> Decimal:
        token = self.take("name", "number")
        if token is None:
            raise ValueError(f"a number is missing {self._where()}")
        if token.kind == "name":
            raise ValueError(f"dividing by {token.text} is not linear")
        if _number(token.text) == 0:
            raise ValueError("divides by 0")
        return _number(token.text)

    def _is_before_name(self) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next].kind == "name"

    def _text_before(self) -> str:
        end = self._tokens[self._next].start if self._next < len(self._tokens) else len(self._text)
        return self._text[:end].strip()

    def _where(self) -> str:
        return f"after {self._text_before()!r}" if self._text_before() else "at the beginning"


def _number(text: str) -> Decimal:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number")
    return Decimal(repr(number))  # decimal, so that 0.1 + 0.2 is 0.3


def _constraint(left: _Sum, right: _Sum, relation: str) -> dict[str, Any]:
    if not left.keys() - {None}:
        left, right, relation = right, left, _MIRRORED[relation]
    names = [name for name in {**left, **right} if name is not None]
    weights = {name: float(left.get(name, 0) - right.get(name, 0)) for name in names}
    weights = {name: weight for name, weight in weights.items() if weight != 0}
    if not weights:
        raise ValueError("no covariate is left on either side")
    bound = float(right.get(None, 0) - left.get(None, 0))
    return {"ctype": "linear", "weights": weights, "relation": relation, "bound": bound}
