"""Whether a document that says it is an experiment can be one: it comes from outside, and everything must fit."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, ParamSpec
from uuid import UUID

from autotune_service.domain.configuration import checked_configuration, checked_fixed
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.feasibility import check_feasible
from autotune_service.domain.incumbent import is_better, meets_thresholds
from autotune_service.domain.models import EngineDemand, check_models
from autotune_service.domain.portable_log import announces, log_problems, reference_problems, within
from autotune_service.domain.revision import revised
from autotune_wire.base import Configuration
from autotune_wire.constraints import constraint_problems
from autotune_wire.experiments import SpaceEdit
from autotune_wire.names import name_problems
from autotune_wire.portable import (
    ExperimentExport,
    PortableEvent,
    PortableObservation,
    PortableSuggestion,
    PortableVersion,
)
from autotune_wire.problems import MAX_PROBLEMS, FieldProblem, shown
from autotune_wire.responses import Responses, objectives_of, primary_of, response_problems
from autotune_wire.space import Space, space_problems
from autotune_wire.stopping import stop_problems

P = ParamSpec("P")

_CONTENT = ("covars", "responses", "sds", "status", "is_excluded", "version")


def check_portable(document: ExperimentExport) -> None:
    """Refuse what no service can have exported, and give each value its covariate's own type.

    Raises:
        InvalidError: With the first problems that were found, each with its field.
    """
    # In this order: each step takes for granted what those before it have found to be so.
    for find in _CHECKS:
        problems = list(islice(find(document), MAX_PROBLEMS))
        if problems:
            raise InvalidError.of(problems)


def best_of(document: ExperimentExport) -> PortableObservation | None:
    """Give the best of the observations that count, the earlier of two equal ones."""
    responses = document.experiment.responses
    primary, objective = primary_of(responses)
    best: PortableObservation | None = None
    for one in document.observations:
        value = one.responses.get(primary)
        if value is None or one.is_excluded or not meets_thresholds(responses, one.responses):
            continue
        if is_better(objective.goal, value, None if best is None else best.responses[primary]):
            best = one
    return best


def _experiment(document: ExperimentExport) -> Iterator[FieldProblem]:
    own, newest = document.experiment, document.spaces[-1]
    names = {"name": own.name} | {f"responses.{name}": name for name in own.responses}
    problems = name_problems({}, names) + response_problems(own.responses, newest.covars)
    if not problems:
        problems = stop_problems(own.stop, len(objectives_of(own.responses)))
    yield from within("experiment", problems)
    if own.fit_rev > own.data_rev or own.data_rev > own.last_seq:
        yield FieldProblem(field="experiment.data_rev", message="must lie between fit_rev and last_seq")
    unknown = _unknown_covariates(own.best_predicted.covars if own.best_predicted else {}, newest.covars)
    if unknown:
        yield FieldProblem(field="experiment.best_predicted.covars", message=f"{unknown} is no covariate")


def _spaces(document: ExperimentExport) -> Iterator[FieldProblem]:
    own, spaces = document.experiment, document.spaces
    for index, one in enumerate(spaces):
        field = f"spaces.{index}"
        if one.revision != index:
            yield FieldProblem(field=f"{field}.revision", message=f"must be {index}: oldest first", value=one.revision)
        problems = name_problems(one.covars, {}) + space_problems(one.covars)
        problems += constraint_problems(one.covars, one.constraints)
        yield from within(field, problems)
        if problems:
            return
        if index:
            edit = SpaceEdit(covars=one.covars, constraints=one.constraints, backfill=one.backfill)
            yield from _refused(field, _revised, spaces[index - 1].covars, edit, own.responses)
        elif one.backfill:
            yield FieldProblem(field=f"{field}.backfill", message="must be empty: nothing was run before it")
    newest = spaces[-1]
    demand = EngineDemand(own.engine, own.acq_func, newest.covars, own.responses, newest.constraints, own.stop)
    yield from _refused("", check_models, demand)
    yield from _refused(f"spaces.{len(spaces) - 1}", check_feasible, newest.covars, newest.constraints)


def _revised(old: Space, edit: SpaceEdit, responses: Responses) -> None:
    revised(old, edit, responses=responses)


def _uuids(document: ExperimentExport) -> Iterator[FieldProblem]:
    lists: dict[str, list[UUID]] = {
        "suggestions": [one.suggestion_uuid for one in document.suggestions],
        "observations": [one.observation_uuid for one in document.observations],
        "observations (suggestion_uuid)": [
            one.suggestion_uuid for one in document.observations if one.suggestion_uuid is not None
        ],
    }
    for name, uuids in lists.items():
        if len(set(uuids)) != len(uuids):
            yield FieldProblem(field=name, message="a uuid stands there twice")
    created = sum(event.type == "suggestion_created" for event in document.events)
    if created != len(document.suggestions):
        yield FieldProblem(field="suggestions", message=f"must be {created}, as many as the events announce")
    added, own = sum(event.type == "observation_added" for event in document.events), document.experiment
    if not added == len(document.observations) == own.n_observations:
        message = f"must be {added}, as many as the events announce, and n_observations with them"
        yield FieldProblem(field="observations", message=message, value=own.n_observations)


def _suggestions(document: ExperimentExport) -> Iterator[FieldProblem]:
    own, spaces = document.experiment, _Spaces(document)
    told = {one.suggestion_uuid for one in document.observations}
    for index, one in enumerate(document.suggestions):
        field = f"suggestions.{index}"
        if not announces(document.events, one.seq, "suggestion_created", "suggestion_uuid", one.suggestion_uuid):
            yield FieldProblem(field=f"{field}.seq", message="no event announces it there", value=one.seq)
        if one.data_rev > own.data_rev:
            yield FieldProblem(field=f"{field}.data_rev", message="is beyond the experiment's", value=one.data_rev)
        if one.data_seq is not None and one.data_seq >= one.seq:
            yield FieldProblem(field=f"{field}.data_seq", message="must be before its own event", value=one.data_seq)
        if (one.suggestion_uuid in told) != (one.state == "told"):
            message = "is told where an observation names it, and nowhere else"
            yield FieldProblem(field=f"{field}.state", message=message, value=one.state)
        unknown = next((name for name in one.predictions if name not in own.responses), None)
        if unknown is not None:
            yield FieldProblem(field=f"{field}.predictions", message=f"{shown(unknown)} is no response")
        yield from _refused("", _settle_suggestion, spaces, one, field)


def _settle_suggestion(spaces: "_Spaces", one: PortableSuggestion, field: str) -> None:
    one.covars = spaces.checked(one.covars, one.seq, f"{field}.covars")
    one.fixed = checked_fixed(spaces.at(one.seq), one.fixed, f"{field}.fixed", needs_context=False)


def _observations(document: ExperimentExport) -> Iterator[FieldProblem]:
    spaces = _Spaces(document)
    suggested = {one.suggestion_uuid: one for one in document.suggestions}
    for index, one in enumerate(document.observations):
        field = f"observations.{index}"
        if not announces(document.events, one.seq, "observation_added", "observation_uuid", one.observation_uuid):
            yield FieldProblem(field=f"{field}.seq", message="no event announces it there", value=one.seq)
        if one.suggestion_uuid is not None:
            suggestion = suggested.get(one.suggestion_uuid)
            if suggestion is None or suggestion.seq >= one.seq:
                message = "is no suggestion of this experiment that came before it"
                value = str(one.suggestion_uuid)
                yield FieldProblem(field=f"{field}.suggestion_uuid", message=message, value=value)
        yield from _outcome(document, one, field)
        if one.version == 1:
            yield from _refused("", _settle, spaces, one, field)


def _settle(spaces: "_Spaces", one: PortableObservation | PortableVersion, field: str) -> None:
    one.covars = spaces.checked(one.covars, one.seq, f"{field}.covars")


def _versions(document: ExperimentExport) -> Iterator[FieldProblem]:
    spaces = _Spaces(document)
    newest = {one.observation_uuid: one for one in document.observations}
    before: dict[UUID, PortableVersion] = {}
    for index, one in enumerate(document.versions):
        field = f"versions.{index}"
        observation, former = newest.get(one.observation_uuid), before.get(one.observation_uuid)
        if observation is None:
            message = "is no observation of this experiment"
            value = str(one.observation_uuid)
            yield FieldProblem(field=f"{field}.observation_uuid", message=message, value=value)
            return
        if one.version != (1 if former is None else former.version + 1):
            yield FieldProblem(field=f"{field}.version", message="must follow the one before", value=one.version)
        if not _is_announced(document.events, one, observation, former):
            yield FieldProblem(field=f"{field}.seq", message="no event announces it there", value=one.seq)
        yield from _outcome(document, one, field)
        if former is not None and one.covars == former.covars:
            one.covars = former.covars
        else:
            yield from _refused("", _settle, spaces, one, field)
        before[one.observation_uuid] = one
    for index, observation in enumerate(document.observations):
        last = before.get(observation.observation_uuid)
        if last is None and observation.version == 1:
            continue
        if last is None or any(getattr(last, name) != getattr(observation, name) for name in _CONTENT):
            message = "must be the newest of its versions, all of which are given where it was corrected"
            yield FieldProblem(field=f"observations.{index}.version", message=message, value=observation.version)
        else:
            observation.covars = last.covars


def _is_announced(
    events: Sequence[PortableEvent],
    one: PortableVersion,
    observation: PortableObservation,
    former: PortableVersion | None,
) -> bool:
    if former is None:
        return one.seq == observation.seq
    is_later = one.seq > former.seq
    return is_later and announces(events, one.seq, "observation_corrected", "observation_uuid", one.observation_uuid)


def _standing(document: ExperimentExport) -> Iterator[FieldProblem]:
    best, told = best_of(document), document.experiment.best_observation_uuid
    if told != (None if best is None else best.observation_uuid):
        message = f"must be {'null' if best is None else best.observation_uuid}, which is the best that counts"
        yield FieldProblem(field="experiment.best_observation_uuid", message=message, value=str(told))


class _Spaces:
    """The space that held at each event."""

    def __init__(self, document: ExperimentExport) -> None:
        self._seqs = [one.seq for one in document.spaces]
        self._spaces = [one.covars for one in document.spaces]

    def at(self, seq: int) -> Space:
        return self._spaces[self._index(seq)]

    def checked(self, covars: Configuration, seq: int, field: str) -> Configuration:
        index = self._index(seq)
        return checked_configuration(self._spaces[index], covars, field, earlier=self._spaces[:index])

    def _index(self, seq: int) -> int:
        return max(bisect_left(self._seqs, seq) - 1, 0)


def _outcome(
    document: ExperimentExport, one: PortableObservation | PortableVersion, field: str
) -> Iterator[FieldProblem]:
    if (one.status == "failed") == bool(one.responses):
        message = "is failed where there is no response, and nowhere else"
        yield FieldProblem(field=f"{field}.status", message=message, value=one.status)
    for part, named, known in (
        ("responses", one.responses, document.experiment.responses),
        ("sds", one.sds, one.responses),
    ):
        unknown = next((name for name in named if name not in known), None)
        if unknown is not None:
            yield FieldProblem(field=f"{field}.{part}.{shown(unknown)}", message="is no response of it")


def _refused(field: str, check: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> Iterator[FieldProblem]:
    try:
        check(*args, **kwargs)
    except InvalidError as error:
        yield from within(field, error.errors)


def _unknown_covariates(covars: Configuration, space: Space) -> Any:
    return shown(next((name for name in covars if name not in space), None))


_CHECKS = (
    _experiment,
    _spaces,
    log_problems,
    _uuids,
    _suggestions,
    _observations,
    _versions,
    _standing,
    reference_problems,
)
