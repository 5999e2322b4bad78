"""The lines that ``autotune ask --json`` writes and ``autotune tell NAME -`` reads: a JSON object each."""

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.views.shown import Suggestion
from autotune_wire.base import Key
from autotune_wire.observations import Told
from autotune_wire.problems import FieldProblem
from autotune_wire.space import listed

_ECHOED = ("exp_uuid", "candidate", "source", "reason", "predictions", "fixed", "worker", "lease_until")
"""What a line of ask says beside the suggestion and its configuration; tell does not read it, but for the uuid."""
_KEY = "key"
_SHOWN = 80
"""How many characters of a line that is wrong an error shows."""
_OF_RUN = tuple(Told.model_fields)


class Line(NamedTuple):
    """A run that was read from a line.

    Attributes:
        told: The run.
        key: The name of the tell: the same line gets the same name, however often it is read.
    """

    told: Told
    key: str


def line_of(suggestion: Suggestion, exp_uuid: UUID) -> str:
    """Write a suggestion as a line.

    The predictions stand in an object of their own: a ``sd`` beside the configuration is that of a measurement.
    """
    stored = suggestion.model_dump(mode="json")
    fields = {name: stored[name] for name in ("suggestion_uuid", "covars", *_ECHOED) if stored.get(name)}
    return json.dumps({"exp_uuid": str(exp_uuid), **fields}, ensure_ascii=False)


class LineReader:
    """Reads the lines of one input.

    Equal lines get different keys, by how often the line was there before: two runs that came out the same are two,
    while the whole input, read again, has the same keys again.

    Args:
        exp_uuid: The experiment that the runs are of.
        salt: What makes the keys differ from those of every other input; empty where the same input is told once.
    """

    def __init__(self, exp_uuid: UUID, salt: str = "") -> None:
        self._exp_uuid = exp_uuid
        self._salt = salt
        self._seen: Counter[str] = Counter()

    def read(self, text: str | bytes) -> Line:
        """Read a line; bytes are UTF-8.

        Raises:
            InvalidInputError: If the line is no JSON object, is a run of another experiment, or a field is not valid.
        """
        fields = _object(text)
        unknown = [name for name in fields if name not in {*_OF_RUN, *_ECHOED, _KEY}]
        if unknown:
            allowed = f"is not a field of a run; the fields are {listed([*_OF_RUN, _KEY])}, and what ask wrote"
            raise _refusal(unknown[0], allowed, fields[unknown[0]])
        if fields.get("exp_uuid", str(self._exp_uuid)) != str(self._exp_uuid):
            raise _refusal("exp_uuid", f"is another experiment than {self._exp_uuid}", fields["exp_uuid"])
        with checked("this line"):
            told = Told.model_validate({name: fields[name] for name in _OF_RUN if name in fields})
        return Line(told, self._key_of(told) if fields.get(_KEY) is None else key_of(fields[_KEY]))

    def _key_of(self, told: Told) -> str:
        content = json.dumps(told.model_dump(mode="json", exclude_unset=True), sort_keys=True)
        self._seen[content] += 1
        named = f"{self._salt}\n{self._exp_uuid}\n{self._seen[content]}\n{content}"
        return f"line-{sha256(named.encode()).hexdigest()}"


def _object(text: str | bytes) -> Mapping[str, Any]:
    begin = text.strip()[:_SHOWN]
    given = begin.decode(errors="replace") if isinstance(begin, bytes) else begin
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"is no JSON: {error} (given: {given!r})") from None
    if not isinstance(found, dict):
        raise InvalidInputError(f"must be a JSON object, as ask --json writes it (given: {given!r})")
    return found


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number; tell a run that gave no response with status failed")


def key_of(key: Any) -> str:
    """Check the key that a user gave a tell.

    Raises:
        InvalidInputError: If the key is none that the service takes.
    """
    try:
        return str(TypeAdapter(Key).validate_python(key))
    except ValidationError:
        raise _refusal(_KEY, "must be a text of 1 to 200 printable ASCII characters without blanks", key) from None


def _refusal(field: str, message: str, value: Any) -> InvalidInputError:
    shown = value if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return InvalidInputError("this line is not valid:", [FieldProblem(field=field, message=message, value=shown)])
