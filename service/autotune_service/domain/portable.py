"""Whether the document of an experiment that a user imports is consistent: nothing in the document is trusted."""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import ParamSpec
from uuid import UUID

from autotune_service.domain.configuration import checked_configuration, checked_fixed, checked_run
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.feasibility import check_feasible
from autotune_service.domain.incumbent import is_better
from autotune_service.domain.models import EngineDemand, check_models
from autotune_service.domain.portable_candidates import candidate_problems
from autotune_service.domain.portable_earlier import earlier_problems
from autotune_service.domain.portable_log import announces, log_problems, reference_problems, within
from autotune_service.domain.portable_text import PortableDocument, Records
from autotune_service.domain.revision import revised
from autotune_wire.base import Configuration
from autotune_wire.constraints import constraint_problems
from autotune_wire.experiments import SpaceEdit
from autotune_wire.names import name_problems
from autotune_wire.portable import (
    PortableEvent,
    PortableObservation,
    PortableSuggestion,
    PortableVersion,
)
from autotune_wire.problems import MAX_PROBLEMS, FieldProblem, shown
from autotune_wire.reports import MAX_ALL_REPORTS, early_stop_problems, reported_of
from autotune_wire.responses import meets_thresholds, primary_of, response_problems
from autotune_wire.space import space_problems
from autotune_wire.stopping import stop_problems

P = ParamSpec("P")

_CONTENT = ("covars", "responses", "sds", "status", "stopped_step", "stopped_value", "is_excluded", "version")
"""The fields that an observation and the newest of its versions share.

They share ``failed_because`` only where a service that knows it has made the correction.
"""


def check_portable(document: PortableDocument) -> None:
    """Check that a service can have exported a document.

    Args:
        document: The document; each record of it has been checked by itself.

    Raises:
        InvalidError: With the first problems that were found, each with its field.
    """
    # The order matters: each check relies on the checks before it.
    for find in _CHECKS:
        problems = list(islice(find(document), MAX_PROBLEMS))
        if problems:
            raise InvalidError.of(problems)


def best_of(document: PortableDocument) -> PortableObservation | None:
    """Find the best observation that is not excluded, failed or beyond a threshold; the earlier of two equal ones.

    Returns:
        The observation; None if the document has no such observation.
    """
    responses = document.experiment.responses
    primary, objective = primary_of(responses)
    best: PortableObservation | None = None
    for observation in document.observations:
        value = observation.responses.get(primary)
        if value is None or observation.is_excluded or not meets_thresholds(responses, observation.responses):
            continue
        if is_better(objective, value, None if best is None else best.responses[primary]):
            best = observation
    return best


def _experiment_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    own, newest = document.experiment, document.spaces[-1]
    names = {"name": own.name} | {f"responses.{name}": name for name in own.responses}
    problems = name_problems({}, names) + response_problems(own.responses, newest.covars)
    if not problems:
        problems = stop_problems(own.stop, own.responses) + early_stop_problems(own.early_stop, own.responses)
    yield from within("experiment", problems)
    if own.fit_rev > own.data_rev or own.data_rev > own.last_seq:
        yield FieldProblem(field="experiment.data_rev", message="must lie between fit_rev and last_seq")
    predicted = own.best_predicted.covars if own.best_predicted else {}
    unknown = next((name for name in predicted if name not in newest.covars), None)
    if unknown is not None:
        message = f"{shown(unknown)!r} is not a covariate of this experiment"
        yield FieldProblem(field="experiment.best_predicted.covars", message=message)


def _space_history_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    own, spaces = document.experiment, document.spaces
    for index, space in enumerate(spaces):
        field = f"spaces.{index}"
        if space.revision != index:
            message = f"must be {index}: revisions count from 0, the oldest first"
            yield FieldProblem(field=f"{field}.revision", message=message, value=space.revision)
        problems = name_problems(space.covars, {}) + space_problems(space.covars)
        problems += constraint_problems(space.covars, space.constraints)
        yield from within(field, problems)
        if problems:
            return
        if index:
            edit = SpaceEdit(covars=space.covars, constraints=space.constraints, backfill=space.backfill)
            yield from _refused(field, revised, spaces[index - 1].covars, edit, responses=own.responses)
        elif space.backfill:
            message = "must be empty: no run came before the first revision"
            yield FieldProblem(field=f"{field}.backfill", message=message)
    newest = spaces[-1]
    demand = EngineDemand(
        own.engine,
        own.acq_func,
        newest.covars,
        own.responses,
        newest.constraints,
        own.stop,
        has_candidates=len(document.candidates) > 0,
    )
    yield from _refused("", check_models, demand)
    yield from _refused(f"spaces.{len(spaces) - 1}", check_feasible, newest.covars, newest.constraints)


def _uuid_and_count_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    lists: dict[str, list[UUID]] = {
        "suggestions": [suggestion.suggestion_uuid for suggestion in document.suggestions],
        "observations": [],
        "observations (suggestion_uuid)": [],
    }
    for observation in document.observations:
        lists["observations"].append(observation.observation_uuid)
        if observation.suggestion_uuid is not None:
            lists["observations (suggestion_uuid)"].append(observation.suggestion_uuid)
    for name, uuids in lists.items():
        if len(set(uuids)) != len(uuids):
            yield FieldProblem(field=name, message="a uuid occurs twice in this list")
    n_events = Counter(event.type for event in document.events)
    created = n_events["suggestion_created"]
    if created != len(document.suggestions):
        message = f"must have {created} entries, one for each suggestion_created event"
        yield FieldProblem(field="suggestions", message=message)
    added, own = n_events["observation_added"], document.experiment
    if not added == len(document.observations) == own.n_observations:
        message = f"must have {added} entries, one for each observation_added event, and n_observations must be {added}"
        yield FieldProblem(field="observations", message=message, value=own.n_observations)


def _suggestion_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    own, spaces = document.experiment, SpaceHistory(document)
    told = {observation.suggestion_uuid for observation in document.observations}
    for index, suggestion in enumerate(document.suggestions):
        field, uuid, seq = f"suggestions.{index}", suggestion.suggestion_uuid, suggestion.seq
        if not announces(document.events, seq, "suggestion_created", "suggestion_uuid", uuid):
            message = "must be the seq of this suggestion's suggestion_created event"
            yield FieldProblem(field=f"{field}.seq", message=message, value=seq)
        if suggestion.data_rev > own.data_rev:
            message = f"must be at most the experiment's data_rev, {own.data_rev}"
            yield FieldProblem(field=f"{field}.data_rev", message=message, value=suggestion.data_rev)
        if suggestion.data_seq is not None and suggestion.data_seq >= seq:
            message = f"must be less than the suggestion's seq, {seq}"
            yield FieldProblem(field=f"{field}.data_seq", message=message, value=suggestion.data_seq)
        if (uuid in told) != (suggestion.state == "told"):
            message = 'must be "told" if an observation names this suggestion, and must not be "told" otherwise'
            yield FieldProblem(field=f"{field}.state", message=message, value=suggestion.state)
        unknown = next((name for name in suggestion.predictions if name not in own.responses), None)
        if unknown is not None:
            message = f"{shown(unknown)} is not a response of this experiment"
            yield FieldProblem(field=f"{field}.predictions", message=message)
        yield from _refused("", spaces.checked_suggestion, suggestion, field)


def _observation_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    spaces = SpaceHistory(document)
    suggested = {suggestion.suggestion_uuid: suggestion.seq for suggestion in document.suggestions}
    for index, observation in enumerate(document.observations):
        field, uuid, seq = f"observations.{index}", observation.observation_uuid, observation.seq
        if not announces(document.events, seq, "observation_added", "observation_uuid", uuid):
            message = "must be the seq of this observation's observation_added event"
            yield FieldProblem(field=f"{field}.seq", message=message, value=seq)
        if observation.suggestion_uuid is not None:
            suggestion_seq = suggested.get(observation.suggestion_uuid)
            if suggestion_seq is None or suggestion_seq >= seq:
                message = "must be a suggestion of this experiment, created before the observation"
                value = str(observation.suggestion_uuid)
                yield FieldProblem(field=f"{field}.suggestion_uuid", message=message, value=value)
        yield from _outcome_problems(document, observation, field)
        if observation.version == 1:
            yield from _refused("", spaces.checked_run, observation.covars, seq, f"{field}.covars")


def _version_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    spaces, corrections = SpaceHistory(document), Corrections(document.versions)
    observed = {observation.observation_uuid: observation.seq for observation in document.observations}
    for index, version in enumerate(document.versions):
        field, uuid = f"versions.{index}", version.observation_uuid
        observed_seq, former = observed.get(uuid), corrections.former(index)
        if observed_seq is None:
            message = "must be an observation of this experiment"
            yield FieldProblem(field=f"{field}.observation_uuid", message=message, value=str(uuid))
            return
        number = 1 if former is None else former.version + 1
        if version.version != number:
            message = f"must be {number}: the versions of an observation count from 1"
            yield FieldProblem(field=f"{field}.version", message=message, value=version.version)
        if not _is_announced(document.events, version, observed_seq, former):
            message = "must be the seq of the event that announced this version"
            yield FieldProblem(field=f"{field}.seq", message=message, value=version.seq)
        yield from _outcome_problems(document, version, field)
        if corrections.since(index) == version.seq:
            yield from _refused("", spaces.checked_run, version.covars, version.seq, f"{field}.covars")
    for index, observation in enumerate(document.observations):
        newest = corrections.newest.get(observation.observation_uuid)
        last = None if newest is None else document.versions[newest]
        if last is None and observation.version == 1:
            continue
        if last is None or any(getattr(last, name) != getattr(observation, name) for name in _CONTENT):
            message = "a corrected observation must have all its versions in versions, and must equal the newest"
            yield FieldProblem(field=f"observations.{index}.version", message=message, value=observation.version)


def _is_announced(
    events: Records[PortableEvent], version: PortableVersion, observed_seq: int, former: PortableVersion | None
) -> bool:
    seq, uuid = version.seq, version.observation_uuid
    if former is None:
        return seq == observed_seq
    return seq > former.seq and announces(events, seq, "observation_corrected", "observation_uuid", uuid)


def _curve_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    suggested = {suggestion.suggestion_uuid for suggestion in document.suggestions}
    n_reports = 0
    for index, curve in enumerate(document.curves):
        n_reports += len(curve.steps)
        field, uuid = f"curves.{index}", curve.suggestion_uuid
        if uuid not in suggested:
            message = "must be a suggestion of this experiment, and have no other curve"
            yield FieldProblem(field=f"{field}.suggestion_uuid", message=message, value=str(uuid))
        suggested.discard(uuid)
        if not announces(document.events, curve.seq, "reported", "suggestion_uuid", uuid):
            message = "must be the seq of this run's first reported event"
            yield FieldProblem(field=f"{field}.seq", message=message, value=curve.seq)
        if curve.steps != sorted(set(curve.steps)) or len(curve.steps) != len(curve.values):
            message = "must be in ascending order, each step once, with a value for each"
            yield FieldProblem(field=f"{field}.steps", message=message)
    if n_reports > MAX_ALL_REPORTS:
        message = f"must have at most {MAX_ALL_REPORTS} steps, all runs together"
        yield FieldProblem(field="curves", message=message, value=n_reports)


def _best_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    best, stated = best_of(document), document.experiment.best_observation_uuid
    if stated != (None if best is None else best.observation_uuid):
        expected = "null: no observation counts" if best is None else f"{best.observation_uuid}, the best that counts"
        message = f"must be {expected}"
        yield FieldProblem(field="experiment.best_observation_uuid", message=message, value=str(stated))


class SpaceHistory:
    """The space of an experiment at each event, and the configurations of that time in it."""

    def __init__(self, document: PortableDocument) -> None:
        self._seqs = [space.seq for space in document.spaces]
        self._spaces = [space.covars for space in document.spaces]

    def checked_run(self, covars: Configuration, seq: int, field: str) -> Configuration:
        """Return a run's configuration, told or corrected at a seq, with each value in its covariate's own type.

        Raises:
            InvalidError: If a value is one that the run cannot have had.
        """
        index = self._index(seq)
        return checked_run(self._spaces[index], covars, field, earlier=self._spaces[:index])

    def checked_suggestion(self, suggestion: PortableSuggestion, field: str) -> tuple[Configuration, Configuration]:
        """Return a suggestion's configuration and its fixed values, each value in its covariate's own type.

        Raises:
            InvalidError: If a value is one that cannot have been suggested.
        """
        index = self._index(suggestion.seq)
        space, earlier = self._spaces[index], self._spaces[:index]
        covars = checked_configuration(space, suggestion.covars, f"{field}.covars", earlier=earlier)
        return covars, checked_fixed(space, suggestion.fixed, f"{field}.fixed", needs_context=False)

    def _index(self, seq: int) -> int:
        return max(bisect_left(self._seqs, seq) - 1, 0)


class Corrections:
    """How the versions of an experiment's observations follow each other.

    Attributes:
        newest: For each observation that was corrected, the place of its newest version.
    """

    def __init__(self, versions: Records[PortableVersion]) -> None:
        self.newest: dict[UUID, int] = {}
        self._versions = versions
        self._formers, self._sinces = array("q"), array("q")
        for index, version in enumerate(versions):
            self._formers.append(self.newest.get(version.observation_uuid, -1))
            former = self.former(index)
            is_same = former is not None and former.covars == version.covars
            self._sinces.append(self._sinces[self._formers[index]] if is_same else version.seq)
            self.newest[version.observation_uuid] = index

    def former(self, index: int) -> PortableVersion | None:
        """Return the version of the same observation before the one at this place, None for a first version."""
        former = self._formers[index]
        return None if former < 0 else self._versions[former]

    def since(self, index: int) -> int:
        """Return the seq at which the configuration of the version at this place was told or corrected."""
        return self._sinces[index]


def _outcome_problems(
    document: PortableDocument, observation: PortableObservation | PortableVersion, field: str
) -> Iterator[FieldProblem]:
    is_stopped = observation.stopped_step is not None
    if (observation.status == "failed") == (bool(observation.responses) or is_stopped):
        message = 'must be "failed" if the run has no responses and was not stopped, and must not be "failed" otherwise'
        yield FieldProblem(field=f"{field}.status", message=message, value=observation.status)
    reported, _ = reported_of(document.experiment.early_stop, document.experiment.responses)
    if is_stopped != (observation.stopped_value is not None) or (is_stopped and reported in observation.responses):
        message = "must be given together with stopped_step, in place of the response that runs report"
        yield FieldProblem(field=f"{field}.stopped_value", message=message, value=observation.stopped_value)
    for part, named, known, whose in (
        ("responses", observation.responses, document.experiment.responses, "this experiment"),
        ("sds", observation.sds, observation.responses, "this run"),
    ):
        unknown = next((name for name in named if name not in known), None)
        if unknown is not None:
            yield FieldProblem(field=f"{field}.{part}.{shown(unknown)}", message=f"is not a response of {whose}")


def _refused(field: str, check: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> Iterator[FieldProblem]:
    try:
        check(*args, **kwargs)
    except InvalidError as error:
        yield from within(field, error.errors)


_CHECKS = (
    _experiment_problems,
    _space_history_problems,
    log_problems,
    _uuid_and_count_problems,
    _suggestion_problems,
    _observation_problems,
    _version_problems,
    _curve_problems,
    candidate_problems,
    _best_problems,
    reference_problems,
    earlier_problems,
)
