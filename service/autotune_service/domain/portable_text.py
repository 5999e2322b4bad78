"""Read an exported experiment from its JSON text, record by record: at no time are all records in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from typing_extensions import Buffer

from autotune_service.domain.errors import InvalidError
from autotune_service.domain.json_text import malformed, read_json, require_unique
from autotune_wire.portable import (
    MAX_EVENTS,
    MAX_REVISIONS,
    ExperimentExport,
    PortableCurve,
    PortableEarlierRun,
    PortableEvent,
    PortableExperiment,
    PortableObservation,
    PortableRows,
    PortableSpace,
    PortableSuggestion,
    PortableVersion,
    check_plain,
)
from autotune_wire.problems import FieldProblem, field_problems

R = TypeVar("R", bound=BaseModel)

_Texts = Sequence[msgspec.Raw]

_MODELS: dict[str, type[BaseModel]] = {
    "spaces": PortableSpace,
    "suggestions": PortableSuggestion,
    "observations": PortableObservation,
    "versions": PortableVersion,
    "curves": PortableCurve,
    "events": PortableEvent,
    "earlier_runs": PortableEarlierRun,
    "candidates": PortableRows,
}
_SHOWN = MAX_REVISIONS + 2  # so many records of a list show whether it has too many or too few


class Records(Generic[R]):
    """A list of records, each of which is read from its text whenever it is asked for."""

    def __init__(self, model: type[R], texts: _Texts) -> None:
        self._model = model
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> R:
        return self._model.model_validate(msgspec.json.decode(self._texts[index]))

    def __iter__(self) -> Iterator[R]:
        for index in range(len(self)):
            yield self[index]


@dataclass(frozen=True, slots=True)
class PortableDocument:
    """An ``ExperimentExport`` whose long lists stay in its text."""

    experiment: PortableExperiment
    spaces: list[PortableSpace]
    suggestions: Records[PortableSuggestion]
    observations: Records[PortableObservation]
    versions: Records[PortableVersion]
    curves: Records[PortableCurve]
    events: Records[PortableEvent]
    earlier_runs: Records[PortableEarlierRun]
    candidates: Records[PortableRows]


def read_document(text: Buffer) -> PortableDocument:
    """Read an export, and check each record of it by itself.

    Args:
        text: The JSON; must stay as it is for as long as the document is used.

    Raises:
        MalformedError: If the text is not valid JSON.
        InvalidError: If a field is missing, unknown or of another type, or something is too large.
    """
    try:
        lists, others = _plain_parts(text)
        head = _checked(lists, others)
    except ValidationError as error:
        raise InvalidError.of(field_problems(error)) from None
    return PortableDocument(
        experiment=head.experiment,
        spaces=list(Records(PortableSpace, lists["spaces"])),
        suggestions=Records(PortableSuggestion, lists["suggestions"]),
        observations=Records(PortableObservation, lists["observations"]),
        versions=Records(PortableVersion, lists["versions"]),
        curves=Records(PortableCurve, lists.get("curves", [])),
        events=Records(PortableEvent, lists["events"]),
        earlier_runs=Records(PortableEarlierRun, lists.get("earlier_runs", [])),
        candidates=Records(PortableRows, lists.get("candidates", [])),
    )


class _Name:
    """A name of the outermost object; two equal ones are two keys of a dict, so that neither is lost."""

    def __init__(self, text: str) -> None:
        self.text = text


_PARTS = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda _, text: _Name(text))
_TEXTS = msgspec.json.Decoder(list[msgspec.Raw])


def _plain_parts(text: Buffer) -> tuple[dict[str, _Texts], dict[str, Any]]:
    """Find the texts of all records, and read the rest.

    Returns:
        The lists, by name; and the other parts of the document, decoded, by name.
    """
    lists: dict[str, _Texts] = {}
    others: dict[str, Any] = {}
    for name, part in _parts(text).items():
        texts = _texts(part) if name in _MODELS else None
        if texts is None:
            others[name] = read_json(bytes(part))
            check_plain(name, others[name])
        elif len(texts) > MAX_EVENTS:
            check_plain(name, texts)
        else:
            for index, record in enumerate(texts):
                check_plain(f"{name}.{index}", read_json(bytes(record)))
            lists[name] = texts
    return lists, others


def _parts(text: Buffer) -> dict[str, msgspec.Raw]:
    try:
        parts = _PARTS.decode(text)
    except msgspec.ValidationError:
        ExperimentExport.model_validate(None)  # it is not an object
        raise
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise malformed(error) from None
    names = [name.text for name in parts]
    require_unique(names)
    check_plain("", names)
    return dict(zip(names, parts.values(), strict=True))


def _texts(part: msgspec.Raw) -> _Texts | None:
    """Return the texts of a list's elements, None if the part is no list."""
    try:
        return _TEXTS.decode(part)
    except msgspec.ValidationError:
        return None


def _checked(lists: Mapping[str, _Texts], others: Mapping[str, Any]) -> ExperimentExport:
    """Check every record, and return the document with a few records of each list.

    Raises:
        InvalidError: With the problems of all parts; of each list, those of the first record that is wrong.
    """
    shown: dict[str, Any] = dict(others)
    starts: dict[str, int] = {}
    for name, texts in lists.items():
        starts[name] = _first_wrong(_MODELS[name], texts)
        shown[name] = _decoded(texts, starts[name])
    try:
        return ExperimentExport.model_validate(shown)
    except ValidationError as error:
        raise InvalidError.of([_moved(problem, starts) for problem in field_problems(error)]) from None


def _first_wrong(model: type[BaseModel], texts: _Texts) -> int:
    """Return the start of a slice that begins with the first wrong record, 0 if all are right."""
    for index, text in enumerate(texts):
        try:
            model.model_validate(msgspec.json.decode(text))
        except ValidationError:
            return index
    return 0


def _decoded(texts: _Texts, start: int) -> list[Any]:
    return [msgspec.json.decode(text) for text in texts[start : start + _SHOWN]]


def _moved(problem: FieldProblem, starts: Mapping[str, int]) -> FieldProblem:
    name, _, rest = problem.field.partition(".")
    index, dot, rest = rest.partition(".")
    if not starts.get(name) or not index.isdigit():
        return problem
    return problem.model_copy(update={"field": f"{name}.{int(index) + starts[name]}{dot}{rest}"})
