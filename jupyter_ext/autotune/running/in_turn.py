"""The loop that runs a function in one thread: ask, run, tell."""

from collections.abc import Callable
from functools import partial
from typing import Any

from autotune.ask_tell import AskTell
from autotune.calls.telling import reason_of, tell_outcome
from autotune.errors import AutotuneError, InvalidInputError, RunFailed, RunStopped, ServiceError
from autotune.inputs.told import Measured, Run, failed_run, stopped_run
from autotune.running.holding import Holding
from autotune.running.reporting import Reporting, run_of
from autotune.transport.coroutines import result_of
from autotune.views.seen import Seen
from autotune.views.shown import Observation, Suggestion, counted
from autotune_wire.observations import Told
from autotune_wire.suggestions import Ask

HELD_BACK = frozenset({"experiment_stopped", "experiment_paused", "no_candidates"})
"""The codes of the errors by which an ask says that nothing more is suggested for now."""
ALREADY_TOLD = "already_told"

Returned = Measured | tuple[Measured, Measured]
"""What the function that is tuned returns: the response, or a pair of the response and its standard deviation."""

Function = Callable[[dict[str, Any]], Returned]
OnTell = Callable[[Observation], None]
Failures = tuple[type[Exception], ...]
"""The errors of the function that mean that the run failed."""


def run_in_turn(
    experiment: AskTell,
    function: Function,
    n: int,
    on_tell: OnTell | None,
    ask: Ask,
    failures: Failures = (RunFailed,),
) -> None:
    """Run one configuration after the other in this thread, each under a lease; see ``Experiment.run``."""
    with Holding(experiment, ask) as holding:
        for n_told in range(n):
            try:
                [suggestion] = holding.take(1)
            except ServiceError as error:
                if error.code not in HELD_BACK or n_told == 0:
                    raise
                break
            reporting = Reporting(function, run_of(experiment, suggestion, ask.lease_s))
            observation = _run(experiment, reporting, suggestion, holding, failures, n_told)
            if on_tell is not None:
                on_tell(observation)


def _run(
    experiment: AskTell,
    function: Function,
    suggestion: Suggestion,
    holding: Holding,
    failures: Failures,
    n_told: int,
) -> Observation:
    tell: Callable[[Run], Observation]
    try:
        tell = partial(tell_returned, experiment, returned=function(dict(suggestion.covars)))
    except RunStopped as error:
        tell = partial(tell_stop, experiment, error=error)
    except failures as error:
        tell = partial(tell_failure, experiment, error=error)
    except Exception as error:
        if holding.holds(suggestion):  # a child that the function has forked holds nothing
            abandon_for(experiment, suggestion, error)
            holding.let_go(suggestion)
            explain(error, suggestion, n_told)
        raise
    holding.stop_renewing(suggestion)
    try:
        observation = tell_once(suggestion, tell)
    except InvalidInputError:
        holding.let_go(suggestion)  # what the function returned is no response: the suggestion is abandoned
        raise
    holding.let_go(suggestion)
    return observation


def failures_of(on_error: Any) -> Failures:
    """Return the errors that mean that a run failed: ``RunFailed``, and those that the user names.

    Args:
        on_error: A class of exceptions, or a tuple of such classes.

    Raises:
        InvalidInputError: If ``on_error`` is anything else.
    """
    named = on_error if isinstance(on_error, tuple) else (on_error,)
    for kind in named:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise InvalidInputError(f"on_error must be a class of exceptions or a tuple of such classes, not {kind!r}")
    return (RunFailed, *named)


def tell_returned(experiment: AskTell, run: Run, returned: Returned) -> Observation:
    """Tell what a function returned for a suggestion or a configuration.

    An error gets a note with the returned value, because the run may have been expensive. If the value is no response,
    the suggestion is abandoned.
    """
    response, sd = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
    try:
        return experiment.tell(run, response, sd=sd)
    except AutotuneError as error:
        error.add_note(f"{run} gave {returned!r}.")
        if isinstance(error, InvalidInputError) and isinstance(run, Suggestion):
            abandon_for(experiment, run, error)
        raise


def tell_failure(experiment: AskTell, run: Run, error: BaseException) -> Observation:
    """Tell that a run failed, and why, by the error that it ended with."""
    told = failed_run(run, experiment.covars, reason_of(error))
    return result_of(tell_outcome(experiment.connection, experiment.exp_uuid, told))


def tell_stop(experiment: AskTell, run: Run, error: RunStopped) -> Observation:
    """Tell that a run was stopped early, by the error that it ended with."""
    told = told_stop(run, error, experiment)
    return result_of(tell_outcome(experiment.connection, experiment.exp_uuid, told))


def told_stop(run: Run, error: RunStopped, seen: Seen) -> Told:
    """Build the observation of a run that was stopped early.

    Args:
        run: The suggestion; or its configuration, if another worker has told the suggestion meanwhile.
        error: The error that the run ended with.
        seen: The experiment.
    """
    value = None if error.value is None else {seen.reported: error.value}
    return stopped_run(run, value, seen.covars, seen.responses, error.step)


def tell_once(suggestion: Suggestion, tell: Callable[[Run], Observation]) -> Observation:
    """Tell the run of a suggestion; if another worker has told the suggestion meanwhile, as a run of its own.

    That happens if the lease ended while the service was not reached: two runs were made.
    """
    try:
        return tell(suggestion)
    except ServiceError as error:
        if error.code != ALREADY_TOLD:
            raise
    return tell(dict(suggestion.covars))


def abandon_for(experiment: AskTell, suggestion: Suggestion, error: BaseException, reason: str = "") -> None:
    """Abandon the suggestion of a run that ended with an error; if that fails, the error gets a note.

    Args:
        experiment: The experiment.
        suggestion: The suggestion that was run.
        error: The error that ended the run.
        reason: Why the suggestion is abandoned; if not given, the class of the error.
    """
    try:
        experiment.abandon(suggestion, reason or f"the run ended with {type(error).__name__}")
    except AutotuneError as failed:
        error.add_note(f"{suggestion} could not be abandoned: {failed}")


def explain(error: BaseException, suggestion: Suggestion, n_told: int) -> None:
    """Add to an error of the function what became of the runs, and how to go on."""
    kind = type(error).__name__
    error.add_note(
        f"{suggestion} ended with this error: nothing is told of this run, and the suggestion is abandoned. "
        f"{counted(n_told, 'run')} told. To go on, mend the function and call run again. If {kind} means that a run "
        f"failed, raise autotune.RunFailed instead, or call run with on_error={kind}."
    )


def require_count(name: str, value: Any) -> int:
    """Check that a value is a whole number of at least 1, and return the number.

    Raises:
        InvalidInputError: If the value is anything else; the message names the argument ``name``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInputError(f"{name} must be a whole number of at least 1, not {value}")
    return value
