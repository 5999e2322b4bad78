"""What the calls of a client do, as coroutines that both clients run."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import SecretStr

from autotune.calls.candidates import add_rows
from autotune.calls.grouping import GroupCalls, GroupList, make_group, read_groups
from autotune.calls.of_experiment import ExperimentCalls
from autotune.calls.telling import add_runs
from autotune.inputs.candidates import in_parts
from autotune.inputs.checks import checked
from autotune.inputs.loading import Runs
from autotune.transport.caller import Caller
from autotune.transport.exchange import Done
from autotune.views.tables import html_table
from autotune_wire import experiments
from autotune_wire.accounts import HeaderMe, PasswordChange
from autotune_wire.candidates import Row
from autotune_wire.experiments import ExperimentPage, NewExperiment
from autotune_wire.paths import AUTH_HEADER_ME, AUTH_LOGOUT, EXPERIMENT, EXPERIMENT_ALL, EXPERIMENT_NEW, USER_PASSWORD

PAGE = 100

C = TypeVar("C", bound=Caller)
E = TypeVar("E", bound=ExperimentCalls[Any])
G = TypeVar("G", bound=GroupCalls[Any])


class ExperimentList(list[E]):
    """Experiments, newest first."""

    def _repr_html_(self) -> str:
        rows = [(experiment.name, *(text for _, text in experiment.facts())) for experiment in self]
        return html_table("Experiments", rows, header=("name", "state", "observations", "best response", "exp_uuid"))


class ClientCalls(Generic[C, E, G]):
    """A logged-in user of one service, with the coroutines behind the calls; ``Client`` describes the calls."""

    _experiment_type: type[E]
    _group_type: type[G]

    def __init__(self, connection: C) -> None:
        self._connection = connection

    @property
    def username(self) -> str:
        """The name of the user who is logged in."""
        return self._connection.username

    async def _new(self, body: NewExperiment, say: Callable[[str], Any] | None) -> E:
        first, *others = in_parts(body.candidates or [])
        if others:
            body = body.model_copy(update={"candidates": first})
        seen = await self._connection.send(EXPERIMENT_NEW, experiments.Experiment, body)
        if others:
            seen = await self._with_rows(seen, [row for part in others for row in part])
        if say is not None:
            for sentence in seen.advice:
                say(f"{sentence}\n")
        return self._experiment_type(self._connection, seen)

    async def _with_rows(self, seen: experiments.Experiment, rows: list[Row]) -> experiments.Experiment:
        """Add the rows of a list for which the request that created the experiment had no room."""
        try:
            return await add_rows(self._connection, seen.exp_uuid, rows)
        except Exception as error:
            error.add_note(f"The experiment {seen.exp_uuid} was created: add_candidates() adds the rows that it lacks.")
            raise

    async def _with_runs(self, body: NewExperiment, runs: Runs, say: Callable[[str], Any] | None) -> E:
        experiment = await self._new(body, say)
        if say is not None:
            for notice in runs.notices:
                say(f"{runs.subject}: {notice}\n")
        await add_runs(self._connection, experiment.exp_uuid, runs, say)
        await experiment._state()
        return experiment

    async def _experiment(self, exp_uuid: UUID) -> E:
        path = EXPERIMENT.format(exp_uuid=exp_uuid)
        return self._experiment_type(self._connection, await self._connection.fetch(path, experiments.Experiment))

    async def _list(self, limit: int | None) -> ExperimentList[E]:
        found: ExperimentList[E] = ExperimentList()
        after: str | None = None
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = await self._connection.fetch(EXPERIMENT_ALL, ExperimentPage, limit=size, after=after)
            found += [self._experiment_type(self._connection, experiment) for experiment in page.experiments]
            after = page.next
            if after is None:
                break
        return found

    async def _names(self, timeout_s: float) -> list[str]:
        page = await self._connection.fetch_once(EXPERIMENT_ALL, ExperimentPage, timeout_s, limit=PAGE)
        return [experiment.name for experiment in page.experiments]

    async def _groups(self) -> GroupList[G]:
        found = await read_groups(self._connection)
        return GroupList(self._group_type(self._connection, group) for group in found)

    async def _new_group(self, name: str) -> G:
        return self._group_type(self._connection, await make_group(self._connection, name))

    async def _change_password(self, old: SecretStr, new: SecretStr, *, revoke_tokens: bool) -> None:
        with checked("the new password"):
            body = PasswordChange(
                old_password=old.get_secret_value(), new_password=new.get_secret_value(), revoke_tokens=revoke_tokens
            )
        await self._connection.send_once(USER_PASSWORD, Done, body)
        self._connection.tokens.use_password(new)

    async def _end_session(self) -> None:
        await self._connection.send(AUTH_LOGOUT, Done)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.username} at {self._connection.url})"


async def check_login(connection: Caller) -> None:
    """Check the credentials of a connection, and find the name of their user.

    Raises:
        UnauthenticatedError: If the credentials are wrong or have expired.
        ConnectionFailedError: If no service is reached.
    """
    connection.username = (await connection.send_once(AUTH_HEADER_ME, HeaderMe)).username
