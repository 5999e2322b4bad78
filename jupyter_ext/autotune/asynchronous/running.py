"""The loop that runs an async function: several configurations at a time, each under a lease."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from inspect import isawaitable
from typing import Any
from uuid import uuid4

from autotune.calls.leasing import abandon, renew, take
from autotune.calls.of_experiment import ExperimentCalls
from autotune.calls.telling import reason_of, tell_outcome
from autotune.errors import AutotuneError, InvalidInputError, RunStopped, ServiceError
from autotune.inputs.told import Run, failed_run, told_run
from autotune.running.holding import GIVE_BACK_WITHIN_S, GIVEN_BACK_S
from autotune.running.in_turn import ALREADY_TOLD, HELD_BACK, Failures, OnTell, Returned, explain, told_stop
from autotune.running.reporting import run_of, underway
from autotune.views.shown import Observation, Suggestion
from autotune_wire.observations import Told
from autotune_wire.suggestions import Ask

AsyncFunction = Callable[[dict[str, Any]], Awaitable[Returned]]

logger = logging.getLogger("autotune")


async def run(
    experiment: ExperimentCalls[Any],
    function: AsyncFunction,
    n: int,
    on_tell: OnTell | None,
    ask: Ask,
    n_workers: int,
    failures: Failures,
) -> None:
    """Keep ``n_workers`` runs at work until ``n`` runs are told; see ``AsyncExperiment.run``."""
    # With a name of its own, a call learns from a renewal that another call has taken its suggestion over.
    named = ask.model_copy(update={"worker": ask.worker or f"run {uuid4().hex[:8]}"})
    await _Run(experiment, function, n, on_tell, named, failures).run(min(n, n_workers))


class _Run:
    """One call of ``AsyncExperiment.run``."""

    def __init__(
        self,
        experiment: ExperimentCalls[Any],
        function: AsyncFunction,
        n: int,
        on_tell: OnTell | None,
        ask: Ask,
        failures: Failures,
    ) -> None:
        self._experiment = experiment
        self._function = function
        self._on_tell = on_tell
        self._ask = ask
        self._failures = failures
        self._n_to_begin = n
        self._n_told = 0
        self._is_over = False
        self._held: dict[Any, Suggestion] = {}

    async def run(self, n_workers: int) -> None:
        heartbeat = asyncio.create_task(self._renew_for_ever())
        workers = [asyncio.create_task(self._work()) for _ in range(n_workers)]
        try:
            # All are waited for: after an error the runs at work are finished and told before it is raised.
            await asyncio.wait(workers)
        finally:
            for task in (heartbeat, *workers):
                task.cancel()
            await asyncio.wait([heartbeat, *workers])
            await self._give_back()
        errors = [error for worker in workers if (error := worker.exception()) is not None]
        # The stop rule ends the loop without an error where it was met by what this loop told.
        if errors and not (self._n_told and all(_is_stop(error) for error in errors)):
            raise next((error for error in errors if not _is_stop(error)), errors[0])

    async def _work(self) -> None:
        try:
            while self._n_to_begin > 0 and not self._is_over:
                self._n_to_begin -= 1
                [suggestion] = await take(self._experiment.connection, self._experiment.exp_uuid, self._ask)
                self._held[suggestion.suggestion_uuid] = suggestion
                if self._is_over:
                    return  # it came too late to be run, and is given back
                observation = await self._finished(suggestion)
                self._n_told += 1
                if self._on_tell is not None:
                    self._on_tell(observation)
        except BaseException:
            self._is_over = True
            raise

    async def _finished(self, suggestion: Suggestion) -> Observation:
        build: Callable[[Run], Told]
        try:
            with underway(
                replace(run_of(self._experiment, suggestion, self._ask.lease_s), loop=asyncio.get_running_loop())
            ):
                returned = self._function(dict(suggestion.covars))
                if not isawaitable(returned):
                    raise InvalidInputError(
                        f"run takes an async function, and this one returned {returned!r}: for a plain function write "
                        "`lambda configuration: asyncio.to_thread(function, configuration)`"
                    )
                build = partial(self._told, returned=await returned)
        except RunStopped as error:
            build = partial(told_stop, error=error, seen=self._experiment)
        except self._failures as error:
            build = partial(failed_run, space=self._experiment.covars, reason=reason_of(error))
        except Exception as error:
            await self._abandon_for(suggestion, error)
            explain(error, suggestion, self._n_told)
            raise
        # A renewal would miss the lease of a suggestion that is told meanwhile.
        del self._held[suggestion.suggestion_uuid]
        try:
            return await self._tell(suggestion, build)
        except InvalidInputError as error:
            await self._abandon_for(suggestion, error)
            raise

    def _told(self, run: Run, returned: Returned) -> Told:
        response, sd = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
        try:
            return told_run(run, response, self._experiment.covars, self._experiment.responses, sd)
        except AutotuneError as error:
            error.add_note(f"{run} gave {returned!r}.")
            raise

    async def _tell(self, suggestion: Suggestion, build: Callable[[Run], Told]) -> Observation:
        connection, exp_uuid = self._experiment.connection, self._experiment.exp_uuid
        try:
            return await tell_outcome(connection, exp_uuid, build(suggestion))
        except ServiceError as error:
            if error.code != ALREADY_TOLD:
                error.add_note(f"{suggestion} is not told.")
                raise
        # The lease had ended, and another worker has told the suggestion: two runs were made.
        return await tell_outcome(connection, exp_uuid, build(dict(suggestion.covars)))

    async def _abandon_for(self, suggestion: Suggestion, error: Exception) -> None:
        self._held.pop(suggestion.suggestion_uuid, None)
        reason = f"the run ended with {type(error).__name__}"
        try:
            await abandon(self._experiment.connection, self._experiment.exp_uuid, suggestion, reason)
        except AutotuneError as failed:
            error.add_note(f"{suggestion} could not be abandoned: {failed}")

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._ask.lease_s / 3)
            # A failed renewal is not repeated, as the next one comes soon enough.
            await self._renew(self._ask.lease_s, self._experiment.connection.send_once)

    async def _give_back(self) -> None:
        await self._renew(GIVEN_BACK_S, partial(self._experiment.connection.send_once, timeout_s=GIVE_BACK_WITHIN_S))

    async def _renew(self, lease_s: float, send: Any) -> None:
        held = list(self._held)
        try:
            lost = await renew(send, self._experiment.exp_uuid, held, self._ask.worker, lease_s) if held else []
        except AutotuneError as error:
            logger.warning("the leases of %d suggestions were not renewed: %s", len(held), error)
            return
        for suggestion in lost:
            if self._held.pop(suggestion.suggestion_uuid, None) is not None:
                logger.warning("the lease of %s is lost; its run goes on and is told all the same", suggestion)


def _is_stop(error: BaseException) -> bool:
    return isinstance(error, ServiceError) and error.code in HELD_BACK
