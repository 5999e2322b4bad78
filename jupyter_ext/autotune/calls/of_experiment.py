"""What the calls of an experiment do, as coroutines that both clients run."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel

from autotune.calls.candidates import Which, add_rows, candidate_rows, change_rows
from autotune.calls.correcting import ObservationVersions, Undone, correct, observation_of, undo, versions
from autotune.calls.leasing import take
from autotune.calls.noting import write_note
from autotune.calls.predicting import Configurations, predict
from autotune.calls.reading import history_pages
from autotune.calls.reporting import read_curves
from autotune.calls.sharing import change_members, read_audit, read_members
from autotune.calls.telling import add_runs
from autotune.inputs.candidates import read_rows
from autotune.inputs.descriptions import Constraints, space_edit
from autotune.inputs.known import new_runs
from autotune.inputs.loading import read_runs
from autotune.neighbours.optuna_study import study_of
from autotune.pictures.insights import Insights
from autotune.transport.caller import Caller
from autotune.transport.stream import follow
from autotune.views.access import Audit, Members
from autotune.views.bests import Best, BestPredicted
from autotune.views.candidates import candidate_records
from autotune.views.curves import curve_table
from autotune.views.goals import response_name
from autotune.views.pareto import Pareto
from autotune.views.seen import Seen
from autotune.views.shown import Observation, Suggestion, with_units
from autotune.views.spaces import SpaceRevisions
from autotune.views.tables import Records, prediction_table, run_records, table
from autotune_wire import changes, experiments, paths
from autotune_wire import observations as wire
from autotune_wire.base import Configuration
from autotune_wire.frames import Event
from autotune_wire.insights import InsightsReply
from autotune_wire.observations import HistoryPage
from autotune_wire.pausing import Paused
from autotune_wire.responses import objectives_of
from autotune_wire.stopping import Stopped
from autotune_wire.suggestions import Ask, AskReply

C = TypeVar("C", bound=Caller)


class ExperimentCalls(Seen, Generic[C]):
    """An experiment, with the coroutines behind its calls; ``Experiment`` describes the calls.

    Attributes:
        connection: The connection to the service, shared with the client.
    """

    def __init__(self, connection: C, seen: experiments.Experiment) -> None:
        super().__init__(seen)
        self.connection = connection

    def events(self, after: int = 0) -> AsyncGenerator[Event, None]:
        """Follow the experiment's events: those after the seq ``after``, then each new event as it happens.

        Use the events with ``async for``. After a lost connection they go on after the last event that was read; they
        never end by themselves.
        """
        return follow(self.connection, self.exp_uuid, after)

    async def _state(self) -> experiments.Experiment:
        self._seen = await self.connection.fetch(self._path(paths.EXPERIMENT), experiments.Experiment)
        return self._seen

    async def _change(self, path: str, body: BaseModel | None = None) -> Self:
        self._seen = await self.connection.send(self._path(path), experiments.Experiment, body)
        return self

    async def _look(self, fixed: str | None) -> Suggestion:
        reply = await self.connection.fetch(self._path(paths.EXPERIMENT_ASK), AskReply, fixed=fixed)
        return with_units([Suggestion(**dict(reply.suggestions[0]))], self.covars)[0]

    async def _take(self, ask: Ask) -> list[Suggestion]:
        return with_units(await take(self.connection, self.exp_uuid, ask), self.covars)

    async def _undo(self, n: int) -> Undone:
        undone = await undo(self.connection, self.exp_uuid, n)
        undone.suggestions = with_units(undone.suggestions, self.covars)
        return undone

    async def _best(self) -> Best | None:
        best = (await self._state()).best
        if best is None:
            return None
        front = await self._pareto() if len(objectives_of(self.responses)) > 1 else None
        return Best(**dict(best), name=response_name(self.responses), goals=self.responses, front=front)

    async def _best_predicted(self) -> BestPredicted | None:
        best = (await self._state()).best_predicted
        if best is None:
            return None
        return BestPredicted(**dict(best), name=response_name(self.responses), goals=self.responses)

    async def _curves(self, newest: int | None) -> Any:
        return curve_table(await read_curves(self.connection, self.exp_uuid, newest))

    async def _stopped(self) -> Stopped | None:
        return (await self._state()).stopped

    async def _paused(self) -> Paused | None:
        return (await self._state()).paused

    async def _pareto(self) -> Pareto:
        observations = await self._observations()
        return Pareto(observations, self.name, (await self._state()).covars, self.responses)

    async def _add_history(
        self, data: Any, again: bool, say: Callable[[str], Any] | None, **options: Any
    ) -> list[Observation]:
        runs = read_runs(data, (await self._state()).covars, self.responses, **options)
        if runs.told and not again:
            stored, backfill = await self._observations(), await self._backfill()
            runs = await new_runs(runs, stored, self._versions, self.covars, self.responses, backfill, self.reported)
        if say is not None:
            for notice in runs.notices:
                say(f"{runs.subject}: {notice}\n")
        return await add_runs(self.connection, self.exp_uuid, runs, say)

    async def _observations(self) -> list[Observation]:
        return [Observation(**dict(run)) async for page in self._pages() for run in page.observations]

    async def _history(self) -> Any:
        return table(*await self._history_records())

    async def _history_records(self) -> Records:
        """Fetch the rows of ``history``, without pandas."""
        runs: list[wire.Observation] = []
        tellers: dict[UUID, str] = {}
        async for page in self._pages():
            runs += page.observations
            tellers |= page.tellers
        space = (await self._state()).covars
        return run_records(runs, space, self.responses, tellers, await self._backfill(), self.reported)

    async def _correct(self, observation: Observation | int, reason: str, changed: Mapping[str, Any]) -> Observation:
        found = await observation_of(self.connection, self.exp_uuid, observation)
        return await correct(self.connection, self.exp_uuid, found, reason, changed)

    async def _note(self, observation: Observation | int, body: wire.NoteEdit) -> Observation:
        found = await observation_of(self.connection, self.exp_uuid, observation)
        return await write_note(self.connection, self.exp_uuid, found, body)

    async def _versions(self, observation: Observation | int) -> ObservationVersions:
        found = await observation_of(self.connection, self.exp_uuid, observation)
        return await versions(self.connection, self.exp_uuid, found)

    async def _predict(self, configurations: Configurations) -> Any:
        found, predictions, why_not = await predict(self.connection, await self._state(), configurations)
        return prediction_table(found, predictions, self.covars, self.responses, why_not)

    async def _insights(self) -> Insights:
        seen = await self._state()
        reply = await self.connection.fetch(self._path(paths.EXPERIMENT_INSIGHTS), InsightsReply)
        return Insights(**dict(reply), seen=seen)

    async def _to_optuna(self, storage: Any, study_name: str | None) -> Any:
        observations = await self._observations()
        return study_of(await self._state(), observations, storage, study_name)

    async def _edit_space(
        self, covars: Mapping[str, Any], constraints: Constraints | None, backfill: Mapping[str, Any]
    ) -> Self:
        body = space_edit((await self._state()).covars, covars, constraints, backfill)
        return await self._change(paths.EXPERIMENT_SPACE, body)

    async def _candidates(self) -> Any:
        return table(*await self._candidate_records())

    async def _candidate_records(self) -> Records:
        """Fetch the rows of ``candidates``, without pandas."""
        listed = (await self._state()).candidates
        rows = [row async for row in candidate_rows(self.connection, self.exp_uuid)]
        return candidate_records(rows, self.covars, [] if listed is None else listed.details)

    async def _add_candidates(self, given: Any) -> Self:
        covars = {name: covariate.model_dump() for name, covariate in (await self._state()).covars.items()}
        rows = read_rows(given).typed(covars)
        self._seen = await add_rows(self.connection, self.exp_uuid, rows)
        return self

    async def _change_candidates(self, which: Which, *, is_withdrawal: bool) -> Self:
        self._seen = await change_rows(self.connection, self.exp_uuid, which, is_withdrawal=is_withdrawal)
        return self

    async def _spaces(self) -> SpaceRevisions:
        reply = await self.connection.fetch(self._path(paths.EXPERIMENT_SPACES), changes.SpaceRevisions)
        return SpaceRevisions(reply.spaces)

    async def _members(self) -> Members:
        return await read_members(self.connection, self.exp_uuid, self.name)

    async def _change_members(self, path: str, body: BaseModel) -> Members:
        return await change_members(self.connection, path, self.exp_uuid, body, self.name)

    async def _audit(self, limit: int) -> Audit:
        return await read_audit(self.connection, self._path(paths.EXPERIMENT_AUDIT), limit, self.name)

    async def _delete(self, body: changes.Delete) -> None:
        await self.connection.send(self._path(paths.EXPERIMENT_DELETE), changes.Deleted, body)

    async def _close(self) -> None:
        await self._change(paths.EXPERIMENT_CLOSE)

    def _pages(self) -> AsyncIterator[HistoryPage]:
        return history_pages(self.connection, self.exp_uuid)

    async def _backfill(self) -> Configuration:
        """Fetch the values that runs had of the covariates that were added after them."""
        revisions: Iterable[changes.SpaceRevision] = await self._spaces() if self._seen.space_revision > 0 else []
        return {name: value for revision in revisions for name, value in revision.backfill.items()}

    def _path(self, path: str) -> str:
        return path.format(exp_uuid=self.exp_uuid)
