"""The function ``report``, by which a function that is tuned reports how its run goes, and is stopped early.

The loop says which run is under way, in a context variable: each thread and each task has its own.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from autotune.ask_tell import AskTell
from autotune.calls.of_experiment import ExperimentCalls
from autotune.calls.reporting import report as send
from autotune.calls.reporting import report_of
from autotune.errors import InvalidInputError, RunStopped
from autotune.transport.caller import Caller
from autotune.transport.coroutines import result_of
from autotune.views.curves import Verdict
from autotune.views.shown import Suggestion


@dataclass(frozen=True, slots=True)
class Underway:
    """A run that a loop has begun.

    Attributes:
        connection: The connection to the service.
        exp_uuid: The experiment.
        suggestion_uuid: The suggestion that is run.
        lease_s: How long the lease of the suggestion lasts from each report on.
        loop: The event loop that runs an async function; None in a loop that runs a plain one.
    """

    connection: Caller
    exp_uuid: UUID
    suggestion_uuid: UUID
    lease_s: float
    loop: asyncio.AbstractEventLoop | None = None

    async def report(self, step: int, value: float) -> None:
        """Report a value, and raise ``RunStopped`` where the run is to be stopped."""
        body = report_of(self.suggestion_uuid, step, value, self.lease_s)
        verdict: Verdict = await send(self.connection, self.exp_uuid, body)
        if verdict.should_stop:
            raise RunStopped(verdict.why, body.step, body.value)


_UNDERWAY: ContextVar[Underway | None] = ContextVar("autotune_underway", default=None)


def report(step: int, value: float) -> Coroutine[Any, Any, None] | None:
    """Report the value that the current run has come to, from a function that ``run`` calls.

    Where the rule of the experiment says that the run should be stopped, this raises ``RunStopped``, by which the
    function ends: the run is told as stopped with its last value, and the loop goes on with the next one. A function
    that tidies up does so in a ``finally`` block.

    In an async function write ``await report(step, value)``.

    Args:
        step: How far the run has come, a whole number such as the epoch.
        value: The value there of the response that the experiment compares.

    Raises:
        RunStopped: If the run should be stopped.
        InvalidInputError: If the step or the value is not valid, or no run is under way here.
    """
    underway = _UNDERWAY.get()
    if underway is None:
        raise InvalidInputError(
            "report(step, value) is for a function that run calls, and no run is under way here: report a suggestion "
            "of your own with experiment.report(suggestion, step, value). In another process a run is known only if "
            "the experiment has early_stop"
        )
    reporting = underway.report(step, value)
    if underway.loop is None:
        return result_of(reporting)
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # a plain function that the async one runs in a thread
        return asyncio.run_coroutine_threadsafe(reporting, underway.loop).result()
    return reporting


@contextmanager
def underway(run: Underway) -> Iterator[None]:
    """Let ``report`` report this run while the block runs."""
    token = _UNDERWAY.set(run)
    try:
        yield
    finally:
        _UNDERWAY.reset(token)


@dataclass(frozen=True, slots=True)
class Reporting:
    """A function with the run that it is called for, so that both travel to another thread or process together."""

    function: Callable[[dict[str, Any]], Any]
    run: Underway

    def __call__(self, configuration: dict[str, Any]) -> Any:
        """Call the function while the run is under way."""
        with underway(self.run):
            return self.function(configuration)


def run_of(experiment: AskTell | ExperimentCalls[Any], suggestion: Suggestion, lease_s: float) -> Underway:
    """Return the run of a suggestion that a loop begins."""
    return Underway(experiment.connection, experiment.exp_uuid, suggestion.suggestion_uuid, lease_s)
