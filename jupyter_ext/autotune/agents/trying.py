"""The tools of the loop: take a suggestion, tell what was measured or that the run failed, or give it up."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from autotune.agents.answers import Listed, Run, Suggested, answer, run_line, suggested_line
from autotune.agents.reach import Reach
from autotune.agents.reading import Named
from autotune.calls.noting import note_of, write_note
from autotune.calls.reading import history_pages
from autotune.calls.telling import ALREADY_TOLD, tell_one
from autotune.errors import AutotuneError, InvalidInputError, ServiceError
from autotune.experiment import Experiment
from autotune.far_off import far_off_values
from autotune.inputs.checks import checked
from autotune.transport.coroutines import result_of
from autotune.views.shown import Observation, Suggestion, outcome_texts, with_units
from autotune_wire.base import Configuration, Name, Number, Reason
from autotune_wire.observations import Sd, Told
from autotune_wire.overviews import Overview
from autotune_wire.paths import EXPERIMENT_OVERVIEW, EXPERIMENT_RENEW
from autotune_wire.problems import FieldProblem
from autotune_wire.reports import Step
from autotune_wire.suggestions import MAX_ASK, Fixed, Leases, LeaseSeconds, Renew

_TOLD = "told"

SuggestionUuid = Annotated[UUID, Field(description="The suggestion that was run, from ask or describe_experiment.")]
Ran = Annotated[
    Configuration | None,
    Field(description="Where the run differed from the suggestion: the values that were really set, by covariate."),
]


class Asked(BaseModel):
    """Suggestions to run."""

    suggestions: list[Suggested]
    n_held_before: int = Field(description="So many of them, the first ones, were taken before and not told yet.")
    why_no_more: str | None = Field(description="Why there are fewer than were asked for.")


class Stored(BaseModel):
    """A run that is stored."""

    run: Run
    was_told_before: bool = Field(description="Whether the same was told before: nothing was stored a second time.")
    notes: list[str] = Field(description="What the user should look at.")
    experiment: Listed


class Judged(BaseModel):
    """Whether to go on with a run."""

    should_stop: bool
    why: str | None = Field(description="Why the run should be stopped; null if it is to go on.")
    n_reports: int = Field(description="How many steps of this run are reported.")


class GivenUp(BaseModel):
    """A suggestion that nobody will run."""

    suggestion: Suggested


class Trying:
    """Runs the loop for an agent."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def ask(
        self,
        experiment: Named,
        n: Annotated[int, Field(ge=1, le=MAX_ASK, description="How many to hold at the same time.")] = 1,
        fixed: Annotated[
            Fixed | None, Field(description="Values that are given, by covariate; every context covariate needs one.")
        ] = None,
        worker: Annotated[
            Name | None, Field(description="A name for each of several workers that run suggestions side by side.")
        ] = None,
        lease_s: Annotated[
            LeaseSeconds | None, Field(description="For how many seconds nobody else gets them; a day if not given.")
        ] = None,
    ) -> Annotated[CallToolResult, Asked]:
        """Take suggestions of what to run next; nobody else gets them meanwhile.

        Suggestions that were taken before and are not told yet come first, so asking again takes nothing twice. Tell
        the user all values, and keep the suggestion_uuid for tell or fail.
        """
        found = self._reach.experiment(experiment)
        name, fixed, why_no_more = self._reach.worker(worker), fixed or {}, None
        with self._reach.taking:
            held = _held(found, name, fixed)[:n]
            taken: list[Suggestion] = []
            try:
                if len(held) < n:
                    taken = found.ask(n - len(held), fixed=fixed, worker=name, lease_s=lease_s)
            except ServiceError as error:
                if not held:
                    raise
                why_no_more = str(error)
        both = [*held, *taken]
        data = Asked(
            suggestions=[Suggested.of(suggestion) for suggestion in both],
            n_held_before=len(held),
            why_no_more=why_no_more,
        )
        lines = ["Taken before, and not told yet:"] if held else []
        lines += [suggested_line(suggestion, found.covars) for suggestion in held]
        lines += ["Taken now:"] if taken else []
        lines += [suggested_line(suggestion, found.covars) for suggestion in taken]
        lines += [] if why_no_more is None else [f"No more: {why_no_more}"]
        return answer("\n".join(lines), data)

    def tell(
        self,
        experiment: Named,
        suggestion_uuid: SuggestionUuid,
        response: Annotated[
            Number | None, Field(description="What was measured, if the experiment has one response.")
        ] = None,
        responses: Annotated[
            dict[Name, Number] | None,
            Field(description="What was measured, by response; leave out what was not measured."),
        ] = None,
        sd: Annotated[Sd | None, Field(description="The standard deviation of response, if known.")] = None,
        sds: Annotated[dict[Name, Sd] | None, Field(description="The standard deviations of responses.")] = None,
        covars: Ran = None,
    ) -> Annotated[CallToolResult, Stored]:
        """Tell what was measured in the run of a suggestion. Never tell a value that nobody measured.

        A suggestion is told once: the same call again stores nothing and returns the run that is stored.
        """
        if response is None and responses is None:
            message = "is missing; a run that gave no response is told with fail"
            raise InvalidInputError("this run is not valid:", [FieldProblem(field="response", message=message)])
        fields = {"response": response, "responses": responses, "sd": sd, "sds": sds}
        return self._store(experiment, suggestion_uuid, covars, fields)

    def fail(
        self,
        experiment: Named,
        suggestion_uuid: SuggestionUuid,
        reason: Annotated[Reason | None, Field(description="Why, in the words of the user.")] = None,
        covars: Ran = None,
    ) -> Annotated[CallToolResult, Stored]:
        """Tell that the run of a suggestion failed: it was tried and gave no response. The model learns from it.

        A suggestion that was not tried is given up with abandon. The same call again stores nothing.
        """
        return self._store(experiment, suggestion_uuid, covars, {"status": "failed", "failed_because": reason})

    def report(
        self,
        experiment: Named,
        suggestion_uuid: SuggestionUuid,
        step: Annotated[Step, Field(description="How far the run has come, such as the epoch.")],
        value: Annotated[Number, Field(description="The value there of the response that the experiment compares.")],
    ) -> Annotated[CallToolResult, Judged]:
        """Report how the run of a suggestion goes, and learn whether to stop it. Never report an invented value.

        A run that should be stopped is stopped by the user or the program that runs it, and then told with stopped.
        """
        found = self._reach.experiment(experiment)
        verdict = found.report(self._suggestion(found, suggestion_uuid), step, value)
        data = Judged(should_stop=verdict.should_stop, why=verdict.why, n_reports=verdict.n_reports)
        return answer(f"Stop the run: {verdict.why}." if verdict.should_stop else "Go on with the run.", data)

    def stopped(
        self,
        experiment: Named,
        suggestion_uuid: SuggestionUuid,
        value: Annotated[
            Number | None, Field(description="The last value; if not given, the last one reported.")
        ] = None,
        step: Annotated[
            Step | None, Field(description="The step of the stop; if not given, the last one reported.")
        ] = None,
        covars: Ran = None,
    ) -> Annotated[CallToolResult, Stored]:
        """Tell that the run of a suggestion was stopped before its end, so that its last value is no final one."""
        responses = None if value is None else {self._reach.experiment(experiment).reported: value}
        fields = {"status": "stopped", "responses": responses, "stopped_step": step}
        return self._store(experiment, suggestion_uuid, covars, fields)

    def abandon(
        self,
        experiment: Named,
        suggestion_uuid: Annotated[UUID, Field(description="The suggestion that will not be run.")],
        reason: Annotated[Reason | None, Field(description="Why, in the words of the user.")] = None,
    ) -> Annotated[CallToolResult, GivenUp]:
        """Give a suggestion up that nobody will run; another takes its place. The same call again changes nothing."""
        found = self._reach.experiment(experiment)
        suggestion = found.abandon(self._suggestion(found, suggestion_uuid), reason or "")
        return answer(f"Abandoned: suggestion {suggestion_uuid}.", GivenUp(suggestion=Suggested.of(suggestion)))

    def _store(
        self, experiment: str, suggestion_uuid: UUID, covars: Configuration | None, fields: Mapping[str, Any]
    ) -> CallToolResult:
        found = self._reach.experiment(experiment)
        suggestion = self._suggestion(found, suggestion_uuid)
        given = {"covars": _ran(found, suggestion, covars or {}), "suggestion_uuid": suggestion_uuid, **fields}
        with checked("this run"):
            told = Told.model_validate({name: value for name, value in given.items() if value is not None})
        run = None if suggestion.state == _TOLD else _told_now(found, told)
        notes = [] if run is None else [*run.notes, *far_off_values(found, run, suggestion.predictions)]
        was_told_before = run is None
        if run is None:
            run = _told_before(found, told)
        else:
            run, more = self._marked(found, run)
            notes += more
        found.state()
        data = Stored(run=Run.of(run), was_told_before=was_told_before, notes=notes, experiment=Listed.of(found))
        first = "Was told before; nothing was stored a second time:" if was_told_before else "Stored:"
        best = "none yet" if data.experiment.best_response is None else f"{data.experiment.best_response:.6g}"
        lines = [first, run_line(run, found.covars), *(f"To check with the user: {note}" for note in notes)]
        return answer("\n".join([*lines, f"{found.n_observations} runs, best so far {best}."]), data)

    def _suggestion(self, experiment: Experiment, suggestion_uuid: UUID) -> Suggestion:
        """Fetch a suggestion in whatever state it is; a renewal returns it, and keeps it from others meanwhile."""
        body = Renew(suggestion_uuids=[suggestion_uuid], worker=self._reach.agent)
        path = EXPERIMENT_RENEW.format(exp_uuid=experiment.exp_uuid)
        return Suggestion(**dict(experiment.connection.post(path, Leases, body).suggestions[0]))

    def _marked(self, experiment: Experiment, run: Observation) -> tuple[Observation, list[str]]:
        """Tag a run with the agent's name, so that everybody sees who told it in the user's name."""
        edit = note_of(..., [*run.tags, self._reach.agent])
        try:
            return result_of(write_note(experiment.connection, experiment.exp_uuid, run, edit)), []
        except AutotuneError as error:  # the run is stored: an error would suggest that it is not
            return run, [f"the run is stored, but does not have the tag {self._reach.agent}: {error}"]


def _held(experiment: Experiment, worker: str, fixed: Configuration) -> list[Suggestion]:
    """Fetch the suggestions that a worker has taken with these values fixed, and nobody has told."""
    overview = experiment.connection.get(EXPERIMENT_OVERVIEW.format(exp_uuid=experiment.exp_uuid), Overview, newest=0)
    held = [
        Suggestion(**dict(pending))
        for pending in overview.suggestions
        if pending.state == "leased" and pending.worker == worker and pending.fixed == fixed
    ]
    return with_units(held, experiment.covars)


def _ran(experiment: Experiment, suggestion: Suggestion, changed: Configuration) -> Configuration:
    """Return the configuration that was run, without covariates that the changed values make inactive."""
    merged = {**suggestion.covars, **changed}

    def is_kept(name: str) -> bool:
        condition = None if name not in experiment.covars else experiment.covars[name].active_if
        return name in changed or condition is None or merged.get(condition.covariate) in condition.value_set

    return {name: value for name, value in merged.items() if is_kept(name)}


def _told_now(experiment: Experiment, told: Told) -> Observation | None:
    """Tell a run; None if its suggestion has been told meanwhile."""
    try:
        return result_of(tell_one(experiment.connection, experiment.exp_uuid, told))
    except ServiceError as error:
        if error.code != ALREADY_TOLD:
            raise
        return None


def _told_before(experiment: Experiment, told: Told) -> Observation:
    """Fetch the run of a suggestion that was told before.

    Raises:
        InvalidInputError: If something else was told.
    """
    stored = result_of(_run_of(experiment, told.suggestion_uuid))
    if stored is not None and _is_same(experiment, stored, told):
        return stored
    outcome = "" if stored is None else f", with {', '.join(map(' '.join, outcome_texts(stored)))}"
    message = f"was told already{outcome}. Nothing was stored. Where that was wrong, the user corrects it in AutoTune"
    problem = FieldProblem(field="suggestion_uuid", message=message, value=str(told.suggestion_uuid))
    raise InvalidInputError("this run is not valid:", [problem])


async def _run_of(experiment: Experiment, suggestion_uuid: UUID | None) -> Observation | None:
    async for page in history_pages(experiment.connection, experiment.exp_uuid):
        for run in page.observations:
            if run.suggestion_uuid == suggestion_uuid:
                return Observation(**dict(run))
    return None


def _is_same(experiment: Experiment, stored: Observation, told: Told) -> bool:
    if told.status == "stopped":
        last = (told.responses or {}).get(experiment.reported, stored.stopped_value)
        given = (stored.stopped_step if told.stopped_step is None else told.stopped_step, last)
        return stored.stopped_step is not None and (stored.stopped_step, stored.stopped_value) == given
    name = next(iter(experiment.responses))
    responses = told.responses or ({} if told.response is None else {name: told.response})
    sds = told.sds or ({} if told.sd is None else {name: told.sd})
    is_same_run = all(stored.covars.get(name) == value for name, value in told.covars.items())
    return is_same_run and (stored.status, stored.responses, stored.sds) == (told.status, responses, sds)
